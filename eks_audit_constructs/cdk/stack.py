"""EksAuditStack: EksAudit as a stack of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_eks import IClusterRef
from constructs import Construct

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, SavedQuery, Severity
from eks_audit_constructs.cdk.audit import EksAudit

if TYPE_CHECKING:
    from aws_cdk import aws_eks as eks
    from aws_cdk import aws_eks_v2 as eks_v2

__all__ = ["EksAuditStack"]


class EksAuditStack(Stack):
    """Audits one cluster: `EksAudit` with outputs, to deploy beside whatever made the cluster.

    The template has no assets. Synthesized with `BootstraplessSynthesizer`, as `app.py` does, it needs no bootstrap
    either and can go through StackSets or plain CloudFormation.

    Args:
        scope: The app or stage.
        id: The stack's id.
        cluster: See `EksAudit`, as for all arguments not named here.
        export: Add a bucket for exports of the log group.
        stack_options: What `aws_cdk.Stack` takes: `env`, `tags`, `synthesizer`, …
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: IClusterRef | str,
        log_types: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes] | None = None,
        switch_off: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes] = (),
        retention: logs.RetentionDays | None = None,
        encryption_key: kms.IKey | None = None,
        log_group: logs.ILogGroup | None = None,
        detections: Iterable[Detection] = catalog.DEFAULT,
        queries: Iterable[SavedQuery] = catalog.DEFAULT_QUERIES,
        alarm_emails: Sequence[str] = (),
        alarm_topic: sns.ITopic | Mapping[Severity, sns.ITopic] | None = None,
        export: bool = False,
        **stack_options: Any,
    ) -> None:
        super().__init__(scope, id, **stack_options)
        self.audit = EksAudit(
            self,
            "Audit",
            cluster=cluster,
            log_types=log_types,
            switch_off=switch_off,
            retention=retention,
            encryption_key=encryption_key,
            log_group=log_group,
            detections=detections,
            queries=queries,
            alarm_emails=alarm_emails,
            alarm_topic=alarm_topic,
        )
        CfnOutput(self, "LogGroupName", value=self.audit.log_group.log_group_name, description="Where the logs are.")
        if self.audit.topic is not None:
            CfnOutput(
                self,
                "AlarmTopicArn",
                value=self.audit.topic.topic.topic_arn,
                description="Subscribe here to be told of alarms.",
            )
        if export:
            bucket = self.audit.add_export().bucket
            CfnOutput(self, "ExportBucketName", value=bucket.bucket_name, description="Where exports of the logs go.")
