"""The custom resource in a template: what it may do, what it is given, and that it does it with what it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, BootstraplessSynthesizer, CfnParameter, NestedStack, Stack, Tags
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from eks_audit_constructs import EksAudit
from eks_audit_constructs.cdk.control_plane.handler import index
from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from eks_audit_constructs.errors import AuditConfigurationError
from tests.cdk.control_plane.clusters import KINDS, resources
from tests.cdk.control_plane.deployment import CUSTOM_RESOURCE as TYPE
from tests.cdk.control_plane.deployment import environment, given, rendered, statements
from tests.cdk.control_plane.handler.deployed import Lambda
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, LOG_TYPES, REGION, STACK_ID
from tests.nag import violations

READERS = {"AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::S3::Bucket"}


@pytest.fixture(scope="module", params=["no flag", "all flags"])
def stack(request: pytest.FixtureRequest, recommended_flags: dict[str, Any]) -> Stack:
    """Two clusters with everything there is to ask for, and one of which only the log group is cared for."""
    app = App(context=recommended_flags if request.param == "all flags" else {})
    stack = Stack(app, "Stack", synthesizer=BootstraplessSynthesizer())
    key = kms.Key(stack, "Key", enable_key_rotation=True)
    Tags.of(stack).add("team", "security")
    RunningClusterLogging(
        stack,
        "Prod",
        cluster_name="prod",
        log_types=["audit", "api"],
        switch_off=["scheduler"],
        retention=logs.RetentionDays.TWO_YEARS,
        keep_retention=True,
        encryption_key=key,
        deletion_protection=True,
        field_indexes=True,
    )
    RunningClusterLogging(stack, "Blue", cluster_name="blue", log_types=list(LOG_TYPES))
    ours = KINDS["eks.CfnCluster"](stack, None, [])
    RunningClusterLogging(
        stack, "Ours", cluster_name=ours.cluster_ref.cluster_name, retention=logs.RetentionDays.INFINITE
    )
    return stack


def test_one_function_serves_all_clusters(stack: Stack) -> None:
    ((function_id, function),) = resources(stack, "AWS::Lambda::Function").items()
    custom = resources(stack, TYPE)
    assert len(custom) == 3
    for resource in custom.values():
        assert resource["Properties"]["ServiceToken"] == {"Fn::GetAtt": [function_id, "Arn"]}
        assert int(resource["Properties"]["ServiceTimeout"]) > function["Properties"]["Timeout"]
    properties = function["Properties"]
    assert properties["Timeout"] == 15 * 60
    assert properties["Runtime"] == "python3.14"
    assert properties["Handler"] == "index.handler"
    assert "ReservedConcurrentExecutions" not in properties
    compile(properties["Code"]["ZipFile"], "index.py", "exec")
    assert len(properties["Code"]["ZipFile"]) < 4 * 1024 * 1024


def test_the_template_has_no_assets(stack: Stack) -> None:
    assert "cdk-hnb659fds" not in str(resources(stack))


def test_the_functions_own_log_expires(stack: Stack) -> None:
    ((id, group),) = resources(stack, "AWS::Logs::LogGroup").items()
    assert group["Properties"]["RetentionInDays"] == 30
    assert "LogGroupName" not in group["Properties"]
    (function,) = resources(stack, "AWS::Lambda::Function").values()
    assert function["Properties"]["LoggingConfig"]["LogGroup"] == {"Ref": id}


def test_what_the_handler_is_given(stack: Stack) -> None:
    prod, blue, ours = (given(stack, name) for name in ("Prod", "Blue", "Ours"))
    (key_id,) = resources(stack, "AWS::KMS::Key")
    assert prod == {
        "ClusterName": "prod",
        "LogTypes": ["api", "audit"],
        "SwitchOff": ["scheduler"],
        "RetentionInDays": 731,
        "KeepRetention": True,
        "KmsKeyId": {"Fn::GetAtt": [key_id, "Arn"]},
        "DeletionProtection": True,
        "FieldIndexes": ["user.username", "verb", "objectRef.resource", "responseStatus.code", "stage", "auditID"],
        "Tags": {"team": "security"},
    }
    assert blue == {"ClusterName": "blue", "LogTypes": sorted(LOG_TYPES), "Tags": {"team": "security"}}
    assert ours == {"ClusterName": {"Ref": "Cluster"}, "RetentionInDays": 0, "Tags": {"team": "security"}}


def test_the_key_may_be_used_for_this_log_group(stack: Stack) -> None:
    (key,) = resources(stack, "AWS::KMS::Key").values()
    statement = key["Properties"]["KeyPolicy"]["Statement"][-1]
    (arn,) = statement["Condition"]["ArnLike"].values()
    assert rendered(arn) == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/prod/cluster"


def test_every_call_is_allowed_and_nothing_else(stack: Stack, lambda_: Lambda) -> None:
    """Runs the handler through all that it can do, with the role in the template."""
    aws = lambda_.aws
    aws.role = statements(stack)
    aws.add_cluster("prod", "api", "scheduler")
    properties = {
        **rendered(given(stack, "Prod")),
        "RetentionInDays": "731",
        "KeepRetention": "true",
        "DeletionProtection": "true",
    }
    group = "/aws/eks/prod/cluster"
    aws.log_groups.clear()
    assert lambda_.create(**properties)["Status"] == "SUCCESS"
    assert lambda_.update(group, {**properties, "Tags": {"old": "tag"}}, properties)["Status"] == "SUCCESS"
    assert lambda_.delete(group, **properties)["Status"] == "SUCCESS"
    aws.add_cluster("blue")
    assert lambda_.create(ClusterName="blue", LogTypes=list(LOG_TYPES))["Status"] == "SUCCESS"
    infinite = {"ClusterName": "<Cluster>", "RetentionInDays": "0"}
    assert lambda_.create(**infinite)["Status"] == "SUCCESS"

    allowed = {action for one in statements(stack) for action in listed(one["Action"]) if one["Effect"] == "Allow"}
    calls = allowed - {"logs:CreateLogStream", "logs:PutLogEvents"}  # Lambda's own
    assert calls == {action for action, _ in aws.used}


def test_only_the_named_clusters_and_log_groups_are_in_reach(stack: Stack) -> None:
    reach: dict[str, set[str]] = {}
    for statement in statements(stack):
        for action in listed(statement["Action"]):
            reach.setdefault(action, set()).update(listed(statement["Resource"]))
    clusters = {f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}" for name in ("blue", "prod")}
    assert reach["eks:UpdateClusterConfig"] == reach["eks:DescribeCluster"] == reach["eks:DescribeUpdate"] == clusters
    groups = [
        f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/{name}/cluster" for name in ("blue", "prod", "<Cluster>")
    ]
    assert reach["logs:CreateLogGroup"] == {f"{group}:*" for group in groups}
    assert reach["logs:TagResource"] == reach["logs:UntagResource"] == {*groups}
    for action in ("AssociateKmsKey", "PutRetentionPolicy", "PutIndexPolicy", "PutLogGroupDeletionProtection"):
        assert reach[f"logs:{action}"] == {f"{groups[1]}:*"}
    assert reach["logs:DeleteRetentionPolicy"] == {f"{groups[2]}:*"}
    assert reach["logs:DescribeLogGroups"] == {f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"}
    assert reach["cloudformation:DescribeStacks"] == {STACK_ID}
    assert not {"logs:DeleteLogGroup", "logs:DisassociateKmsKey"} & reach.keys()
    assert "*" not in set().union(*reach.values())


def test_the_environment_bounds_what_may_be_asked(stack: Stack) -> None:
    variables = environment(stack)
    assert variables.keys() == {"STACK_ID", "RESPONSE_URLS", "ASKED"}
    assert variables["STACK_ID"] == STACK_ID
    bucket = "https://cloudformation-custom-resource-response-euwest1"
    assert variables["RESPONSE_URLS"].split() == [
        f"{bucket}.s3.amazonaws.com/",
        f"{bucket}.s3.eu-west-1.amazonaws.com/",
        f"{bucket}.s3-eu-west-1.amazonaws.com/",
    ]
    asked = {tuple(entry["Clusters"]): entry for entry in json.loads(variables["ASKED"])}
    assert asked.keys() == {("prod",), ("blue",), ("<Cluster>",)}
    (key_id,) = resources(stack, "AWS::KMS::Key")
    assert asked["prod",] == {
        "Clusters": ["prod"],
        "LogTypes": ["api", "audit"],
        "SwitchOff": ["scheduler"],
        "RetentionInDays": "731",
        "KeepRetention": "true",
        "KmsKeyId": [f"<{key_id}.Arn>"],
        "DeletionProtection": "true",
        "FieldIndexes": ["user.username", "verb", "objectRef.resource", "responseStatus.code", "stage", "auditID"],
    }
    assert asked["blue",] == {"Clusters": ["blue"], "LogTypes": sorted(LOG_TYPES)}


def test_what_a_template_without_wishes_of_its_own_needs() -> None:
    stack = Stack(App(), "Stack")
    EksAudit(stack, "Audit", cluster="prod", detections=[])
    actions = {action for one in statements(stack) for action in listed(one["Action"])}
    assert actions == {
        *("cloudformation:DescribeStacks", "logs:CreateLogStream", "logs:PutLogEvents"),
        *("logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:UntagResource"),
        *("eks:DescribeCluster", "eks:DescribeUpdate", "eks:UpdateClusterConfig"),
    }


def test_a_key_can_be_taken_off_if_asked() -> None:
    stack = Stack(App(), "Stack")
    RunningClusterLogging(stack, "Logging", cluster_name="prod", log_types=["audit"], remove_encryption_key=True)
    actions = {action for one in statements(stack) for action in listed(one["Action"])}
    assert "logs:DisassociateKmsKey" in actions
    assert "logs:AssociateKmsKey" not in actions
    assert violations(stack) == set()


def test_the_stacks_own_tags_reach_the_log_group() -> None:
    stack = Stack(App(), "Stack", tags={"cost": "1", "team": "theirs"})
    nested = NestedStack(stack, "Nested")
    for scope in (stack, nested):
        logging = RunningClusterLogging(scope, "Logging", cluster_name="prod", log_types=["audit"])
        Tags.of(logging).add("team", "security")
    for scope in (stack, nested):
        assert given(scope, "Logging")["Tags"] == {"cost": "1", "team": "security"}
        assert "logs:TagResource" in str(statements(scope))


def test_tags_added_later_are_allowed_too() -> None:
    app = App()
    stack = Stack(app, "Stack")
    RunningClusterLogging(stack, "Logging", cluster_name="prod", log_types=["audit"])
    Tags.of(app).add("team", "security")
    assert given(stack, "Logging")["Tags"] == {"team": "security"}
    assert "logs:TagResource" in str(statements(stack))


def test_the_five_packs_find_nothing(stack: Stack) -> None:
    assert {found for found in violations(stack) if found[1] != "Stack/Cluster"} == set()


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_in_every_partition_with_a_known_account(region: str) -> None:
    stack = Stack(App(), "Stack", env={"account": ACCOUNT, "region": region})
    RunningClusterLogging(stack, "Logging", cluster_name="prod", log_types=["audit"])
    assert "arn:aws:" not in str({key: value for key, value in resources(stack).items() if "Function" not in key})
    assert violations(stack) == set()


def test_a_name_that_is_a_parameter() -> None:
    stack = Stack(App(), "Stack")
    name = CfnParameter(stack, "Name").value_as_string
    RunningClusterLogging(stack, "Logging", cluster_name=name, log_types=["audit"])
    assert given(stack, "Logging")["ClusterName"] == {"Ref": "Name"}
    assert violations(stack) == set()


def test_nested_stacks_have_functions_of_their_own() -> None:
    parent = Stack(App(), "Parent")
    for where in (parent, NestedStack(parent, "Nested")):
        logging = RunningClusterLogging(where, "Logging", cluster_name="prod", log_types=["audit"])
        assert Stack.of(logging.function) is where


def test_no_line_depends_on_the_order_of_clusters() -> None:
    templates = []
    for names in (("blue", "green"), ("green", "blue")):
        stack = Stack(App(), "Stack")
        for name in names:
            RunningClusterLogging(stack, name, cluster_name=name, log_types=["audit"])
        templates.append(resources(stack))
    assert templates[0] == templates[1]


def test_what_reads_the_log_group_is_deployed_after_it() -> None:
    stack = Stack(App(), "Stack")
    EksAudit(stack, "Audit", cluster="prod").add_export()
    (custom_id,) = resources(stack, TYPE)
    waiting = {value["Type"] for value in resources(stack).values() if custom_id in value.get("DependsOn", ())}
    for type_name in READERS:
        for id, reader in resources(stack, type_name).items():
            assert custom_id in reader.get("DependsOn", ()), id
    assert waiting >= READERS
    assert not waiting & {"AWS::SNS::Topic", "AWS::Lambda::Function"}
    early = [
        alarm["Properties"]["ComparisonOperator"]
        for alarm in resources(stack, "AWS::CloudWatch::Alarm").values()
        if custom_id in alarm.get("DependsOn", ())
    ]
    assert early == ["LessThanThreshold"], "alarms on silence wait for the log, all others need not"


def test_filters_name_the_apps_own_log_group_and_wait_for_it() -> None:
    stack = Stack(App(), "Stack")
    EksAudit(stack, "Audit", cluster=KINDS["eks_v2.CfnCluster"](stack, "prod", []))
    assert not resources(stack, TYPE)
    filters = resources(stack, "AWS::Logs::MetricFilter")
    (group,) = resources(stack, "AWS::Logs::LogGroup")
    assert {str(value["DependsOn"]) for value in filters.values()} == {str([group])}
    assert {value["Properties"]["LogGroupName"] for value in filters.values()} == {"/aws/eks/prod/cluster"}


def test_on_and_off_at_once_is_refused() -> None:
    stack = Stack(App(), "Stack")
    with pytest.raises(AuditConfigurationError, match="'api, audit': a log type cannot be switched both on and off"):
        RunningClusterLogging(
            stack, "Logging", cluster_name="prod", log_types=["audit", "api"], switch_off=["api", "audit", "scheduler"]
        )


def test_reviewers_read_the_handler_as_it_is_written(stack: Stack) -> None:
    (function,) = resources(stack, "AWS::Lambda::Function").values()
    assert function["Properties"]["Code"]["ZipFile"] == Path(index.__file__).read_text("utf-8")


def listed(value: str | list[str]) -> list[str]:
    """One value or several."""
    return [value] if isinstance(value, str) else value
