"""Events that CloudFormation did not send, from somebody who may invoke the function."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from tests.cdk.control_plane.deployment import environment, given, rendered, statements
from tests.cdk.control_plane.handler.deployed import Lambda
from tests.cdk.control_plane.handler.fake_aws import LOG_TYPES, FakeAws, Fault, LogGroup

GROUP = "/aws/eks/prod/cluster"
IDLE = [
    *("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_FAILED"),
    *("UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
    *("REVIEW_IN_PROGRESS", "IMPORT_IN_PROGRESS", "IMPORT_ROLLBACK_IN_PROGRESS"),
]
DEPLOYING = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"]


@pytest.fixture(scope="module")
def stack() -> Stack:
    stack = Stack(App(), "Stack")
    RunningClusterLogging(
        stack,
        "Prod",
        cluster_name="prod",
        log_types=["audit", "api"],
        switch_off=["scheduler"],
        retention=logs.RetentionDays.ONE_YEAR,
        encryption_key=kms.Key(stack, "Key"),
        field_indexes=True,
    )
    RunningClusterLogging(
        stack,
        "Blue",
        cluster_name="blue",
        log_types=["audit"],
        retention=logs.RetentionDays.ONE_YEAR,
        keep_retention=True,
    )
    RunningClusterLogging(stack, "Plain", cluster_name="plain", log_types=["audit"])
    return stack


@pytest.fixture
def deployed(stack: Stack, lambda_: Lambda, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    """The function of the template, with its environment and role, whose clusters are set up and log everything."""
    variables = environment(stack)
    monkeypatch.setenv("ASKED", variables["ASKED"])
    monkeypatch.setenv("STACK_ID", variables["STACK_ID"])
    aws = lambda_.aws
    aws.role = statements(stack)
    for name in ("prod", "blue", "plain", "other"):
        aws.add_cluster(name, *LOG_TYPES)
        aws.log_groups[f"/aws/eks/{name}/cluster"] = LogGroup(retention=3653, key="arn:theirs", tags={"a": "theirs"})
    return lambda_


def asks(stack: Stack, id: str, **changes: Any) -> dict[str, Any]:
    """What the template asks, as CloudFormation says it, with changes. None takes a property out."""
    properties = {**rendered(given(stack, id)), **changes}
    return {name: _as_said(value) for name, value in properties.items() if value is not None}


def _as_said(value: Any) -> Any:
    if isinstance(value, list | dict):
        return value
    return "true" if value is True else str(value)


def state(aws: FakeAws) -> Any:
    return {name: {*one.on} for name, one in aws.clusters.items()}, {
        name: repr(one) for name, one in aws.log_groups.items()
    }


@pytest.mark.parametrize("status", IDLE)
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_is_done_unless_the_stack_is_deployed(deployed: Lambda, stack: Stack, kind: str, status: str) -> None:
    aws, before = deployed.aws, state(deployed.aws)
    aws.stack_status = status
    response = deployed.invoke(deployed.event(kind, GROUP, ResourceProperties=asks(stack, "Prod")))
    assert response["Status"] == "FAILED"
    assert response["Reason"] == f"Only a deployment of this stack may ask to {kind}, and its status is {status}."
    assert aws.calls == ["DescribeStacks", "Respond"]
    assert state(aws) == before


@pytest.mark.parametrize("status", DEPLOYING)
@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_what_the_template_asks_is_done_while_it_is_deployed(
    deployed: Lambda, stack: Stack, kind: str, status: str
) -> None:
    aws = deployed.aws
    aws.stack_status = status
    asked = asks(stack, "Prod")
    assert deployed.invoke(deployed.event(kind, GROUP, ResourceProperties=asked))["Status"] == "SUCCESS"
    assert aws.clusters["prod"].on == {*LOG_TYPES} - {"scheduler"}
    group = aws.log_groups[GROUP]
    assert (group.retention, group.key, group.indexes) == (365, asked["KmsKeyId"], asked["FieldIndexes"])


BEYOND: list[tuple[str, dict[str, Any], str]] = [
    ("Prod", {"ClusterName": "other"}, "does not name the cluster other"),
    ("Prod", {"ClusterName": "PROD"}, "does not name the cluster PROD"),
    ("Prod", {"ClusterName": "prod/../blue"}, "does not name the cluster"),
    ("Prod", {"SwitchOff": ["audit"]}, "SwitchOff"),
    ("Prod", {"SwitchOff": ["scheduler", "api"]}, "SwitchOff"),
    ("Blue", {"SwitchOff": ["scheduler"]}, "SwitchOff"),
    ("Prod", {"LogTypes": ["authenticator"]}, "LogTypes"),
    ("Prod", {"LogTypes": ["etcd"]}, "LogTypes"),
    ("Prod", {"LogTypes": "authenticator"}, "LogTypes"),
    ("Prod", {"RetentionInDays": "1"}, "RetentionInDays"),
    ("Prod", {"RetentionInDays": "-1"}, "RetentionInDays"),
    ("Plain", {"RetentionInDays": "365"}, "RetentionInDays"),
    ("Plain", {"RetentionInDays": "0"}, "RetentionInDays"),
    ("Blue", {"KeepRetention": None}, "RetentionInDays"),
    ("Blue", {"KeepRetention": "false"}, "RetentionInDays"),
    ("Blue", {"KeepRetention": "True"}, "RetentionInDays"),
    ("Prod", {"KmsKeyId": "arn:aws:kms:eu-west-1:999999999999:key/theirs"}, "KmsKeyId"),
    ("Blue", {"KmsKeyId": "arn:aws:kms:eu-west-1:999999999999:key/theirs"}, "KmsKeyId"),
    ("Blue", {"LogGroupClass": "INFREQUENT_ACCESS"}, "LogGroupClass"),
    ("Blue", {"DeletionProtection": "true"}, "DeletionProtection"),
    ("Blue", {"FieldIndexes": ["verb"]}, "FieldIndexes"),
    ("Prod", {"FieldIndexes": ["nothing"]}, "FieldIndexes"),
    ("Prod", {"SwitchOff": ["audit"], "RetentionInDays": "1"}, "SwitchOff, RetentionInDays"),
]


@pytest.mark.parametrize("status", [*DEPLOYING, "UPDATE_COMPLETE"])
@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize(("id", "changes", "said"), BEYOND, ids=str)
def test_more_than_the_template_asks_is_refused_at_any_time(
    deployed: Lambda, stack: Stack, id: str, changes: dict[str, Any], said: str, kind: str, status: str
) -> None:
    aws, before = deployed.aws, state(deployed.aws)
    aws.stack_status = status
    event = deployed.event(kind, GROUP, ResourceProperties=asks(stack, id, **changes))
    response = deployed.invoke(event)
    rolling_back = status == "UPDATE_ROLLBACK_IN_PROGRESS" and kind == "Update"
    assert response["Status"] == ("SUCCESS" if rolling_back else "FAILED")
    assert said in response["Reason"] or status == "UPDATE_COMPLETE"
    assert aws.calls == ["DescribeStacks", "Respond"]
    assert state(aws) == before


@pytest.mark.parametrize(
    ("id", "changes"),
    [
        ("Prod", {"RetentionInDays": "3653"}),
        ("Prod", {"RetentionInDays": None}),
        ("Prod", {"LogTypes": ["audit"], "SwitchOff": None}),
        ("Blue", {"KeepRetention": "true", "RetentionInDays": "731"}),
    ],
    ids=str,
)
def test_less_than_the_template_asks_is_done(deployed: Lambda, stack: Stack, id: str, changes: dict[str, Any]) -> None:
    event = deployed.event("Update", GROUP, ResourceProperties=asks(stack, id, **changes))
    response = deployed.invoke(event)
    assert "Reason" not in response
    for group in deployed.aws.log_groups.values():
        assert group.retention in (365, 731, 3653)


def test_an_older_template_cannot_be_made_up(deployed: Lambda, stack: Stack) -> None:
    """OldResourceProperties decide what is taken off, and are forged too."""
    aws = deployed.aws
    old = {"ClusterName": "blue", "KmsKeyId": "arn:theirs"}
    event = deployed.event("Update", GROUP, ResourceProperties=asks(stack, "Blue"), OldResourceProperties=old)
    response = deployed.invoke(event)
    assert response["Status"] == "FAILED"
    assert aws.log_groups["/aws/eks/blue/cluster"].key == "arn:theirs"


@pytest.mark.parametrize("kind", ["Delete", "Create", "Update"])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/response?X-Amz-Signature=s",
        "http://127.0.0.1:1/response?X-Amz-Signature=s",
        "https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com.evil.example/?X-Amz-Signature=s",
        "https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com@evil.example/?X-Amz-Signature=s",
        "https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com:8443/?X-Amz-Signature=s",
        "https://cloudformation-custom-resource-response-euwest1.s3.evil.s3.amazonaws.com/?X-Amz-Signature=s",
        "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/?X-Amz-Signature=s",
        "https://bucket.s3.eu-west-1.amazonaws.com/?X-Amz-Signature=s",
        "http://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com/?X-Amz-Signature=s",
        " https://cloudformation-custom-resource-response-euwest1.s3.amazonaws.com/?X-Amz-Signature=s",
        "file:///etc/passwd#X-Amz-Signature=s",
        "",
        None,
        7,
        ["X-Amz-Signature"],
    ],
)
def test_nobody_but_cloudformation_is_answered(
    deployed: Lambda,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    url: Any,
) -> None:
    aws, before = deployed.aws, state(deployed.aws)
    monkeypatch.setenv("RESPONSE_URLS", environment(stack)["RESPONSE_URLS"])
    called = []
    monkeypatch.setattr(deployed.code, "urlopen", lambda *arguments, **options: called.append(arguments))
    event = {**deployed.event(kind, GROUP, ResourceProperties=asks(stack, "Prod")), "ResponseURL": url}
    deployed.run(event)
    assert not called
    assert not aws.calls
    assert state(aws) == before
    log = capsys.readouterr().out
    assert log == "Nothing done and nobody called: the event's response URL is not CloudFormation's.\n"


@pytest.mark.parametrize(
    "host",
    [
        "cloudformation-custom-resource-response-euwest1.s3.amazonaws.com",
        "cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com",
        "cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com",
    ],
)
def test_cloudformation_is_answered_at_each_of_its_addresses(
    deployed: Lambda, stack: Stack, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    called = []

    def urlopen(request: Any, timeout: float) -> Any:
        called.append(request.full_url)
        return contextlib.nullcontext()

    monkeypatch.setenv("RESPONSE_URLS", environment(stack)["RESPONSE_URLS"])
    monkeypatch.setattr(deployed.code, "urlopen", urlopen)
    url = f"https://{host}/arn%3Aaws%3Acloudformation?X-Amz-Signature=s"
    deployed.run({**deployed.event("Delete", GROUP), "ResponseURL": url})
    assert called == [url]


# A status that cannot be read


@pytest.mark.parametrize("kind", ["Create", "Update"])
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.THROTTLED, Fault.SERVER_ERROR, Fault.RESET])
def test_a_status_that_cannot_be_read_is_retried_and_then_refused(
    deployed: Lambda, stack: Stack, kind: str, fault: Fault
) -> None:
    """CloudFormation would be stuck if it were a rollback that failed, and nothing tells an Update from one."""
    aws, before = deployed.aws, state(deployed.aws)
    aws.fault = lambda number, call: fault if call == "DescribeStacks" else None
    response = deployed.invoke(deployed.event(kind, GROUP, ResourceProperties=asks(stack, "Prod")))
    assert response["Status"] == ("FAILED" if kind == "Create" else "SUCCESS")
    assert response["Reason"].endswith("its status is unknown.")
    assert response["Data"]["LogGroupName"] == GROUP
    assert len(aws.calls) > 5
    assert {*aws.calls} == {"DescribeStacks", "Respond"}
    assert state(aws) == before
