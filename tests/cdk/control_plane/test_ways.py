"""The way a cluster's logging is switched on: by a custom resource, by its own properties, or by both."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnParameter, RemovalPolicy, Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match

from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging
from eks_audit_constructs.errors import AuditConfigurationError
from tests.cdk.control_plane.clusters import KINDS, cluster_resource, enabled_types, resources

ALL_FIVE = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


@pytest.mark.parametrize("module", [None, eks, eks_v2])
def test_a_running_cluster_is_switched_on_by_a_custom_resource(stack: Stack, module: Any) -> None:
    cluster = (
        module.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="prod") if module is not None else "prod"
    )
    logging = ControlPlaneLogging(stack, "Logging", cluster=cluster)
    assert logging.log_group.log_group_name == "/aws/eks/prod/cluster"
    assert logging.cluster_name == "prod"
    assert logging.audits
    assert len(logging.log_types) == 5
    assert logging.log_group_class is None
    assert logging.running is not None
    assert given(stack) == {
        "ClusterName": "prod",
        "LogTypes": ALL_FIVE,
        "RetentionInDays": 365,
        "KeepRetention": True,
    }
    (functions_own,) = resources(stack, "AWS::Logs::LogGroup").values()
    assert "LogGroupName" not in functions_own["Properties"]
    way = "custom resource switches on the log types that are off, and creates or adopts the log group"
    Annotations.from_stack(stack).has_info("/Stack/Logging", Match.string_like_regexp(way))


@pytest.mark.parametrize("module", [eks, eks_v2], ids=["v1", "v2"])
@pytest.mark.parametrize(
    ("account", "region", "named"),
    [("111122223333", "us-east-1", "us-east-1"), ("444455556666", "eu-west-1", "444455556666")],
    ids=["another Region", "another account"],
)
def test_an_imported_cluster_of_elsewhere_is_refused(module: Any, account: str, region: str, named: str) -> None:
    app = App()
    theirs = Stack(app, "Theirs", env={"account": "111122223333", "region": "eu-west-1"})
    imported = module.Cluster.from_cluster_attributes(theirs, "Cluster", cluster_name="prod")
    ours = Stack(app, "Ours", env={"account": account, "region": region})
    with pytest.raises(AuditConfigurationError, match=f"Ours/Logging: 'Theirs/Cluster'.*this stack is in {named}"):
        ControlPlaneLogging(ours, "Logging", cluster=imported)
    for place in (Stack(app, "Anywhere"), Stack(app, "Same", env={"account": "111122223333", "region": "eu-west-1"})):
        assert ControlPlaneLogging(place, "Logging", cluster=imported).cluster_name == "prod"


def test_what_is_set_for_a_running_cluster_s_log_group(stack: Stack) -> None:
    ControlPlaneLogging(
        stack,
        "Logging",
        cluster="prod",
        retention=logs.RetentionDays.ONE_WEEK,
        encryption_key=kms.Key(stack, "Key"),
        log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
    )
    ((key_id, key),) = resources(stack, "AWS::KMS::Key").items()
    assert given(stack) == {
        "ClusterName": "prod",
        "LogTypes": ALL_FIVE,
        "RetentionInDays": 7,
        "KmsKeyId": {"Fn::GetAtt": [key_id, "Arn"]},
        "LogGroupClass": "INFREQUENT_ACCESS",
    }
    statement = key["Properties"]["KeyPolicy"]["Statement"][-1]
    (arn,) = statement["Condition"]["ArnLike"].values()
    assert arn["Fn::Join"][1][-1] == ":log-group:/aws/eks/prod/cluster"


def test_a_running_cluster_named_by_a_parameter(stack: Stack) -> None:
    name = CfnParameter(stack, "Name").value_as_string
    logging = ControlPlaneLogging(stack, "Logging", cluster=name)
    assert given(stack)["ClusterName"] == {"Ref": "Name"}
    assert stack.resolve(logging.log_group.log_group_name) == {
        "Fn::Join": ["", ["/aws/eks/", {"Ref": "Name"}, "/cluster"]]
    }


def test_a_running_cluster_is_taken_care_of_once_a_stack(stack: Stack) -> None:
    ControlPlaneLogging(stack, "Logging", cluster="prod")
    imported = eks.Cluster.from_cluster_attributes(stack, "Cluster", cluster_name="prod")
    for id_, same in (("ByName", "prod"), ("Imported", imported)):
        with pytest.raises(AuditConfigurationError, match=r"Stack/Logging already manages this cluster's logging"):
            ControlPlaneLogging(stack, id_, cluster=same)
    ControlPlaneLogging(stack, "Other", cluster="blue")
    ControlPlaneLogging(Stack(App(), "Elsewhere"), "Logging", cluster="prod")


def test_log_types_of_a_running_cluster_are_what_the_caller_says(stack: Stack) -> None:
    types: list[Any] = [eks_v2.ClusterLoggingTypes.SCHEDULER, eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.API]
    off = [eks_v2.ClusterLoggingTypes.AUDIT, eks_v2.ClusterLoggingTypes.AUDIT]
    logging = ControlPlaneLogging(stack, "Logging", cluster="prod", log_types=types, switch_off=off)
    assert logging.log_types == (eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.SCHEDULER)
    assert not logging.audits
    assert given(stack)["LogTypes"] == ["api", "scheduler"]
    assert given(stack)["SwitchOff"] == ["audit"]


def test_on_and_off_at_once_is_refused(stack: Stack) -> None:
    api, audit = eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.AUDIT
    with pytest.raises(AuditConfigurationError, match="'audit': a log type cannot be switched both on and off"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_types=[api, audit], switch_off=[audit])


@pytest.mark.parametrize("name", ["prod", None])
def test_a_cluster_of_the_app_switches_nothing_off(stack: Stack, name: str | None) -> None:
    cluster = KINDS["eks_v2.CfnCluster"](stack, name, [])
    off = [eks.ClusterLoggingTypes.SCHEDULER]
    with pytest.raises(AuditConfigurationError, match="'scheduler': switch_off is for existing clusters"):
        ControlPlaneLogging(stack, "Logging", cluster=cluster, switch_off=off)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("retention", [None, logs.RetentionDays.TWO_YEARS])
def test_an_unnamed_cluster_is_switched_on_natively_and_its_log_group_set_up_after_it(
    stack: Stack, kind: str, retention: logs.RetentionDays | None
) -> None:
    logging = ControlPlaneLogging(stack, "Logging", cluster=KINDS[kind](stack, None, []), retention=retention)
    assert logging.running is not None
    assert enabled_types(stack) == ALL_FIVE
    (cluster_id,) = (key for key, value in resources(stack).items() if value == cluster_resource(stack))
    assert given(stack) == {
        "ClusterName": {"Ref": cluster_id},
        "RetentionInDays": 365 if retention is None else 731,
    }
    (policy,) = resources(stack, "AWS::IAM::ManagedPolicy").values()
    assert "logs:PutRetentionPolicy" in str(policy)
    assert "eks:" not in str(policy)
    way = "cluster's properties switch them on, and a custom resource sets up the log group"
    Annotations.from_stack(stack).has_info("/Stack/Logging", Match.string_like_regexp(way))


@pytest.mark.parametrize("kind", KINDS)
def test_a_named_cluster_needs_no_custom_resource(stack: Stack, kind: str) -> None:
    logging = ControlPlaneLogging(stack, "Logging", cluster=KINDS[kind](stack, "prod", []))
    assert logging.running is None
    assert not resources(stack, "Custom::EksControlPlaneLogging")
    assert not resources(stack, "AWS::Lambda::Function")
    assert enabled_types(stack) == ALL_FIVE
    way = "cluster's properties switch them on, and this app owns the log group"
    Annotations.from_stack(stack).has_info("/Stack/Logging", Match.string_like_regexp(way))


@pytest.mark.parametrize("policy", [RemovalPolicy.RETAIN, RemovalPolicy.DESTROY])
def test_a_removal_policy_that_could_not_take_effect_is_refused(stack: Stack, policy: RemovalPolicy) -> None:
    for id_, cluster in (("Running", "prod"), ("Unnamed", KINDS["eks.CfnCluster"](stack, None, []))):
        with pytest.raises(AuditConfigurationError, match=f"'{policy.name}'.*stays when the stack is removed"):
            ControlPlaneLogging(stack, id_, cluster=cluster, removal_policy=policy)


def test_an_existing_log_group_of_a_running_cluster_is_left_as_it_is(stack: Stack) -> None:
    group = logs.LogGroup(stack, "Group", log_group_name="/aws/eks/prod/cluster")
    logging = ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group)
    assert logging.log_group is group
    assert logging.running is not None
    assert given(stack) == {"ClusterName": "prod", "LogTypes": ALL_FIVE}
    (group_id,) = (key for key in resources(stack, "AWS::Logs::LogGroup") if key.startswith("Group"))
    (custom,) = resources(stack, "Custom::EksControlPlaneLogging").values()
    assert custom["DependsOn"] == [group_id]
    way = "custom resource switches on the log types that are off, and the log group is the one passed as log_group"
    Annotations.from_stack(stack).has_info("/Stack/Logging", Match.string_like_regexp(way))


def test_an_existing_log_group_of_an_unnamed_cluster_leaves_nothing_to_set_up(stack: Stack) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    cluster = KINDS["eks.CfnCluster"](stack, None, [])
    logging = ControlPlaneLogging(stack, "Logging", cluster=cluster, log_group=group)
    assert logging.running is None
    assert not resources(stack, "AWS::Lambda::Function")
    way = "cluster's properties switch them on, and the log group is the one passed as log_group"
    Annotations.from_stack(stack).has_info("/Stack/Logging", Match.string_like_regexp(way))


def given(stack: Stack) -> dict[str, Any]:
    """What the one custom resource in the template gives the handler."""
    (custom,) = resources(stack, "Custom::EksControlPlaneLogging").values()
    return {name: value for name, value in custom["Properties"].items() if not name.startswith("Service")}


def test_what_is_switched_off_is_not_switched_on_by_default(stack: Stack) -> None:
    logging = ControlPlaneLogging(
        stack, "Ours", cluster="prod", switch_off=[eks.ClusterLoggingTypes.SCHEDULER, eks.ClusterLoggingTypes.API]
    )
    [properties] = resources(stack, "Custom::EksControlPlaneLogging").values()
    assert properties["Properties"]["SwitchOff"] == ["api", "scheduler"]
    assert properties["Properties"]["LogTypes"] == ["audit", "authenticator", "controllerManager"]
    assert logging.audits


def test_a_key_that_the_cluster_uses_too_is_no_circle_where_only_cloudformation_knows_the_name(stack: Stack) -> None:
    key = kms.Key(stack, "Key")
    ControlPlaneLogging(stack, "Ours", cluster=KINDS["eks.CfnCluster"](stack, None, []), encryption_key=key)
    [policy] = [one["Properties"]["KeyPolicy"] for one in resources(stack, "AWS::KMS::Key").values()]
    assert "/aws/eks/*/cluster" in str(policy)
    assert "GetAtt" not in str(policy)
