"""The construct's contract beside the clusters it is given: log groups, refusals, partitions."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Aws, CfnParameter, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_eks as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Annotations, Match

from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging
from eks_audit_constructs.errors import AuditConfigurationError
from tests.cdk.control_plane.clusters import KINDS, resources


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def test_an_existing_log_group_is_taken_as_it_is_and_made_before_the_cluster(stack: Stack) -> None:
    group = logs.LogGroup(
        stack,
        "Group",
        log_group_name="/aws/eks/prod/cluster",
        log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
    )
    cluster = KINDS["eks_v2.CfnCluster"](stack, "prod", [])
    logging = ControlPlaneLogging(stack, "Logging", cluster=cluster, log_group=group)
    assert logging.log_group is group
    assert logging.log_group_class is logs.LogGroupClass.INFREQUENT_ACCESS
    ((group_id, rendered),) = resources(stack, "AWS::Logs::LogGroup").items()
    assert rendered["Properties"]["RetentionInDays"] == 731
    (rendered_cluster,) = resources(stack, "AWS::EKS::Cluster").values()
    assert rendered_cluster["DependsOn"] == [group_id]


def test_an_imported_log_group(stack: Stack) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    logging = ControlPlaneLogging(
        stack, "Logging", cluster=KINDS["eks_v2.CfnCluster"](stack, "prod", []), log_group=group
    )
    assert logging.log_group_class is None
    assert not resources(stack, "AWS::Logs::LogGroup")
    (cluster,) = resources(stack, "AWS::EKS::Cluster").values()
    assert "DependsOn" not in cluster


@pytest.mark.parametrize("name", ["/aws/eks/other/cluster", None])
def test_a_log_group_that_eks_would_not_write_to_is_refused(stack: Stack, name: str | None) -> None:
    group = logs.LogGroup(stack, "Group", log_group_name=name)
    with pytest.raises(AuditConfigurationError, match="only to /aws/eks/prod/cluster"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group)


def test_a_log_group_named_by_a_token_passes(stack: Stack) -> None:
    group = logs.LogGroup(stack, "Group", log_group_name=CfnParameter(stack, "Name").value_as_string)
    assert ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group).log_group is group


def test_an_existing_log_group_and_settings_are_refused(stack: Stack) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    with pytest.raises(AuditConfigurationError, match=r"retention.*keeps its own settings"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group, retention=logs.RetentionDays.ONE_DAY)


@pytest.mark.parametrize(("days", "way_out"), [(90, r"RetentionDays\.THREE_MONTHS"), (100, "Use 90 or 120")])
def test_a_retention_that_is_a_number_is_refused(stack: Stack, days: Any, way_out: str) -> None:
    cluster = KINDS["eks.CfnCluster"](stack, "prod", [])
    with pytest.raises(AuditConfigurationError, match=way_out):
        ControlPlaneLogging(stack, "Logging", cluster=cluster, retention=days)


def test_a_class_that_keeps_nothing_is_refused(stack: Stack) -> None:
    with pytest.raises(AuditConfigurationError, match="DELIVERY"):
        ControlPlaneLogging(
            stack,
            "Logging",
            cluster=KINDS["eks.CfnCluster"](stack, "prod", []),
            log_group_class=logs.LogGroupClass.DELIVERY,
        )


def test_the_class_is_rendered_and_told(stack: Stack) -> None:
    logging = ControlPlaneLogging(
        stack,
        "Logging",
        cluster=KINDS["eks.CfnCluster"](stack, "prod", []),
        log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS,
    )
    (group,) = resources(stack, "AWS::Logs::LogGroup").values()
    assert group["Properties"]["LogGroupClass"] == "INFREQUENT_ACCESS"
    assert logging.log_group_class is logs.LogGroupClass.INFREQUENT_ACCESS


def test_an_imported_key_is_used_and_the_statement_it_needs_is_told(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:us-east-1:111122223333:key/abc")
    ControlPlaneLogging(stack, "Logging", cluster=KINDS["eks.CfnCluster"](stack, "prod", []), encryption_key=key)
    (group,) = resources(stack, "AWS::Logs::LogGroup").values()
    assert group["Properties"]["KmsKeyId"].endswith(":key/abc")
    warned = Match.string_like_regexp("Stack/Key is not defined in this app.*kms:EncryptionContext:aws:logs:arn")
    Annotations.from_stack(stack).has_warning("/Stack/Logging", warned)


@pytest.mark.parametrize(
    ("region", "service"),
    [
        ("eu-west-1", "logs.eu-west-1.amazonaws.com"),
        ("us-gov-west-1", "logs.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "logs.cn-north-1.amazonaws.com.cn"),
    ],
)
@pytest.mark.parametrize("flags", ["no flag", "all flags"])
def test_the_grant_names_the_partition_s_own_service(
    region: str, service: str, flags: str, recommended_flags: dict[str, Any]
) -> None:
    app = App(context=recommended_flags if flags == "all flags" else {})
    stack = Stack(app, "Stack", env={"account": "111122223333", "region": region})
    ControlPlaneLogging(
        stack,
        "Logging",
        cluster=KINDS["eks_v2.CfnCluster"](stack, "prod", []),
        encryption_key=kms.Key(stack, "Key"),
    )
    (key,) = resources(stack, "AWS::KMS::Key").values()
    statement = key["Properties"]["KeyPolicy"]["Statement"][-1]
    pseudo = {"Ref": "AWS::URLSuffix"}
    rendered = statement["Principal"]["Service"]
    if isinstance(rendered, dict):
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        rendered = "".join(suffix if part == pseudo else part for part in rendered["Fn::Join"][1])
    assert rendered == service
    assert sorted(statement["Action"]) == [
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
    ]


@pytest.mark.parametrize("name", ["", "-prod", "a" * 101, "prod/blue", "arn:aws:eks:x:1:cluster/prod", "prod\n"])
def test_cluster_names_that_eks_would_refuse(stack: Stack, name: str) -> None:
    with pytest.raises(AuditConfigurationError, match="an EKS cluster name is 1 to 100"):
        ControlPlaneLogging(stack, "Running", cluster=name)
    if name:  # CDK takes an empty name for none
        with pytest.raises(AuditConfigurationError, match="an EKS cluster name is 1 to 100"):
            ControlPlaneLogging(stack, "Ours", cluster=KINDS["eks.CfnCluster"](stack, name, []))


@pytest.mark.parametrize("name", ["p", "9_prod-Blue", "a" * 100, pytest.param(Aws.STACK_NAME, id="a token")])
def test_cluster_names_that_eks_takes(stack: Stack, name: str) -> None:
    assert ControlPlaneLogging(stack, "Logging", cluster=name).cluster_name == name


@pytest.mark.parametrize("cluster", [None, 7, 3.5, True, ["prod"], b"prod"])
def test_what_is_no_cluster_is_refused(stack: Stack, cluster: Any) -> None:
    with pytest.raises(AuditConfigurationError, match=r"cluster must be aws_eks\.Cluster or text, not"):
        ControlPlaneLogging(stack, "Logging", cluster=cluster)


def test_a_cluster_of_another_service_is_refused(stack: Stack) -> None:
    cluster: Any = ecs.Cluster(stack, "Cluster")
    with pytest.raises(AuditConfigurationError, match="cluster must be an EKS cluster"):
        ControlPlaneLogging(stack, "Logging", cluster=cluster)


@pytest.mark.parametrize("log_types", [[], "audit", ["audit"], [None], 3, {eks.ClusterLoggingTypes.AUDIT}])
def test_log_types_that_are_none_are_refused(stack: Stack, log_types: Any) -> None:
    with pytest.raises(AuditConfigurationError, match=r"ClusterLoggingTypes, or leave log_types out"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_types=log_types)
    if log_types:  # to switch nothing off is the default
        with pytest.raises(AuditConfigurationError, match=r"ClusterLoggingTypes, or leave switch_off out"):
            ControlPlaneLogging(stack, "Off", cluster="prod", switch_off=log_types)


@pytest.mark.parametrize("log_group", ["/aws/eks/prod/cluster", 7])
def test_what_is_no_log_group_is_refused(stack: Stack, log_group: Any) -> None:
    with pytest.raises(AuditConfigurationError, match=r"log_group must be aws_logs\.LogGroup, not"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=log_group)


# Deletion protection, field indexes, removing a key

INDEXED = ["user.username", "verb", "objectRef.resource", "responseStatus.code", "stage", "auditID"]


@pytest.mark.parametrize("asked", [True, False])
def test_protection_and_indexes_of_a_log_group_in_the_template(stack: Stack, asked: bool) -> None:
    cluster = KINDS["eks.CfnCluster"](stack, "prod", [])
    ControlPlaneLogging(stack, "Logging", cluster=cluster, deletion_protection=asked, field_indexes=asked)
    (group,) = resources(stack, "AWS::Logs::LogGroup").values()
    found = {name: group["Properties"].get(name) for name in ("DeletionProtectionEnabled", "FieldIndexPolicies")}
    expected = {"DeletionProtectionEnabled": True, "FieldIndexPolicies": [{"Fields": INDEXED}]}
    assert found == (expected if asked else dict.fromkeys(expected))


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("ours", [True, False])
def test_protection_and_indexes_through_the_custom_resource(stack: Stack, asked: bool, ours: bool) -> None:
    cluster: Any = KINDS["eks.CfnCluster"](stack, None, []) if ours else "prod"
    ControlPlaneLogging(stack, "Logging", cluster=cluster, deletion_protection=asked, field_indexes=asked)
    (custom,) = resources(stack, "Custom::EksControlPlaneLogging").values()
    found = {name: custom["Properties"].get(name) for name in ("DeletionProtection", "FieldIndexes")}
    expected = {"DeletionProtection": True, "FieldIndexes": INDEXED}
    assert found == (expected if asked else dict.fromkeys(expected))
    (policy,) = resources(stack, "AWS::IAM::ManagedPolicy").values()
    for action in ("logs:PutLogGroupDeletionProtection", "logs:PutIndexPolicy"):
        assert (action in str(policy)) is asked


@pytest.mark.parametrize("ours", [True, False])
def test_the_conditions_on_log_types_can_be_turned_off(stack: Stack, ours: bool) -> None:
    group = logs.LogGroup(stack, "Group", log_group_name="/aws/eks/prod/cluster") if ours else None
    ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group, logging_type_conditions=False)
    (policy,) = resources(stack, "AWS::IAM::ManagedPolicy").values()
    allowed = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one["Effect"] == "Allow"]
    assert "eks:UpdateClusterConfig" in str(allowed)
    assert "eks:loggingType" not in str(allowed)


@pytest.mark.parametrize("setting", ["deletion_protection", "field_indexes", "remove_encryption_key"])
def test_settings_of_a_log_group_that_is_given_are_refused(stack: Stack, setting: str) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    arguments: dict[str, Any] = {setting: True}
    with pytest.raises(AuditConfigurationError, match=f"'{setting}': an existing log group keeps its own settings"):
        ControlPlaneLogging(stack, "Logging", cluster="prod", log_group=group, **arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"deletion_protection": True, "removal_policy": RemovalPolicy.DESTROY},
            "'deletion_protection, removal_policy': a log group that is protected",
        ),
        (
            {"field_indexes": True, "log_group_class": logs.LogGroupClass.INFREQUENT_ACCESS},
            "'field_indexes, log_group_class': only log groups of class STANDARD",
        ),
        ({"remove_encryption_key": True}, "remove_encryption_key is for the log group of a custom resource"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(stack: Stack, arguments: dict[str, Any], said: str) -> None:
    cluster = KINDS["eks.CfnCluster"](stack, "prod", [])
    with pytest.raises(AuditConfigurationError, match=said):
        ControlPlaneLogging(stack, "Logging", cluster=cluster, **arguments)


def test_a_key_cannot_be_set_and_removed(stack: Stack) -> None:
    key = kms.Key(stack, "Key")
    with pytest.raises(AuditConfigurationError, match="when encryption_key is left out"):
        ControlPlaneLogging(stack, "Both", cluster="prod", encryption_key=key, remove_encryption_key=True)
    ControlPlaneLogging(stack, "Logging", cluster="blue", remove_encryption_key=True)
    assert "logs:DisassociateKmsKey" in str(resources(stack, "AWS::IAM::ManagedPolicy"))
