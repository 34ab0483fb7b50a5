"""Calls that a type checker must accept, and one that it must not: `make lint` runs pyright over this file.

jsii gives the parameters of a class and of its interface different names, so pyright takes no `kms.Key` for a
`kms.IKey`. Arguments therefore name both.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from aws_cdk import App, Duration, Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3

from eks_audit_constructs import (
    AlarmTopic,
    AuditAlarms,
    AuditExport,
    AuditQueries,
    ControlPlaneLogging,
    EksAudit,
    EksAuditStack,
)


def classes(stack: Stack, key: kms.Key, group: logs.LogGroup, bucket: s3.Bucket) -> None:
    audit = EksAudit(stack, "Audit", cluster="prod", encryption_key=key, log_group=group)
    audit.add_export(encryption_key=key, access_logs_bucket=bucket, archive_after=Duration.days(30))
    EksAuditStack(App(), "Stack", cluster="prod", encryption_key=key, log_group=audit.log_group)
    ControlPlaneLogging(stack, "Logging", cluster="prod", encryption_key=key, log_group=group)
    AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group)
    AuditQueries(stack, "Queries", cluster_name="prod", log_group=group)
    AlarmTopic(stack, "Topic", encryption_key=key)
    AuditExport(stack, "Export", log_group=group, encryption_key=key, access_logs_bucket=bucket)


def interfaces(stack: Stack, key: kms.IKey, group: logs.ILogGroup, bucket: s3.IBucket) -> None:
    EksAudit(stack, "Audit", cluster="prod", encryption_key=key, log_group=group).add_export(access_logs_bucket=bucket)
    AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group)


def clusters(
    stack: Stack, one: eks.Cluster, two: eks_v2.Cluster, imported: eks_v2.ICluster, resource: eks.CfnCluster
) -> None:
    for cluster in (one, two, imported, resource):
        EksAudit(stack, "Audit", cluster=cluster)


def wrong(stack: Stack) -> None:
    EksAudit(stack, "Audit", cluster=7)  # pyright: ignore[reportArgumentType]
