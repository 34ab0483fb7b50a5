"""EksAuditStack: EksAudit as a stack."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import CfnOutput, Stack
from aws_cdk.interfaces.aws_eks import IClusterRef
from constructs import Construct

from eks_audit_constructs.cdk.audit import EksAudit
from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.options import AuditStackOptions, StackOptions, split

__all__ = ["EksAuditStack"]


class EksAuditStack(Stack):
    """A stack that audits one cluster: `EksAudit` with outputs, to deploy next to whatever created the cluster.

    The template has no assets. With `BootstraplessSynthesizer`, as in `app.py`, it needs no bootstrap stack either, so
    StackSets and plain CloudFormation can deploy it.

    Args:
        scope: The app or stage.
        id: The stack's id.
        cluster: The cluster, or the name of an existing one; see `ControlPlaneLogging`.
        export: Add a bucket for exports of the log group.
        options: Arguments of `EksAudit` (`detections`, `alarm_emails`, `retention`, …) and of `aws_cdk.Stack` (`env`,
            `tags`, `synthesizer`, …).

    Raises:
        AuditConfigurationError: As for `EksAudit`.
    """

    @checked(leaving=("cluster",))
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: IClusterRef | str,
        export: bool = False,
        **options: Unpack[AuditStackOptions],
    ) -> None:
        # All that is not the stack's goes to EksAudit, which rejects unknown options by name.
        of_stack, of_audit = split(options, StackOptions.__optional_keys__)
        super().__init__(scope, id, **of_stack)
        self.audit = EksAudit(self, "Audit", cluster=cluster, **of_audit)
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
