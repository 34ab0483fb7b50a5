"""The app that is deployed to the emulator: the default stack, without what the emulator does not know.

Its context: `retention` in days; `eks`, where the fake EKS listens, as the emulator's own cannot update a cluster;
`responses`, where the emulator takes responses of custom resources.
"""

from __future__ import annotations

from aws_cdk import App, BootstraplessSynthesizer, Stack
from aws_cdk import aws_eks as eks

from eks_audit_constructs import EksAudit, catalog
from eks_audit_constructs.cdk import checks

DETECTIONS = ("audit-events-silent", "aws-auth-changed", "forbidden-requests", "unauthorized-requests")
"""More make a template that no call to CloudFormation holds, and the emulator looks for it in the wrong bucket."""


def build(app: App) -> Stack:
    stack = Stack(app, "Audit", synthesizer=BootstraplessSynthesizer())
    audit = EksAudit(
        stack,
        "Audit",
        cluster="prod",
        log_types=[eks.ClusterLoggingTypes.AUDIT, eks.ClusterLoggingTypes.API],
        retention=checks.retention_days(int(app.node.get_context("retention")), "context key 'retention'"),
        detections=[catalog.get(id) for id in DETECTIONS],
        alarm_emails=["security@example.com"],
    )
    audit.node.try_remove_child(audit.queries.node.id)
    assert audit.logging.running is not None
    elsewhere = {"AWS_ENDPOINT_URL_EKS": "eks", "RESPONSE_URLS": "responses"}
    for variable, key in elsewhere.items():
        path = f"Environment.Variables.{variable}"
        audit.logging.running.function.add_property_override(path, app.node.get_context(key))
    return stack


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app)
    app.synth()
