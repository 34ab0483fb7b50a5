"""The handler, pointed at the fake service: its time is the fake's, so that no test waits."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from aws_cdk import App, Stack
from botocore.config import Config

from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from tests.cdk.control_plane.clusters import resources
from tests.cdk.control_plane.handler.deployed import CHANCE, LIFETIME, Lambda, module
from tests.cdk.control_plane.handler.fake_aws import READ_TIMEOUT, REGION, STACK_ID, FakeAws


@pytest.fixture(scope="session")
def handler_code() -> str:
    """The inline code of a template."""
    stack = Stack(App(), "Stack")
    RunningClusterLogging(stack, "Logging", cluster_name="prod", log_types=["audit"])
    [function] = resources(stack, "AWS::Lambda::Function").values()
    return str(function["Properties"]["Code"]["ZipFile"])


@pytest.fixture(scope="session")
def served(handler_code: str) -> Iterator[Lambda]:
    """Session-wide, as botocore's clients are what costs time."""
    aws = FakeAws()
    address = aws.serve()
    index = module(handler_code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "none")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "none")
        patch.setenv("STACK_ID", STACK_ID)
        patch.setenv("RESPONSE_URLS", f"{address}/")
        patch.setenv("ASKED", "[]")
        patch.setattr(index, "sleep", aws.sleep)
        patch.setattr(index, "clock", lambda: aws.now)
        patch.setattr(index, "random", CHANCE)
        patch.setattr(index, "CONFIG", index.CONFIG.merge(Config(read_timeout=READ_TIMEOUT)))
        index.client.cache_clear()
        yield Lambda(aws, address, index)
        index.client.cache_clear()


@pytest.fixture
def lambda_(served: Lambda, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    served.aws.reset()
    served.lifetime = LIFETIME
    for name in ("STACK_ID", "RESPONSE_URLS", "ASKED"):  # a test that sets them does not change them for others
        monkeypatch.setenv(name, os.environ[name])
    return served


@pytest.fixture
def aws(lambda_: Lambda) -> FakeAws:
    return lambda_.aws
