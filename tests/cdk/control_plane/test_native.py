"""Logging of clusters that the app defines: every kind, named and unnamed, with no feature flag and with all."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnResource, Fn, NestedStack, RemovalPolicy, Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs

from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging
from eks_audit_constructs.errors import AuditConfigurationError
from tests.cdk.control_plane.clusters import KINDS, cluster_resource, enabled_types, resources
from tests.nag import violations

ALL_FIVE = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

SWITCHED_ON = {
    "api, audit": ([eks.ClusterLoggingTypes.AUDIT, eks.ClusterLoggingTypes.API], [], ["api", "audit"]),
    "all beside scheduler": (None, ["SCHEDULER"], ALL_FIVE),
    "what is on already": ([eks.ClusterLoggingTypes.AUDIT], ["SCHEDULER", "AUDIT"], ["scheduler", "audit"]),
}
"""Asked for here, switched on by the cluster itself, and what the template must then say."""


class Clusters:
    """One app with a stack a case, and a twin of each without us: synthesized once."""

    def __init__(self, flags: dict[str, Any]) -> None:
        self.app = App(context=flags)
        self.stacks: dict[str, Stack] = {}
        self.logging: dict[str, ControlPlaneLogging] = {}
        for kind in KINDS:
            self._add(f"{kind} named", kind, "prod", [], retention=logs.RetentionDays.TWO_YEARS, key=True)
            self._add(f"{kind} twin", kind, "prod", [])
            self._add(f"{kind} unnamed", kind, None, [])
        for case, (asked, before, _) in SWITCHED_ON.items():
            for kind in ("eks.Cluster", "eks.CfnCluster", "eks_v2.Cluster", "eks_v2.CfnCluster"):
                self._add(f"{kind} {case}", kind, "prod", before, log_types=asked)

    def _add(
        self, case: str, kind: str, name: str | None, before: list[str], *, key: bool = False, **args: Any
    ) -> None:
        stack = self.stacks[case] = Stack(self.app, f"Stack{len(self.stacks)}")
        cluster = KINDS[kind](stack, name, before)
        if "twin" not in case:
            if key:
                args["encryption_key"] = kms.Key(stack, "Key")
            self.logging[case] = ControlPlaneLogging(stack, "Logging", cluster=cluster, **args)


@pytest.fixture(scope="module", params=["no flag", "all flags"])
def clusters(request: pytest.FixtureRequest, recommended_flags: dict[str, Any]) -> Clusters:
    return Clusters(recommended_flags if request.param == "all flags" else {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_named_cluster_logs_all_into_the_group_made_before_it(clusters: Clusters, kind: str) -> None:
    stack, twin = clusters.stacks[f"{kind} named"], clusters.stacks[f"{kind} twin"]
    assert enabled_types(stack) == ALL_FIVE

    ((group_id, group),) = resources(stack, "AWS::Logs::LogGroup").items()
    assert group["Properties"]["LogGroupName"] == "/aws/eks/prod/cluster"
    assert group["Properties"]["RetentionInDays"] == 731
    assert group["DeletionPolicy"] == group["UpdateReplacePolicy"] == "Retain"

    before = cluster_resource(twin).get("DependsOn", [])
    assert sorted(cluster_resource(stack)["DependsOn"]) == sorted([*before, group_id])
    others = {key: value.get("DependsOn") for key, value in resources(stack).items() if "Cluster" not in value["Type"]}
    assert not [key for key, depends in others.items() if group_id in (depends or ())]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_cluster_changes_but_its_logging(clusters: Clusters, kind: str) -> None:
    with_us = cluster_resource(clusters.stacks[f"{kind} named"])["Properties"]
    twin = cluster_resource(clusters.stacks[f"{kind} twin"])["Properties"]
    for properties in (with_us, twin):
        properties.pop("Logging", None)
        properties.get("Config", {}).pop("logging", None)
        # These name the stack, and the two are not in the same one.
        properties.pop("ServiceToken", None)
    assert with_us == twin


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_may_be_used_for_this_log_group_only(clusters: Clusters, kind: str) -> None:
    (key,) = resources(clusters.stacks[f"{kind} named"], "AWS::KMS::Key").values()
    statement = key["Properties"]["KeyPolicy"]["Statement"][-1]
    assert statement["Principal"]["Service"] == joined("logs.", {"Ref": "AWS::Region"}, ".", {"Ref": "AWS::URLSuffix"})
    (arn,) = statement["Condition"]["ArnLike"].values()
    assert arn["Fn::Join"][1][-1] == ":log-group:/aws/eks/prod/cluster"
    assert "GetAtt" not in str(statement)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unnamed_cluster_logs_into_the_group_that_eks_makes(clusters: Clusters, kind: str) -> None:
    case = f"{kind} unnamed"
    stack, logging = clusters.stacks[case], clusters.logging[case]
    assert enabled_types(stack) == ALL_FIVE
    assert "/aws/eks/" not in str(resources(stack, "AWS::Logs::LogGroup"))
    name = stack.resolve(logging.log_group.log_group_name)
    (cluster_id,) = (key for key, value in resources(stack).items() if value["Type"].endswith("Cluster"))
    assert name == joined("/aws/eks/", {"Ref": cluster_id}, "/cluster")


@pytest.mark.parametrize("case", SWITCHED_ON)
@pytest.mark.parametrize("kind", ["eks.Cluster", "eks.CfnCluster", "eks_v2.Cluster", "eks_v2.CfnCluster"])
def test_log_types_are_added_to_those_that_are_on(clusters: Clusters, kind: str, case: str) -> None:
    expected = SWITCHED_ON[case][2]
    assert enabled_types(clusters.stacks[f"{kind} {case}"]) == expected
    logging = clusters.logging[f"{kind} {case}"]
    assert len(logging.log_types) == len(expected)
    assert logging.audits


def test_types_that_are_off_stay_off_and_are_not_said_to_be_on() -> None:
    stack = Stack(App(), "Stack")
    cluster = KINDS["eks.CfnCluster"](stack, "prod", ["API"])
    logging = ControlPlaneLogging(stack, "Logging", cluster=cluster, log_types=[eks.ClusterLoggingTypes.SCHEDULER])
    assert enabled_types(stack) == ["api", "scheduler"]
    assert logging.log_types == (eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.SCHEDULER)
    assert not logging.audits


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [[], ["API", "AUDIT"]], ids=["none is on", "all are on"])
def test_an_override_from_before_does_not_make_what_is_said_a_lie(kind: str, before: list[str]) -> None:
    stack = Stack(App(), "Stack")
    cluster = KINDS[kind](stack, "prod", before)
    for resource in cluster.node.find_all():
        if isinstance(resource, CfnResource) and resource.cfn_resource_type == "AWS::EKS::Cluster":
            resource.add_property_override("Logging.ClusterLogging.EnabledTypes", [{"Type": "scheduler"}])
        elif isinstance(resource, CfnResource) and resource.cfn_resource_type == "Custom::AWSCDK-EKS-Cluster":
            resource.add_property_override("Config.logging.clusterLogging", [])
    wanted = [eks.ClusterLoggingTypes.API, eks.ClusterLoggingTypes.AUDIT]
    said = ControlPlaneLogging(stack, "Logging", cluster=cluster, log_types=wanted).log_types
    assert list(said) == wanted
    assert enabled_types(stack) == ["api", "audit"]


@pytest.mark.parametrize("name", ["prod", None])
def test_a_second_one_for_a_cluster_is_refused(name: str | None) -> None:
    stack = Stack(App(), "Stack")
    cluster = KINDS["eks_v2.Cluster"](stack, name, [])
    ControlPlaneLogging(stack, "Logging", cluster=cluster)
    behind_it = cluster.node.default_child
    assert isinstance(behind_it, eks_v2.CfnCluster)
    for same in (cluster, behind_it):
        with pytest.raises(AuditConfigurationError, match=r"Stack/Logging already manages this cluster's logging"):
            ControlPlaneLogging(stack, f"Again{same.node.id}", cluster=same)


def test_two_clusters_in_one_stack() -> None:
    stack = Stack(App(), "Stack")
    for name in ("blue", "green"):
        cluster = eks.CfnCluster(
            stack,
            name,
            name=name,
            role_arn="arn:aws:iam::111122223333:role/eks",
            resources_vpc_config=eks.CfnCluster.ResourcesVpcConfigProperty(subnet_ids=["subnet-1"]),
        )
        ControlPlaneLogging(stack, f"{name}Logging", cluster=cluster)
    groups = resources(stack, "AWS::Logs::LogGroup")
    for cluster_ in resources(stack, "AWS::EKS::Cluster").values():
        (group_id,) = cluster_["DependsOn"]
        assert groups[group_id]["Properties"]["LogGroupName"] == f"/aws/eks/{cluster_['Properties']['Name']}/cluster"


@pytest.mark.parametrize("kind", ["eks.Cluster", "eks_v2.CfnCluster"])
def test_the_log_group_is_made_in_the_clusters_own_stack(recommended_flags: dict[str, Any], kind: str) -> None:
    app = App(context=recommended_flags)
    theirs, ours = Stack(app, "Theirs"), Stack(app, "Ours")
    cluster = KINDS[kind](theirs, "prod", [])
    infrequent = logs.LogGroupClass.INFREQUENT_ACCESS
    key = kms.Key(theirs, "Key")
    logging = ControlPlaneLogging(ours, "Logging", cluster=cluster, log_group_class=infrequent, encryption_key=key)
    logs.MetricFilter(
        ours,
        "Filter",
        log_group=logging.log_group,
        filter_pattern=logs.FilterPattern.all_events(),
        metric_namespace="Test",
        metric_name="Events",
    )
    (group_id,) = resources(theirs, "AWS::Logs::LogGroup")
    assert group_id in cluster_resource(theirs)["DependsOn"]
    (only,) = resources(ours).values()
    assert only["Properties"]["LogGroupName"] == "/aws/eks/prod/cluster"
    assert [stack.node.path for stack in ours.dependencies] == ["Theirs"]
    assert not theirs.dependencies
    assert logging.log_group_class is infrequent
    with pytest.raises(AuditConfigurationError, match="a cluster can have only one"):
        ControlPlaneLogging(Stack(app, "Third"), "Logging", cluster=cluster)


def test_a_key_that_would_come_after_the_log_group_is_refused() -> None:
    app = App()
    theirs, ours = Stack(app, "Theirs"), Stack(app, "Ours")
    cluster = KINDS["eks_v2.CfnCluster"](theirs, "prod", [])
    with pytest.raises(AuditConfigurationError, match=r"'Ours/Key': .*Define the key in Theirs"):
        ControlPlaneLogging(ours, "Logging", cluster=cluster, encryption_key=kms.Key(ours, "Key"))


def test_a_nested_stack_beside_its_cluster() -> None:
    parent = Stack(App(), "Parent")
    cluster = KINDS["eks_v2.CfnCluster"](parent, "prod", [])
    nested = NestedStack(parent, "Audit")
    logging = ControlPlaneLogging(nested, "Logging", cluster=cluster)
    logs.MetricFilter(
        nested,
        "Filter",
        log_group=logging.log_group,
        filter_pattern=logs.FilterPattern.all_events(),
        metric_namespace="Test",
        metric_name="Events",
    )
    (group_id,) = resources(parent, "AWS::Logs::LogGroup")
    assert cluster_resource(parent)["DependsOn"] == [group_id]
    (only,) = resources(nested).values()
    assert "Ref" in only["Properties"]["LogGroupName"]
    (stack,) = resources(parent, "AWS::CloudFormation::Stack").values()
    assert {"Ref": group_id} in stack["Properties"]["Parameters"].values()


def test_a_cluster_of_another_region_is_refused() -> None:
    app = App()
    theirs = Stack(app, "Theirs", env={"account": "111122223333", "region": "eu-west-1"})
    ours = Stack(app, "Ours", env={"account": "111122223333", "region": "us-east-1"})
    with pytest.raises(
        AuditConfigurationError, match=r"Ours/Logging: 'Theirs/Cluster': cluster is in the Region eu-west-1"
    ):
        ControlPlaneLogging(ours, "Logging", cluster=KINDS["eks.CfnCluster"](theirs, "prod", []))


@pytest.mark.parametrize("whole", [True, False])
def test_log_types_that_are_tokens_are_refused_not_dropped(whole: bool) -> None:
    stack = Stack(App(), "Stack")
    cluster = KINDS["eks.CfnCluster"](stack, "prod", ["AUDIT"])
    assert isinstance(cluster, eks.CfnCluster)
    if whole:
        cluster.logging = Fn.condition_if("Quiet", Fn.ref("AWS::NoValue"), {"ClusterLogging": {"EnabledTypes": []}})
    else:
        types = [eks.CfnCluster.LoggingTypeConfigProperty(type=Fn.ref("LogType"))]
        inner = eks.CfnCluster.ClusterLoggingProperty(enabled_types=types)
        cluster.logging = eks.CfnCluster.LoggingProperty(cluster_logging=inner)
    with pytest.raises(AuditConfigurationError, match="tokens, to which others cannot be added"):
        ControlPlaneLogging(stack, "Logging", cluster=cluster)


def test_the_log_group_can_go_with_the_stack_when_asked() -> None:
    stack = Stack(App(), "Stack")
    cluster = KINDS["eks.CfnCluster"](stack, "prod", [])
    logging = ControlPlaneLogging(stack, "Logging", cluster=cluster, removal_policy=RemovalPolicy.DESTROY)
    (group,) = resources(stack, "AWS::Logs::LogGroup").values()
    assert group["DeletionPolicy"] == "Delete"
    assert group["Properties"]["RetentionInDays"] == 365
    assert logging.cluster_name == "prod"
    assert logging.log_group_class is logs.LogGroupClass.STANDARD


def test_the_packs_of_cdk_nag_ask_for_a_key_of_ones_own_and_nothing_else() -> None:
    stack = Stack(App(), "Stack")
    for name, key in (("plain", None), ("encrypted", kms.Key(stack, "Key", enable_key_rotation=True))):
        cluster = eks.CfnCluster(
            stack,
            name,
            name=name,
            role_arn="arn:aws:iam::111122223333:role/eks",
            resources_vpc_config=eks.CfnCluster.ResourcesVpcConfigProperty(
                subnet_ids=["subnet-1"], endpoint_public_access=False
            ),
        )
        ControlPlaneLogging(stack, f"{name}Logging", cluster=cluster, encryption_key=key)
    found = violations(stack)
    assert {path for _, path in found} == {"Stack/plainLogging/LogGroup/Resource"}
    assert {rule.rpartition("-")[2] for rule, _ in found} == {"CloudWatchLogGroupEncrypted"}


def joined(*parts: Any) -> dict[str, Any]:
    return {"Fn::Join": ["", list(parts)]}
