from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from aws_cdk import Annotations as Cdk
from aws_cdk import App, Stack
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template

from eks_audit_constructs import AuditAlarms, AuditConfigurationError, Detection, Severity, catalog
from eks_audit_constructs.conditions.expression import field

TWO = (catalog.FORBIDDEN_REQUESTS, catalog.AUDIT_LOG_SILENT)


def new_stack() -> Stack:
    return Stack(App(), "Stack")


def alarms(stack: Stack, id: str = "Alarms", cluster: str = "prod", **options: Any) -> AuditAlarms:
    group = logs.LogGroup.from_log_group_name(stack, f"{id}Group", f"/aws/eks/{cluster}/cluster")
    return AuditAlarms(stack, id, cluster_name=cluster, log_group=group, **options)


def detection(number: int, **changes: Any) -> Detection:
    return dataclasses.replace(catalog.ROLE_CHANGED, id=f"mine-{number}", **changes)


def test_an_event_becomes_a_filter_a_metric_and_an_alarm_of_the_same_name() -> None:
    stack = new_stack()
    alarms(stack, detections=TWO)
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::Logs::MetricFilter", 1)
    template.has_resource_properties(
        "AWS::Logs::MetricFilter",
        {
            "FilterName": "forbidden-requests",
            "FilterPattern": catalog.FORBIDDEN_REQUESTS.pattern,
            "LogGroupName": "/aws/eks/prod/cluster",
            "MetricTransformations": [
                {
                    "MetricNamespace": "EksAudit/prod",
                    "MetricName": "ForbiddenRequests",
                    "MetricValue": "1",
                    "DefaultValue": 0,
                    "Dimensions": Match.absent(),
                }
            ],
        },
    )
    template.has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": "eks-audit/prod/forbidden-requests",
            "Namespace": "EksAudit/prod",
            "MetricName": "ForbiddenRequests",
            "Dimensions": Match.absent(),
            "Statistic": "Sum",
            "Period": 300,
            "Threshold": 10,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 1,
            "TreatMissingData": "notBreaching",
            "AlarmActions": Match.absent(),
        },
    )


def test_silence_watches_the_log_group_itself_and_missing_data_is_the_alarm() -> None:
    stack = new_stack()
    alarms(stack, detections=TWO)
    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "Namespace": "AWS/Logs",
            "MetricName": "IncomingLogEvents",
            "Dimensions": [{"Name": "LogGroupName", "Value": "/aws/eks/prod/cluster"}],
            "ComparisonOperator": "LessThanThreshold",
            "Threshold": 1,
            "EvaluationPeriods": 3,
            "DatapointsToAlarm": 3,
            "TreatMissingData": "breaching",
        },
    )


def test_the_description_says_what_why_what_next_and_which_query() -> None:
    stack = new_stack()
    made = alarms(stack)
    for alarm in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values():
        id = alarm["Properties"]["AlarmName"].rsplit("/")[-1]
        text = alarm["Properties"]["AlarmDescription"]
        one = made.detections[id]
        query = f"EKS audit/prod/{one.saved_query.title}"
        for part in (one.title, one.what, one.why, one.next_steps, query, *one.techniques):
            assert part in text
        assert len(text) <= 1024


def test_severity_decides_the_topic() -> None:
    stack = new_stack()
    pager = sns.Topic(stack, "Pager")
    alarms(stack, topic={Severity.HIGH: pager})
    told = {
        resource["Properties"]["AlarmName"].rsplit("/")[-1]
        for resource in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
        if resource["Properties"].get("AlarmActions") == [{"Ref": stack.get_logical_id(pager.node.default_child)}]
    }
    assert told == {one.id for one in catalog.DEFAULT if one.severity is Severity.HIGH}


def test_what_is_made_can_be_reached_by_detection_id() -> None:
    made = alarms(new_stack(), detections=TWO)
    assert list(made.alarms) == list(made.metrics) == ["audit-log-silent", "forbidden-requests"]
    assert list(made.metric_filters) == ["forbidden-requests"]
    assert made.metrics["forbidden-requests"].namespace == made.namespace == "EksAudit/prod"


def test_logical_ids_come_from_ids_and_never_from_positions() -> None:
    def resources(detections: list[Detection]) -> dict[str, Any]:
        stack = new_stack()
        alarms(stack, detections=detections)
        found: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
        return found

    few, all_of_them = resources([*catalog.DEFAULT][2:5]), resources([*reversed(list(catalog.DEFAULT))])
    assert few.items() <= all_of_them.items()
    assert all_of_them == resources(list(catalog.DEFAULT))
    assert list(all_of_them) == list(resources(list(catalog.DEFAULT)))


def test_two_clusters_in_one_stack() -> None:
    stack = new_stack()
    alarms(stack, "One", "one", detections=TWO)
    alarms(stack, "Two", "two", detections=TWO)
    names = [
        alarm["Properties"]["AlarmName"]
        for alarm in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    ]
    assert len(names) == len(set(names)) == 4


def test_no_detection_is_no_alarm() -> None:
    stack = new_stack()
    alarms(stack, detections=[])
    assert Template.from_stack(stack).to_json().get("Resources", {}) == {}


def test_a_hundred_filters_fit_and_one_more_does_not() -> None:
    assert len(alarms(new_stack(), detections=[detection(number) for number in range(100)]).alarms) == 100
    with pytest.raises(AuditConfigurationError, match="at most 100 metric filters") as refusal:
        alarms(new_stack(), detections=[detection(number) for number in range(101)])
    assert refusal.value.where == "Stack/Alarms"


def test_five_patterns_with_regular_expressions_fit_and_one_more_does_not() -> None:
    regex = field("verb").matches("^get$")
    assert alarms(new_stack(), detections=[detection(number, condition=regex) for number in range(5)])
    with pytest.raises(AuditConfigurationError, match="at most 5 metric filters with a regular expression"):
        alarms(new_stack(), detections=[detection(number, condition=regex) for number in range(6)])


def test_a_description_longer_than_cloudwatch_takes_is_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="an alarm's description can have at most 1024"):
        alarms(new_stack(), detections=[detection(1, next_steps="x" * 1024)])


def test_a_group_without_metric_filters_is_refused_unless_nothing_is_counted() -> None:
    stack = new_stack()
    group = logs.LogGroup(stack, "Group", log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS)
    with pytest.raises(AuditConfigurationError, match="do not support metric filters"):
        AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group)
    assert AuditAlarms(
        stack, "Silence", cluster_name="prod", log_group=group, detections=[catalog.AUDIT_LOG_SILENT]
    ).alarms


POD = Detection(id="pod", title="Pod", condition=field("objectRef.resource") == "pod")
ANSWER = ".*likely never matches: audit events have the plural.*"


def test_what_likely_never_matches_is_a_warning_at_synth() -> None:
    stack = new_stack()
    alarms(stack, detections=[POD, catalog.ROLE_CHANGED])

    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(".*"))
    [warning] = [warning for warning in found if warning.id != "/Stack/Alarms"]  # which nobody hears
    assert warning.id == "/Stack/Alarms/Filters/Pod"
    assert Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(ANSWER))


def test_the_warning_can_be_acknowledged_for_one_detection() -> None:
    stack = new_stack()
    both = alarms(stack, detections=[POD, dataclasses.replace(POD, id="other")])
    Cdk.of(both).acknowledge_warning("eks-audit-constructs:mayNeverMatch:pod")

    [warning] = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp(ANSWER))
    assert warning.id == "/Stack/Alarms/Filters/Other"


def test_the_catalogue_has_no_warnings() -> None:
    stack = new_stack()
    alarms(stack, detections=catalog.DEFAULT)

    assert not Annotations.from_stack(stack).find_warning("/Stack/Alarms/Filters/*", Match.any_value())
    assert {each.id for each in Annotations.from_stack(stack).find_warning("*", Match.any_value())} == {"/Stack/Alarms"}
