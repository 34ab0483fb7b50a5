"""Checks for arguments of `ControlPlaneLogging` that could not take effect on the given cluster or log group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.control_plane.log_group import refuse_other_name
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = [
    "refuse_both",
    "refuse_contradictions",
    "refuse_removal",
    "refuse_second",
    "refuse_switching_off",
    "refuse_what_keeps_nothing",
]


def refuse_both(log_group: logs.ILogGroup, settings: Sequence[str], cluster_name: str, where: str) -> None:
    """Reject settings for an existing log group, and a log group that is not the cluster's."""
    if settings:
        raise AuditConfigurationError(
            where,
            value=", ".join(settings),
            limit="an existing log group keeps its own settings",
            way_out="Set them on the log group itself, or leave log_group out",
        )
    refuse_other_name(log_group, cluster_name, where)


def refuse_second(first: Construct, cluster_name: str, settings: Sequence[str], where: str) -> NoReturn:
    """Reject a second construct for the logging of one cluster, unless it only shares the log group of the first."""
    raise AuditConfigurationError(
        where,
        value=", ".join(settings) or cluster_name,
        limit=f"{first.node.path} already manages this cluster's logging, and a second would undo what it does",
        way_out="Pass log_group=first.log_group and none of its settings, and list all log types in the first",
    )


def refuse_what_keeps_nothing(retention: object, log_group_class: logs.LogGroupClass | None, where: str) -> None:
    """Reject a retention that is a plain number, and the class DELIVERY, which only passes events on."""
    if retention is not None and not isinstance(retention, logs.RetentionDays):
        known = checks.retention_days(retention, where)
        raise AuditConfigurationError(
            where,
            value=retention,
            limit="retention must be one of aws_logs.RetentionDays",
            way_out=f"Use RetentionDays.{known.name}",
        )
    if log_group_class is logs.LogGroupClass.DELIVERY:
        raise AuditConfigurationError(
            where,
            value="DELIVERY",
            limit="a DELIVERY log group passes events on instead of keeping them",
            way_out="Use LogGroupClass.STANDARD, or INFREQUENT_ACCESS if the log group has no alarms",
        )


def refuse_contradictions(settings: Mapping[str, object], *, native: bool, where: str) -> None:
    """Reject settings of a log group that exclude each other.

    Args:
        settings: The arguments by name, None for those that are left out.
        native: Whether the template defines the log group.
        where: The construct's path.
    """
    excluded = {
        ("deletion_protection", "removal_policy"): (
            settings["removal_policy"] is RemovalPolicy.DESTROY,
            "a log group that is protected from deletion cannot be destroyed with the stack",
            "Leave removal_policy or deletion_protection out",
        ),
        ("field_indexes", "log_group_class"): (
            settings["log_group_class"] is logs.LogGroupClass.INFREQUENT_ACCESS,
            "only log groups of class STANDARD have field indexes",
            "Use LogGroupClass.STANDARD, or leave field_indexes out",
        ),
        ("remove_encryption_key", "encryption_key"): (
            native or settings["encryption_key"] is not None,
            "remove_encryption_key is for the log group of a custom resource, when encryption_key is left out",
            "Leave remove_encryption_key out",
        ),
    }
    for names, (excludes, limit, way_out) in excluded.items():
        if settings[names[0]] and excludes:
            raise AuditConfigurationError(where, value=", ".join(names), limit=limit, way_out=way_out)


def refuse_removal(removal_policy: RemovalPolicy | None, where: str) -> None:
    """Reject a removal policy for a log group that no template defines."""
    if removal_policy is not None:
        raise AuditConfigurationError(
            where,
            value=removal_policy.name,
            limit="a log group created by EKS or the custom resource stays when the stack is removed",
            way_out="Leave removal_policy out, or pass a log_group of your own",
        )


def refuse_switching_off(log_types: Sequence[str], where: str) -> None:
    """Reject switching off log types in a cluster that this app defines."""
    if log_types:
        raise AuditConfigurationError(
            where,
            value=", ".join(log_types),
            limit="switch_off is for existing clusters; this cluster's properties list what is on",
            way_out="Leave switch_off out, and list the log types you want in the cluster's properties",
        )
