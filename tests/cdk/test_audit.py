from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Match, Template

from eks_audit_constructs import AuditConfigurationError, EksAudit, EksAuditStack, Severity, catalog
from eks_audit_constructs.catalog import Detection, Guard
from eks_audit_constructs.conditions.expression import field


def resources(stack: Stack, type: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in Template.from_stack(stack).find_resources(type).values()]


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def test_one_line_makes_a_cluster_auditable(stack: Stack) -> None:
    audit = EksAudit(stack, "Audit", cluster="prod", alarm_emails=["sec@example.com"])
    template = Template.from_stack(stack)
    template.resource_count_is("AWS::CloudWatch::Alarm", len(catalog.DEFAULT))
    template.resource_count_is("AWS::Logs::QueryDefinition", len(catalog.DEFAULT_QUERIES))
    template.has_resource_properties("AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "sec@example.com"})
    template.all_resources_properties("AWS::CloudWatch::Alarm", {"AlarmActions": [Match.any_value()]})
    assert audit.topic is not None
    assert audit.log_group.log_group_name == "/aws/eks/prod/cluster"
    assert audit.alarms.alarms.keys() == {detection.id for detection in catalog.DEFAULT}
    assert audit.queries.definitions.keys() == {query.id for query in catalog.DEFAULT_QUERIES}


def test_a_construct_emits_no_outputs_and_the_stack_does(stack: Stack) -> None:
    EksAudit(stack, "Audit", cluster="prod").add_export()
    assert Template.from_stack(stack).find_outputs("*") == {}
    outputs = Template.from_stack(EksAuditStack(App(), "Other", cluster="prod", export=True)).find_outputs("*")
    assert outputs.keys() == {"AlarmTopicArn", "ExportBucketName", "LogGroupName"}


def test_an_exclusion_reaches_the_filter_and_the_saved_query(stack: Stack) -> None:
    quiet = catalog.FORBIDDEN_REQUESTS.excluding(field("user.username") == "ci")
    EksAudit(stack, "Audit", cluster="prod", detections=catalog.DEFAULT.replacing(quiet))
    [pattern] = [
        one["FilterPattern"]
        for one in resources(stack, "AWS::Logs::MetricFilter")
        if one["FilterName"] == "forbidden-requests"
    ]
    assert '($.user.username != "ci")' in pattern
    queries = resources(stack, "AWS::Logs::QueryDefinition")
    assert [one["Name"] for one in queries if '"ci"' in one["QueryString"]] == [
        f"EKS audit/prod/{quiet.saved_query.title}"
    ]
    assert len(queries) == len(catalog.DEFAULT_QUERIES)


def test_detections_that_share_a_query_and_exclude_different_things_leave_nothing_out_of_it(stack: Stack) -> None:
    by_ci = field("user.username") == "ci"
    narrowed = catalog.ROLE_CHANGED.excluding(by_ci)
    EksAudit(stack, "One", cluster="one", detections=catalog.DEFAULT.replacing(narrowed))
    both = catalog.DEFAULT.replacing(narrowed, catalog.CLUSTER_ROLE_CHANGED.excluding(by_ci))
    EksAudit(stack, "Both", cluster="both", detections=both)
    shown = {one["Name"]: one["QueryString"] for one in resources(stack, "AWS::Logs::QueryDefinition")}
    title = catalog.ROLE_CHANGED.saved_query.title
    assert '"ci"' not in shown[f"EKS audit/one/{title}"]
    assert '"ci"' in shown[f"EKS audit/both/{title}"]


def test_all_that_detections_sharing_a_query_exclude_is_left_out_of_it(stack: Stack) -> None:
    def narrowed(detection: Detection) -> Detection:
        by_ci, by_argo = field("user.username") == "ci", field("user.username") == "argo"
        return detection.excluding(by_ci).excluding(by_argo).excluding(Guard(user="flux", why="It deploys."))

    both = narrowed(catalog.ROLE_CHANGED), narrowed(catalog.CLUSTER_ROLE_CHANGED)
    EksAudit(stack, "Audit", cluster="prod", detections=catalog.DEFAULT.replacing(*both))

    shown = {one["Name"]: one["QueryString"] for one in resources(stack, "AWS::Logs::QueryDefinition")}
    text = shown[f"EKS audit/prod/{catalog.ROLE_CHANGED.saved_query.title}"]
    assert all(f'"{name}"' in text for name in ("ci", "argo", "flux"))


def test_topics_of_ones_own_replace_the_one_made_here(stack: Stack) -> None:
    pager, mail = sns.Topic(stack, "Pager"), sns.Topic(stack, "Mail")
    audit = EksAudit(stack, "Audit", cluster="prod", alarm_topic={Severity.HIGH: pager, Severity.MEDIUM: mail})
    assert audit.topic is None
    Template.from_stack(stack).resource_count_is("AWS::SNS::Topic", 2)
    alarms = resources(stack, "AWS::CloudWatch::Alarm")
    told = {alarm["AlarmName"].rsplit("/")[-1]: "AlarmActions" in alarm for alarm in alarms}
    assert told == {one.id: one.severity is not Severity.LOW for one in catalog.DEFAULT}


def test_addresses_beside_a_topic_of_ones_own_are_refused(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    with pytest.raises(AuditConfigurationError, match="alarm_topic replaces it"):
        EksAudit(stack, "Audit", cluster="prod", alarm_topic=topic, alarm_emails=["sec@example.com"])


def test_detections_need_the_audit_log(stack: Stack) -> None:
    api_only = [eks.ClusterLoggingTypes.API]
    with pytest.raises(AuditConfigurationError, match=r"ClusterLoggingTypes\.AUDIT") as refusal:
        EksAudit(stack, "Audit", cluster="prod", log_types=api_only)
    assert refusal.value.where == "Stack/Audit: log_types"
    assert EksAudit(stack, "Silent", cluster="other", log_types=api_only, detections=[catalog.AUDIT_LOG_SILENT])


def test_detections_need_a_log_group_with_metric_filters(stack: Stack) -> None:
    infrequent = logs.LogGroupClass.INFREQUENT_ACCESS
    with pytest.raises(AuditConfigurationError, match="do not support metric filters") as refusal:
        EksAudit(stack, "Audit", cluster="prod", log_group_class=infrequent)
    assert refusal.value.where == "Stack/Audit"
    EksAudit(stack, "Silent", cluster="other", log_group_class=infrequent, detections=[catalog.AUDIT_LOG_SILENT])
    [logging] = [one for one in resources(stack, "Custom::EksControlPlaneLogging") if one["ClusterName"] == "other"]
    assert logging["LogGroupClass"] == "INFREQUENT_ACCESS"


def test_without_detections_there_is_no_topic_unless_someone_wants_to_be_told(stack: Stack) -> None:
    assert EksAudit(stack, "Audit", cluster="prod", detections=[], queries=[]).topic is None
    types = {one["Type"] for one in Template.from_stack(stack).to_json()["Resources"].values()}
    assert not {"AWS::KMS::Key", "AWS::SNS::Topic", "AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm"} & types
    assert "AWS::Logs::QueryDefinition" not in types
    asked = EksAudit(stack, "Asked", cluster="other", detections=[], alarm_emails=["sec@example.com"])
    assert asked.topic is not None


def test_two_in_one_stack(stack: Stack) -> None:
    for cluster in ("one", "two"):
        EksAudit(stack, cluster, cluster=cluster).add_export()
    names = [one["AlarmName"] for one in resources(stack, "AWS::CloudWatch::Alarm")]
    assert len(names) == len(set(names)) == 2 * len(catalog.DEFAULT)


def test_clusters_in_one_stack_share_topic_and_function_until_its_policy_is_full(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    silence = [catalog.AUDIT_LOG_SILENT]
    for number in range(15):
        EksAudit(stack, f"c{number}", cluster=f"c{number}", queries=[], detections=silence, alarm_topic=topic)
    alarms = resources(stack, "AWS::CloudWatch::Alarm")
    assert len({alarm["AlarmName"] for alarm in alarms}) == 15
    assert len({str(alarm["AlarmActions"]) for alarm in alarms}) == 1
    assert len(resources(stack, "AWS::Lambda::Function")) == 1


def test_twenty_clusters_of_one_stack_share_a_function(stack: Stack) -> None:
    for number in range(20):
        EksAudit(stack, f"c{number}", cluster="c" * (number + 1), queries=[], detections=[])
    assert len(resources(stack, "AWS::Lambda::Function")) == 1
    (role,) = resources(stack, "AWS::IAM::Role")
    assert len(role["ManagedPolicyArns"]) == len(resources(stack, "AWS::IAM::ManagedPolicy")) > 1


@pytest.mark.parametrize("cluster", ["", "a b", "-a", "a" * 101, "arn:aws:eks:eu-west-1:111122223333:cluster/prod"])
def test_a_name_that_eks_would_refuse_is_refused(stack: Stack, cluster: str) -> None:
    with pytest.raises(AuditConfigurationError, match="EKS cluster name") as refusal:
        EksAudit(stack, "Audit", cluster=cluster)
    assert refusal.value.where.startswith("Stack/Audit")


@pytest.mark.parametrize("cluster", [None, 7, ["prod"]])
def test_what_is_no_cluster_is_refused(stack: Stack, cluster: object) -> None:
    with pytest.raises((AuditConfigurationError, TypeError), match="cluster"):
        EksAudit(stack, "Audit", cluster=cluster)


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_every_partition(region: str, partition: str) -> None:
    here = Stack(App(), "Stack", env=Environment(account="111122223333", region=region))
    EksAudit(here, "Audit", cluster="prod").add_export()
    text = str(Template.from_stack(here).to_json())
    assert f"arn:{partition}:" in text or "AWS::Partition" in text
    assert partition == "aws" or "arn:aws:" not in text


def test_with_all_recommended_flags_and_with_none(recommended_flags: dict[str, Any]) -> None:
    def template(context: dict[str, Any]) -> Template:
        one = Stack(App(context=context), "Stack")
        EksAudit(one, "Audit", cluster="prod").add_export()
        return Template.from_stack(one)

    without, with_all = template({}), template(recommended_flags)
    assert without.to_json()["Resources"].keys() == with_all.to_json()["Resources"].keys()
