"""The log group to which EKS writes a cluster's control-plane logs."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk.checks import is_known
from eks_audit_constructs.cdk.grants import allow_on_key, logs_service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["FIELD_INDEXES", "let_logs_use", "log_group_arn", "log_group_name", "owned_log_group", "refuse_other_name"]

FIELD_INDEXES = ("user.username", "verb", "objectRef.resource", "responseStatus.code", "stage", "auditID")
"""The fields that `field_indexes` indexes: those by which queries about audit events look for few of many."""


def log_group_name(cluster_name: str) -> str:
    """The name of a cluster's log group, which is determined by EKS.

    https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    return f"/aws/eks/{cluster_name}/cluster"


def log_group_arn(stack: Stack, cluster_name: str) -> str:
    """The ARN of a cluster's log group, in the stack's account and Region."""
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group_name(cluster_name),
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def let_logs_use(scope: Construct, key: kms.IKey, cluster_name: str) -> None:
    """Let CloudWatch Logs use a key, for this cluster's log group only.

    The grant has a literal ARN: a reference to the log group, or to a cluster that uses the key too, would be a
    circular dependency. If only CloudFormation knows the cluster's name, the grant covers the log groups of all
    clusters in the account and Region.
    """
    stack = Stack.of(scope)
    arn = log_group_arn(stack, "*" if Token.is_unresolved(cluster_name) else cluster_name)
    statement = iam.PolicyStatement(
        principals=[logs_service(scope, stack.region)],
        actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    )
    allow_on_key(scope, key, statement)


def owned_log_group(
    scope: Construct,
    id: str,
    *,
    cluster_name: str,
    retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
    encryption_key: kms.IKey | None = None,
    log_group_class: logs.LogGroupClass | None = None,
    deletion_protection: bool = False,
    field_indexes: bool = False,
) -> logs.LogGroup:
    """Create the log group of a cluster with a literal name, and let CloudWatch Logs use its key."""
    if encryption_key is not None:
        let_logs_use(scope, encryption_key, cluster_name)
    return logs.LogGroup(
        scope,
        id,
        log_group_name=log_group_name(cluster_name),
        retention=retention,
        encryption_key=encryption_key,
        log_group_class=log_group_class,
        deletion_protection_enabled=True if deletion_protection else None,
        field_index_policies=[logs.FieldIndexPolicy(fields=[*FIELD_INDEXES])] if field_indexes else None,
        removal_policy=removal_policy,
    )


def refuse_other_name(log_group: logs.ILogGroup, cluster_name: str, where: str) -> None:
    """Reject a log group to which EKS would never write.

    Raises:
        AuditConfigurationError: The log group's name is generated, or is known to be the wrong one.
    """
    resource = log_group.node.default_child
    name = resource.log_group_name if isinstance(resource, logs.CfnLogGroup) else log_group.log_group_name
    given = Stack.of(log_group).resolve(name)  # None: CloudFormation generates a name, which is never the right one
    expected = log_group_name(cluster_name)
    known = isinstance(given, str) and is_known(given) and is_known(cluster_name)
    if given is None or (known and given != expected):
        raise AuditConfigurationError(
            where,
            value=given or log_group.node.path,
            limit=f"EKS writes this cluster's control-plane logs only to {expected}",
            way_out=f"Name the log group {expected}, or leave log_group out",
        )
