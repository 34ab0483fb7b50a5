"""Names, namespaces, descriptions and tags of alarms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Stack, Tags
from aws_cdk.assertions import Match, Template

from eks_audit_constructs import AuditAlarms, AuditConfigurationError, EksAudit, catalog
from eks_audit_constructs.cdk.alarms.labels import Labels
from tests.cdk.alarms.test_audit_alarms import alarms

TWO = (catalog.FORBIDDEN_REQUESTS, catalog.AUDIT_LOG_SILENT)


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def made(stack: Stack) -> dict[str, dict[str, Any]]:
    """The alarms by detection."""
    found = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    return {one["Properties"]["AlarmName"].rsplit("/")[-1]: one["Properties"] for one in found}


def test_names_begin_with_the_prefix_and_keep_the_cluster(stack: Stack) -> None:
    for cluster in ("one", "two"):
        alarms(stack, cluster, cluster, detections=TWO, alarm_name_prefix="platform/audit", namespace="Security/Audit")
    template = Template.from_stack(stack)
    names = {one["Properties"]["AlarmName"] for one in template.find_resources("AWS::CloudWatch::Alarm").values()}
    assert names == {f"platform/audit/{cluster}/{one.id}" for cluster in ("one", "two") for one in TWO}
    filters = template.find_resources("AWS::Logs::MetricFilter").values()
    spaces = {one["Properties"]["MetricTransformations"][0]["MetricNamespace"] for one in filters}
    assert spaces == {"Security/Audit/one", "Security/Audit/two"}
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"Namespace": "Security/Audit/one"})
    template.has_resource_properties("AWS::CloudWatch::Alarm", {"Namespace": "AWS/Logs"})


def test_labels_touch_no_logical_id(stack: Stack) -> None:
    plain = Stack(App(), "Stack")
    alarms(plain, detections=TWO)
    alarms(stack, detections=TWO, alarm_name_prefix="x", namespace="y", runbook_url="https://z", alarm_tags=True)
    ids = [Template.from_stack(one).to_json()["Resources"].keys() for one in (plain, stack)]
    assert ids[0] == ids[1]


def test_the_metrics_of_the_construct_are_in_its_namespace(stack: Stack) -> None:
    found = alarms(stack, detections=TWO, namespace="Security")
    assert found.namespace == found.metrics["forbidden-requests"].namespace == "Security/prod"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("alarm_name_prefix", ""),
        ("alarm_name_prefix", "a\nb"),
        ("alarm_name_prefix", None),
        ("alarm_name_prefix", 7),
        ("alarm_name_prefix", "x" * 240),
        ("namespace", ""),
        ("namespace", "AWS/Logs"),
        ("namespace", "AWS"),
        ("namespace", "Mine:Yours"),
        ("namespace", "*"),
        ("namespace", " x"),
        ("namespace", None),
        ("namespace", "x" * 251),
        ("runbook_url", ""),
        ("runbook_url", "wiki.example.com/{id}"),
        ("runbook_url", "https://wiki.example.com/{detection}"),
        ("runbook_url", "https://wiki.example.com/{id"),
        ("runbook_url", "https://wiki.example.com/a b"),
        ("runbook_url", "javascript:alert(1)"),
        ("runbook_url", 7),
        ("runbook_url", "https://wiki.example.com/" + "x" * 1000),
    ],
)
def test_a_label_that_cloudwatch_would_reject_is_refused(stack: Stack, option: str, value: object) -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        EksAudit(stack, "Audit", cluster="prod", **{option: value})
    assert refusal.value.where.startswith("Stack/Audit/Alarms")
    assert option in str(refusal.value)


def test_tokens_pass(stack: Stack) -> None:
    token = CfnParameter(stack, "Anything").value_as_string
    alarms(
        stack,
        cluster=token,
        detections=[catalog.FORBIDDEN_REQUESTS],
        alarm_name_prefix=token,
        namespace=token,
        runbook_url=f"https://{token}/{{id}}",
    )
    [alarm] = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    assert {"Ref": "Anything"} in alarm["Properties"]["AlarmName"]["Fn::Join"][1]
    assert "/forbidden-requests" in str(alarm["Properties"]["AlarmDescription"])


def test_the_description_links_the_runbook(stack: Stack) -> None:
    alarms(stack, detections=TWO, runbook_url="https://wiki.example.com/runbooks/{id}#{id}")
    for id, alarm in made(stack).items():
        assert f"**Runbook:** https://wiki.example.com/runbooks/{id}#{id}\n" in alarm["AlarmDescription"]


def test_a_runbook_link_fits_every_detection() -> None:
    labels = Labels(where="x", cluster_name="c" * 100, runbook_url="https://wiki.example.com/" + "x" * 120 + "/{id}")
    assert all(len(labels.description(detection)) <= 1024 for detection in catalog.ALL)


def test_no_tags_by_default(stack: Stack) -> None:
    alarms(stack, detections=TWO)
    for alarm in made(stack).values():
        assert not {"Tags", "ActionConfiguration"} & alarm.keys()


def test_tags_tell_cluster_detection_severity_and_technique_and_are_sent_along(stack: Stack) -> None:
    own = catalog.ROLE_CHANGED
    several = next(one for one in catalog.ALL if len(one.techniques) > 1)
    bare = replace(own, id="mine", techniques=())
    alarms(stack, detections=[own, several, bare], alarm_tags=True)
    for one in (own, several, bare):
        alarm = made(stack)[one.id]
        tags = {tag["Key"]: tag["Value"] for tag in alarm["Tags"]}
        expected = {"cluster": "prod", "detection": one.id, "severity": one.severity.value}
        if one.techniques:
            expected["technique"] = " ".join(one.techniques)
        assert tags == {f"eks-audit:{name}": value for name, value in expected.items()}
        assert alarm["ActionConfiguration"] == {"AlarmTagsPropagation": {"Enabled": True}}


def test_tags_of_the_stack_stay_beside_ours() -> None:
    stack = Stack(App(), "Stack", tags={"team": "platform"})
    alarms(stack, detections=TWO, alarm_tags=True)
    Tags.of(stack).add("cost-centre", "7")
    for alarm in made(stack).values():
        assert {"cost-centre", "eks-audit:severity"} <= {tag["Key"] for tag in alarm["Tags"]}


def test_every_label_in_an_audit(stack: Stack) -> None:
    audit = EksAudit(
        stack,
        "Audit",
        cluster="prod",
        detections=TWO,
        alarm_emails=["a@example.com"],
        alarm_name_prefix="platform",
        namespace="Security",
        runbook_url="https://wiki.example.com/{id}",
        alarm_tags=True,
        ok_actions=True,
        actions_enabled=False,
    )
    assert isinstance(audit.alarms, AuditAlarms)
    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": "platform/prod/forbidden-requests",
            "Namespace": "Security/prod",
            "AlarmDescription": Match.string_like_regexp("https://wiki.example.com/forbidden-requests"),
            "ActionsEnabled": False,
            "AlarmActions": [Match.any_value()],
            "OKActions": [Match.any_value()],
            "Tags": Match.array_with([{"Key": "eks-audit:severity", "Value": "medium"}]),
        },
    )
