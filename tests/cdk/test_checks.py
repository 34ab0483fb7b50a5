"""Values that EKS, CloudWatch Logs or SNS would refuse are refused at synth, and only those."""

from __future__ import annotations

import pytest
from aws_cdk import Aws
from aws_cdk import aws_logs as logs

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.errors import AuditConfigurationError


@pytest.mark.parametrize(
    ("days", "retention"),
    [(1, logs.RetentionDays.ONE_DAY), (400, logs.RetentionDays.THIRTEEN_MONTHS), (3653, logs.RetentionDays.TEN_YEARS)],
)
def test_retentions_that_cloudwatch_knows(days: int, retention: logs.RetentionDays) -> None:
    assert checks.retention_days(days, "Stack") is retention


@pytest.mark.parametrize(
    ("days", "instead"), [(100, "90 or 120"), (0, "1 "), (-5, "1 "), (4000, "3653"), (364, "180 or 365")]
)
def test_retentions_that_it_does_not_know(days: int, instead: str) -> None:
    with pytest.raises(AuditConfigurationError, match=f"Stack: '{days}': .*Use {instead}"):
        checks.retention_days(days, "Stack")


@pytest.mark.parametrize("days", ["90", 90.0, True, None])
def test_retentions_that_are_no_whole_number(days: object) -> None:
    with pytest.raises(AuditConfigurationError, match=r"Use 1 or 3 or"):
        checks.retention_days(days, "Stack")


def test_every_retention_of_cdk_has_its_number_of_days() -> None:
    known = {member for member in logs.RetentionDays if member is not logs.RetentionDays.INFINITE}
    assert set(checks.RETENTIONS.values()) == known


@pytest.mark.parametrize("email", ["sec@example.com", "a.b+eks@mail.example.co.uk", "x@xn--bcher-kva.example"])
def test_addresses(email: str) -> None:
    assert checks.email_address(email, "Stack") == email


@pytest.mark.parametrize(
    "email",
    ["", "sec", "sec@", "sec@example", "@example.com", "a@b@example.com", "a..b@example.com", "sec@-example.com",
     "Sec <sec@example.com>", "a@example.com,b@example.com", "sec@example.com\n", f"{'a' * 65}@example.com", None, 7],
)  # fmt: skip
def test_what_is_no_address(email: object) -> None:
    with pytest.raises(AuditConfigurationError, match="not an email address"):
        checks.email_address(email, "Stack")


def test_tokens_pass_unjudged() -> None:
    token = Aws.STACK_NAME
    assert checks.email_address(token, "Stack") == token
    assert checks.cluster_name(f"{token} with what may come", "Stack")
