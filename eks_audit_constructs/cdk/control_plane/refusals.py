"""Arguments of `ControlPlaneLogging` that could not take effect on the cluster or the log group they come with."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_logs as logs

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.control_plane.log_group import refuse_other_name
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["refuse_both", "refuse_elsewhere", "refuse_removal", "refuse_switching_off", "refuse_what_keeps_nothing"]


def refuse_elsewhere(here: Stack, there: Stack, where: str) -> None:
    """Refuse a cluster of another account or Region: its log group is beside it."""
    for ours, theirs in ((here.region, there.region), (here.account, there.account)):
        if ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
            raise AuditConfigurationError(
                where,
                value=ours,
                limit=f"the cluster's log group is where the cluster is: {theirs}",
                way_out=f"Define this in a stack of {theirs}, the cluster's own for example",
            )


def refuse_both(log_group: logs.ILogGroup, settings: Sequence[str], cluster_name: str, where: str) -> None:
    """Refuse settings beside an existing log group, and a log group that is not the cluster's."""
    if not hasattr(log_group, "add_metric_filter"):
        raise AuditConfigurationError(
            where,
            value=log_group,
            limit="log_group is a log group construct",
            way_out="Give a LogGroup, or LogGroup.from_log_group_name(...)",
        )
    if settings:
        raise AuditConfigurationError(
            where,
            value=", ".join(settings),
            limit="an existing log group keeps its own settings",
            way_out="Set them on the log group itself, or leave log_group out",
        )
    refuse_other_name(log_group, cluster_name, where)


def refuse_what_keeps_nothing(retention: object, log_group_class: logs.LogGroupClass | None, where: str) -> None:
    """Refuse a retention that is a plain number, and a class of log groups that only pass events on."""
    if retention is not None and not isinstance(retention, logs.RetentionDays):
        known = checks.retention_days(retention, where)
        raise AuditConfigurationError(
            where,
            value=retention,
            limit="retention is one of aws_logs.RetentionDays",
            way_out=f"Write RetentionDays.{known.name}",
        )
    if log_group_class is logs.LogGroupClass.DELIVERY:
        raise AuditConfigurationError(
            where,
            value="DELIVERY",
            limit="a DELIVERY log group passes events on instead of keeping them",
            way_out="Use LogGroupClass.STANDARD, or INFREQUENT_ACCESS where nothing alarms on the log group",
        )


def refuse_removal(removal_policy: RemovalPolicy | None, where: str) -> None:
    """Refuse a removal policy for a log group that no template defines."""
    if removal_policy is not None:
        raise AuditConfigurationError(
            where,
            value=removal_policy.name,
            limit="a log group that EKS or the custom resource makes stays when the stack goes",
            way_out="Leave removal_policy out, or give a log_group of your own",
        )


def refuse_switching_off(log_types: Sequence[str], where: str) -> None:
    """Refuse to switch log types off in a cluster that this app defines."""
    if log_types:
        raise AuditConfigurationError(
            where,
            value=", ".join(log_types),
            limit="switch_off is for a cluster that already runs; this one's own properties say what is on",
            way_out="Leave switch_off out, and list what is to be on in the cluster's own properties",
        )
