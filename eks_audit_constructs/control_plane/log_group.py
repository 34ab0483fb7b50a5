"""The log group of a cluster's control plane: the one EKS writes to, made by us before EKS makes it."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs._grants import allow_on_key, logs_service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["log_group_name", "owned_log_group", "refuse_other_name"]


def log_group_name(cluster_name: str) -> str:
    """The name EKS gives the log group of a cluster's control plane; it cannot be told another.

    https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    return f"/aws/eks/{cluster_name}/cluster"


def owned_log_group(
    scope: Construct,
    id: str,
    *,
    cluster_name: str,
    retention: logs.RetentionDays,
    removal_policy: RemovalPolicy,
    encryption_key: kms.IKey | None = None,
    log_group_class: logs.LogGroupClass | None = None,
) -> logs.LogGroup:
    """The log group of a cluster whose name is a literal, with the grant without which its key cannot be used."""
    name = log_group_name(cluster_name)
    if encryption_key is not None:
        stack = Stack.of(scope)
        # From the literal name: the log group's own ARN would tie key and log group in a circle.
        arn = stack.format_arn(
            service="logs", resource="log-group", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        allow_on_key(
            scope,
            encryption_key,
            iam.PolicyStatement(
                principals=[logs_service(scope, stack.region)],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
            ),
        )
    return logs.LogGroup(
        scope,
        id,
        log_group_name=name,
        retention=retention,
        encryption_key=encryption_key,
        log_group_class=log_group_class,
        removal_policy=removal_policy,
    )


def refuse_other_name(log_group: logs.ILogGroup, cluster_name: str, where: str) -> None:
    """Refuse a log group to which EKS would never write.

    Raises:
        AuditConfigurationError: Both names are literals, and they do not belong together.
    """
    resource = log_group.node.default_child
    name = resource.log_group_name if isinstance(resource, logs.CfnLogGroup) else log_group.log_group_name
    given = Stack.of(log_group).resolve(name)  # None: CloudFormation makes up a name, which is never the right one
    expected = log_group_name(cluster_name)
    known = isinstance(given, str) and not Token.is_unresolved(cluster_name)
    if given is None or (known and given != expected):
        raise AuditConfigurationError(
            where,
            value=given or log_group.node.path,
            limit=f"EKS writes this cluster's control plane logs to {expected} and nowhere else",
            way_out=f"Name the log group {expected}, or leave log_group out",
        )
