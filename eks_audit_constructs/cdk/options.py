"""Types of the keyword arguments that constructs pass on to others.

Each option is documented at the construct in which it takes effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:  # not at run time: the EKS modules alone take 0.4 s to import
    from aws_cdk import (
        Duration,
        Environment,
        IPropertyInjector,
        IStackSynthesizer,
        PermissionsBoundary,
        RemovalPolicy,
    )
    from aws_cdk import aws_eks as eks
    from aws_cdk import aws_eks_v2 as eks_v2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3

    from eks_audit_constructs.catalog import Detection, SavedQuery
    from eks_audit_constructs.cdk.alarms.destinations import Destinations

__all__ = [
    "AlarmOptions",
    "AuditOptions",
    "AuditStackOptions",
    "ExportOptions",
    "LoggingAndAlarmOptions",
    "LoggingOptions",
    "RunningOptions",
    "StackOptions",
    "split",
]


class LoggingOptions(TypedDict, total=False):
    """Arguments of `ControlPlaneLogging` besides the cluster."""

    log_types: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes] | None
    switch_off: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes]
    retention: logs.RetentionDays | None
    encryption_key: kms.IKey | kms.Key | None
    log_group_class: logs.LogGroupClass | None
    log_group: logs.ILogGroup | logs.LogGroup | None
    removal_policy: RemovalPolicy | None
    deletion_protection: bool
    field_indexes: bool
    remove_encryption_key: bool
    logging_type_conditions: bool


class RunningOptions(TypedDict, total=False):
    """Arguments of `RunningClusterLogging` besides the cluster's name."""

    log_types: Sequence[str]
    switch_off: Sequence[str]
    retention: logs.RetentionDays | None
    keep_retention: bool
    encryption_key: kms.IKey | None
    log_group_class: logs.LogGroupClass | None
    deletion_protection: bool
    field_indexes: bool
    remove_encryption_key: bool
    logging_type_conditions: bool


class AlarmOptions(TypedDict, total=False):
    """Arguments of `AuditAlarms` besides what `EksAudit` decides."""

    ok_actions: bool
    actions_enabled: bool
    alarm_name_prefix: str
    namespace: str
    runbook_url: str | None
    alarm_tags: bool


class LoggingAndAlarmOptions(LoggingOptions, AlarmOptions, total=False):
    """Arguments that `EksAudit` passes on."""


class AuditOptions(LoggingAndAlarmOptions, total=False):
    """Arguments of `EksAudit` besides the cluster."""

    detections: Iterable[Detection]
    queries: Iterable[SavedQuery]
    alarm_emails: Sequence[str]
    alarm_topic: Destinations | None


class ExportOptions(TypedDict, total=False):
    """Arguments of `AuditExport` besides the log group."""

    encryption_key: kms.IKey | kms.Key | None
    archive_after: Duration | None
    expire_after: Duration | None
    object_lock: s3.ObjectLockRetention | None
    access_logs_bucket: s3.IBucket | s3.Bucket | None


class StackOptions(TypedDict, total=False):
    """Arguments of `aws_cdk.Stack`."""

    analytics_reporting: bool | None
    cross_region_references: bool | None
    description: str | None
    env: Environment | None
    notification_arns: Sequence[str] | None
    permissions_boundary: PermissionsBoundary | None
    property_injectors: Sequence[IPropertyInjector] | None
    stack_name: str | None
    suppress_template_indentation: bool | None
    synthesizer: IStackSynthesizer | None
    tags: Mapping[str, str] | None
    termination_protection: bool | None


class AuditStackOptions(AuditOptions, StackOptions, total=False):
    """Arguments that `EksAuditStack` passes on."""


def split(options: Mapping[str, Any], names: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the options with these names from all others."""
    return (
        {name: value for name, value in options.items() if name in names},
        {name: value for name, value in options.items() if name not in names},
    )
