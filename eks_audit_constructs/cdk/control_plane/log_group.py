"""The log group of a cluster's control plane: the one EKS writes to, made by us before EKS makes it."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk.grants import allow_on_key, logs_service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["let_logs_use", "log_group_arn", "log_group_name", "owned_log_group", "refuse_other_name"]


def log_group_name(cluster_name: str) -> str:
    """The name EKS gives the log group of a cluster's control plane; it cannot be told another.

    https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
    """
    return f"/aws/eks/{cluster_name}/cluster"


def log_group_arn(stack: Stack, cluster_name: str) -> str:
    """The ARN of that log group, in the stack's account and Region, written out from its name."""
    return stack.format_arn(
        service="logs",
        resource="log-group",
        resource_name=log_group_name(cluster_name),
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def let_logs_use(scope: Construct, key: kms.IKey, cluster_name: str) -> None:
    """Grant CloudWatch Logs the use of a key, for this cluster's log group only.

    The ARN in it is written out: the log group's own would tie key and log group in a circle, and the name of a
    cluster that uses the key itself would do the same. Where only CloudFormation knows that name, the grant is for
    the log groups of all clusters of the account and Region.
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
) -> logs.LogGroup:
    """The log group of a cluster whose name is a literal, with the grant without which its key cannot be used."""
    if encryption_key is not None:
        let_logs_use(scope, encryption_key, cluster_name)
    return logs.LogGroup(
        scope,
        id,
        log_group_name=log_group_name(cluster_name),
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
