"""The handler, pointed at the fake service: its time is the fake's, so that no test waits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.config import Config

from eks_audit_constructs.cdk.control_plane.handler import index
from tests.cdk.control_plane.handler.deployed import CHANCE, LIFETIME, Lambda
from tests.cdk.control_plane.handler.fake_aws import READ_TIMEOUT, REGION, FakeAws


@pytest.fixture(scope="session")
def served() -> Iterator[Lambda]:
    """Session-wide, as botocore's clients are what costs time."""
    aws = FakeAws()
    address = aws.serve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        patch.setattr(index, "sleep", aws.sleep)
        patch.setattr(index, "random", CHANCE)
        patch.setattr(index, "CONFIG", index.CONFIG.merge(Config(read_timeout=READ_TIMEOUT)))
        index.client.cache_clear()
        yield Lambda(aws, address)
        index.client.cache_clear()


@pytest.fixture
def lambda_(served: Lambda) -> Lambda:
    served.aws.reset()
    served.lifetime = LIFETIME
    return served


@pytest.fixture
def aws(lambda_: Lambda) -> FakeAws:
    return lambda_.aws
