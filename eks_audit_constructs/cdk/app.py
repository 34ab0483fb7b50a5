"""The CDK app: one EksAuditStack for each cluster named in the context.

    cdk deploy -c cluster=prod -c alarm_email=security@example.com

Run it with `app.py` in the project's root, or with `python -m eks_audit_constructs.cdk.app` where the library is
installed. The context keys are documented in `settings.Settings`.
"""

from __future__ import annotations

import sys

from aws_cdk import App, BootstraplessSynthesizer

from eks_audit_constructs.cdk.checks import retention_days
from eks_audit_constructs.cdk.settings import Settings
from eks_audit_constructs.cdk.stack import EksAuditStack
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["build", "main"]


def build(app: App) -> list[EksAuditStack]:
    """Add a stack for each cluster in the app's context.

    Raises:
        AuditConfigurationError: A context key is unknown, or its value is invalid.
    """
    settings = Settings.from_context(app.node.get_all_context())
    retention = settings.retention_days
    stacks: dict[str, EksAuditStack] = {}
    for cluster in settings.cluster:
        id = f"EksAudit-{cluster.replace('_', '-')}"  # stack names cannot contain underscores
        if id in stacks:
            raise AuditConfigurationError(
                "context key 'cluster'",
                value=cluster,
                limit=f"another cluster's stack already has the name {id}",
                way_out="Use a separate app for this cluster, or name its stack in Python.",
            )
        stacks[id] = EksAuditStack(
            app,
            id,
            cluster=cluster,
            retention=None if retention is None else retention_days(retention, "context key 'retention_days'"),
            detections=settings.detections,
            queries=settings.queries,
            alarm_emails=list(settings.alarm_email),
            export=settings.export,
            ok_actions=settings.ok_actions,
            actions_enabled=settings.actions_enabled,
            alarm_name_prefix=settings.alarm_name_prefix,
            namespace=settings.namespace,
            runbook_url=settings.runbook_url,
            alarm_tags=settings.alarm_tags,
            description=f"Alarms, saved queries and export for the audit log of the EKS cluster {cluster}",
            synthesizer=BootstraplessSynthesizer(),
        )
    return list(stacks.values())


def main() -> None:
    """Build and synthesize. A configuration error is one line on standard error and exit status 2."""
    # Templates are meant to be reviewed, so the CLI must not add a path to each resource.
    app = App(analytics_reporting=False, post_cli_context={"aws:cdk:enable-path-metadata": False})
    try:
        build(app)
    except AuditConfigurationError as error:
        print(f"eks-audit: {error}", file=sys.stderr)
        sys.exit(2)
    app.synth()


if __name__ == "__main__":
    main()
