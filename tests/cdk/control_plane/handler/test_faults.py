"""Every call of Create, Update, roll-back and Delete goes wrong once, and for good, in every way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import App, Stack, Tags
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from tests.cdk.control_plane.deployment import statements
from tests.cdk.control_plane.handler.deployed import Lambda
from tests.cdk.control_plane.handler.fake_aws import FakeAws, Fault, LogGroup

GROUP = "/aws/eks/prod/cluster"
NEW: dict[str, Any] = {
    "ClusterName": "prod",
    "LogTypes": ["audit", "authenticator"],
    "SwitchOff": ["scheduler"],
    "RetentionInDays": "731",
    "KmsKeyId": "arn:key",
    "Tags": {"team": "security"},
}
OLD: dict[str, Any] = {
    "ClusterName": "prod",
    "LogTypes": ["api"],
    "RetentionInDays": "365",
    "Tags": {"team": "operations"},
}

Scenario = Callable[[Lambda], dict[str, Any]]


@pytest.fixture(scope="module")
def role() -> list[dict[str, Any]]:
    """What a template with NEW lets the handler do."""
    stack = Stack(App(), "Stack")
    logging = RunningClusterLogging(
        stack,
        "Logging",
        cluster_name="prod",
        log_types=["audit", "authenticator"],
        switch_off=["scheduler"],
        retention=logs.RetentionDays.TWO_YEARS,
        keep_retention=True,
        encryption_key=kms.Key(stack, "Key"),
    )
    Tags.of(logging).add("team", "security")
    return statements(stack)


@pytest.fixture(autouse=True)
def deployed(lambda_: Lambda, role: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lambda_, "role", role)


def create(lambda_: Lambda) -> dict[str, Any]:
    return lambda_.create(**NEW)


def create_without_touching_another_retention(lambda_: Lambda) -> dict[str, Any]:
    return lambda_.create(**NEW, KeepRetention="true")


def update(lambda_: Lambda) -> dict[str, Any]:
    lambda_.aws.log_groups[GROUP] = LogGroup(retention=365, tags={"team": "operations"})
    return lambda_.update(GROUP, OLD, NEW)


def busy(lambda_: Lambda) -> dict[str, Any]:
    lambda_.aws.run_update(lambda_.aws.clusters["prod"], takes=3)
    return lambda_.create(**NEW)


def roll_back(lambda_: Lambda) -> dict[str, Any]:
    lambda_.aws.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
    return update(lambda_)


def delete(lambda_: Lambda) -> dict[str, Any]:
    lambda_.aws.log_groups[GROUP] = LogGroup(retention=365)
    return lambda_.delete(GROUP, **NEW)


def runs(lambda_: Lambda, scenario: Scenario, break_down: Callable[[int, str, int], Fault | None]) -> Iterator[Any]:
    """Run the scenario once for each of its calls, with `break_down(number, call, n)` as the fault; n is the run's."""
    for n in itertools.count():
        aws = lambda_.aws
        aws.reset()
        aws.role = lambda_.role
        aws.update_takes = 3
        aws.add_cluster("prod")
        aws.clusters["prod"].on = {"api", "scheduler"}
        fired: list[str] = []

        def fault(number: int, call: str, n: int = n, fired: list[str] = fired) -> Fault | None:
            found = break_down(number, call, n)
            if found is not None:
                fired.append(call)
            return found

        aws.log_groups.clear()
        aws.fault = fault
        response = scenario(lambda_)
        if not fired:
            assert n > 0
            return
        assert "api" in aws.clusters["prod"].on, "switched off unasked"
        yield fired[0], response, aws


def settled(aws: FakeAws) -> bool:
    group = aws.log_groups.get(GROUP)
    return (
        aws.clusters["prod"].on == {"api", "audit", "authenticator"}
        and group is not None
        and (group.retention, group.key, group.tags) == (731, "arn:key", {"team": "security"})
    )


@pytest.mark.parametrize("scenario", [create, create_without_touching_another_retention, update, busy])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.HANGS])
def test_a_fault_at_any_call_is_got_over(lambda_: Lambda, scenario: Scenario, fault: Fault) -> None:
    called = set()
    for call, response, aws in runs(lambda_, scenario, lambda number, _, n: fault if number == n else None):
        called.add(call)
        assert response["Status"] == "SUCCESS", (call, response)
        assert settled(aws), call
    calls = {"DescribeStacks", "DescribeCluster", "CreateLogGroup", "UpdateClusterConfig", "DescribeUpdate", "Respond"}
    assert calls <= called


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.MALFORMED, Fault.RESET, Fault.SERVER_ERROR])
def test_a_lost_answer_makes_no_log_group_that_never_expires_and_shortens_none(
    lambda_: Lambda, fault: Fault, others: bool
) -> None:
    aws = lambda_.aws
    aws.add_cluster("prod")
    aws.fault = lambda number, call: fault if call == "CreateLogGroup" and call not in aws.calls else None
    if others:
        aws.log_groups[GROUP] = LogGroup(retention=3653)
    assert create_without_touching_another_retention(lambda_)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].retention == (3653 if others else 731)


def test_a_call_that_hangs_is_got_over(lambda_: Lambda) -> None:
    def hang_once(number: int, call: str, n: int) -> Fault | None:
        hangs = n == 0 and call == "UpdateClusterConfig" and call not in lambda_.aws.calls
        return Fault.HANGS if hangs else None

    [(_, response, aws)] = runs(lambda_, create, hang_once)
    assert response["Status"] == "SUCCESS"
    assert settled(aws)
    assert len(aws.clusters["prod"].updates) == 1


@pytest.mark.parametrize("scenario", [create, update, roll_back])
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.THROTTLED, Fault.RESET, Fault.DENIED])
def test_a_fault_that_stays_fails_in_time_and_the_next_deployment_mends_it(
    lambda_: Lambda, scenario: Scenario, fault: Fault
) -> None:
    def break_for_good(number: int, call: str, n: int) -> Fault | None:
        return fault if number >= n and call not in ("Respond", "DescribeStacks") else None

    lambda_.lifetime = 130
    for call, response, aws in runs(lambda_, scenario, break_for_good):
        assert response["Status"] == ("SUCCESS" if scenario is roll_back else "FAILED"), call
        assert ("not authorized" in response["Reason"]) is (fault is Fault.DENIED)
        aws.fault = lambda number, call: None
        assert lambda_.update(response["PhysicalResourceId"], OLD, NEW)["Status"] == "SUCCESS"
        assert settled(aws), call


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.HANGS])
def test_delete_succeeds_whatever_fails(lambda_: Lambda, fault: Fault) -> None:
    for call, response, aws in runs(lambda_, delete, lambda number, _, n: fault if number == n else None):
        assert call == "Respond"
        assert response["Status"] == "SUCCESS"
        assert aws.log_groups[GROUP] == LogGroup(retention=365)
