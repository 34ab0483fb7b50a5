#!/usr/bin/env python3
"""An existing cluster, with custom thresholds and an archive in S3.

cdk deploy --app "python3 examples/existing_cluster/app.py"
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, App, BootstraplessSynthesizer, Duration, Stack, Validations
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs import Detection, EksAudit, SavedQuery, Severity, catalog, field

# The CI system does not count: it is refused many requests with every release.
FORBIDDEN = catalog.FORBIDDEN_REQUESTS.excluding(field("user.username") == "ci-deployer").tuned(threshold=20)

PRODUCTION_EXEC = (
    (field("objectRef.subresource") == "exec")
    & (field("objectRef.namespace") == "payments")
    & (field("stage") == "ResponseComplete")
    & (field("responseStatus.code") == 101)
)

SHELL_IN_PAYMENTS = Detection(
    id="shell-in-payments",
    title="Someone opened a shell in payments",
    severity=Severity.HIGH,
    condition=PRODUCTION_EXEC,
    what="kubectl exec into a pod of the namespace payments.",
    why="Nobody needs a shell there outside an incident.",
    next_steps="Ask whoever did it for the incident's number.",
    query=SavedQuery(
        id="shells-in-payments",
        title="Payments - shells",
        answers="Who opened a shell in which pod?",
        condition=PRODUCTION_EXEC,
        commands=("fields @timestamp, user.username, objectRef.name, requestURI", "sort @timestamp desc", "limit 100"),
    ),
    techniques=("T1609",),
)


NOT_FOR_THIS_ARCHIVE = [
    Acknowledgment(id=id, reason=reason)
    for reason, ids in {
        "CloudTrail's data events record who reads the archive": (
            "AwsSolutions-S1",
            "HIPAA.Security-S3BucketLoggingEnabled",
            "NIST.800.53.R4-S3BucketLoggingEnabled",
            "NIST.800.53.R5-S3BucketLoggingEnabled",
            "PCI.DSS.321-S3BucketLoggingEnabled",
        ),
        "A copy of logs that CloudWatch keeps as well; one Region is enough": (
            "HIPAA.Security-S3BucketReplicationEnabled",
            "NIST.800.53.R4-S3BucketReplicationEnabled",
            "NIST.800.53.R5-S3BucketReplicationEnabled",
            "PCI.DSS.321-S3BucketReplicationEnabled",
        ),
        "Versions protect against accidents; a lock cannot be taken back": (
            "NIST.800.53.R4-S3BucketDefaultLockEnabled",
        ),
    }.items()
    for id in ids
]


class Audit(Stack):
    """Audits one existing cluster."""

    def __init__(self, scope: Construct, id: str, *, cluster: str) -> None:
        super().__init__(scope, id, synthesizer=BootstraplessSynthesizer())
        self.audit = EksAudit(
            self,
            "Audit",
            cluster=cluster,
            detections=catalog.DEFAULT.replacing(FORBIDDEN).without("role-changed").adding(SHELL_IN_PAYMENTS),
            alarm_emails=["security@example.com"],
        )
        export = self.audit.add_export(expire_after=Duration.days(7 * 365))
        Validations.of(export.bucket).acknowledge(*NOT_FOR_THIS_ARCHIVE)
        # The metrics and the log group can be used in your own alarms and dashboards.
        self.refused = self.audit.alarms.metrics["forbidden-requests"]
        self.log_group: logs.ILogGroup = self.audit.log_group


def build(app: App) -> list[Stack]:
    return [Audit(app, "AuditOfProd", cluster="prod")]


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app)
    app.synth()
