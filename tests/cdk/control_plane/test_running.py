"""The custom resource in a template: what it may do, what it is given, and that it does it with what it may."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
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
from tests.cdk.control_plane.clusters import KINDS, Resources, resources
from tests.cdk.control_plane.handler.deployed import Lambda
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, LOG_TYPES, REGION
from tests.nag import violations

TYPE = "Custom::EksControlPlaneLogging"
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
        log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
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
        "LogGroupClass": "INFREQUENT_ACCESS",
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
    """Runs the handler through all that it can do, and holds what it calls against the policy in the template."""
    allowed = set(statements(stack))
    aws = lambda_.aws
    aws.add_cluster("prod", "api", "scheduler")
    properties = {**given(stack, "Prod"), "KmsKeyId": "arn:key", "RetentionInDays": "731", "KeepRetention": "false"}
    group = "/aws/eks/prod/cluster"
    aws.log_groups.clear()
    assert lambda_.create(**properties)["Status"] == "SUCCESS"
    assert lambda_.update(group, {**properties, "Tags": {"old": "tag"}}, properties)["Status"] == "SUCCESS"
    plain = {"ClusterName": "prod", "LogTypes": ["audit"], "RetentionInDays": "0"}
    assert lambda_.update(group, properties, plain)["Status"] == "SUCCESS"
    assert lambda_.update(group, plain, {**plain, "LogTypes": ["nonsense"]})["Status"] == "FAILED"
    assert lambda_.delete(group, **properties)["Status"] == "SUCCESS"

    for action, resource in aws.used:
        assert any(action == one and fnmatch.fnmatchcase(resource, pattern) for one, pattern in allowed), action
    calls = {action for action, _ in allowed} - {"logs:CreateLogStream", "logs:PutLogEvents"}  # Lambda's own
    assert calls == {action for action, _ in aws.used}


def test_only_the_named_clusters_and_log_groups_are_in_reach(stack: Stack) -> None:
    eks = {resource for action, resource in statements(stack) if action.startswith("eks:")}
    assert eks == {f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}" for name in ("blue", "prod")}
    groups = {resource for action, resource in statements(stack) if action == "logs:CreateLogGroup"}
    names = ("blue", "prod", "<Cluster>")
    assert groups == {f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/{name}/cluster:*" for name in names}
    assert not [action for action, _ in statements(stack) if "Delete" in action and "Retention" not in action]
    assert "*" not in {resource for _, resource in statements(stack)}


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
    assert not waiting & {"AWS::CloudWatch::Alarm", "AWS::SNS::Topic", "AWS::Lambda::Function"}


def test_nothing_waits_where_the_log_group_is_the_apps_own() -> None:
    stack = Stack(App(), "Stack")
    EksAudit(stack, "Audit", cluster=KINDS["eks_v2.CfnCluster"](stack, "prod", []))
    assert not resources(stack, TYPE)
    filters = resources(stack, "AWS::Logs::MetricFilter")
    assert filters
    assert not [id for id, value in filters.items() if "DependsOn" in value]


def test_on_and_off_at_once_is_refused() -> None:
    stack = Stack(App(), "Stack")
    with pytest.raises(AuditConfigurationError, match="'api, audit': a log type cannot be switched both on and off"):
        RunningClusterLogging(
            stack, "Logging", cluster_name="prod", log_types=["audit", "api"], switch_off=["api", "audit", "scheduler"]
        )


def test_reviewers_read_the_handler_as_it_is_written(stack: Stack) -> None:
    (function,) = resources(stack, "AWS::Lambda::Function").values()
    assert function["Properties"]["Code"]["ZipFile"] == Path(index.__file__).read_text("utf-8")


def test_the_handler_knows_the_log_types_that_there_are() -> None:
    assert set(LOG_TYPES) == index.LOG_TYPES


def given(stack: Stack, id: str) -> dict[str, Any]:
    """The properties the handler gets for the construct with this id."""
    (found,) = (value for key, value in resources(stack, TYPE).items() if key.startswith(id))
    return {name: value for name, value in found["Properties"].items() if not name.startswith("Service")}


def statements(stack: Stack) -> Iterator[tuple[str, str]]:
    """What the function's role may do, an action and a resource at a time."""
    found: Resources = resources(stack, "AWS::IAM::ManagedPolicy")
    (policy,) = found.values()
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        assert statement["Effect"] == "Allow"
        actions, targets = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            for target in targets if isinstance(targets, list) else [targets]:
                yield action, rendered(target)


def rendered(value: Any) -> str:
    """The text CloudFormation would make of it in the fake's account; what it cannot know is in angle brackets."""
    pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
    pseudo["AWS::StackId"] = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Audit/1"
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator.join(rendered(part) for part in parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return pseudo.get(name, f"<{name}>")
    return str(value)
