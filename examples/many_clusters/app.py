#!/usr/bin/env python3
"""A fleet: a stack for each cluster, in the cluster's account and Region, with urgent alarms on a separate topic.

cdk deploy --all --app "python3 examples/many_clusters/app.py"
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import App, BootstraplessSynthesizer, Environment, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_audit_constructs import EksAudit, Severity, catalog
from eks_audit_constructs.catalog import Detections


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """The settings that differ between clusters."""

    name: str
    account: str
    region: str
    detections: Detections = catalog.DEFAULT


# People experiment in the sandbox, so only what compromises the whole cluster matters there.
SANDBOX = catalog.DEFAULT.without("role-changed", "role-binding-changed", "forbidden-requests")

FLEET = (
    Cluster(name="prod-eu", account="111122223333", region="eu-central-1"),
    Cluster(name="prod-us", account="111122223333", region="us-east-1"),
    Cluster(name="sandbox", account="444455556666", region="eu-central-1", detections=SANDBOX),
)


class ClusterAudit(Stack):
    """Audits one cluster. Each account already has topics for the pager and the ticket queue."""

    def __init__(self, scope: Construct, id: str, *, cluster: Cluster) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account=cluster.account, region=cluster.region),
            synthesizer=BootstraplessSynthesizer(),
        )
        pager, tickets = (
            sns.Topic.from_topic_arn(self, name, f"arn:aws:sns:{cluster.region}:{cluster.account}:{name.lower()}")
            for name in ("Pager", "Tickets")
        )
        EksAudit(
            self,
            "Audit",
            cluster=cluster.name,
            detections=cluster.detections,
            alarm_topic={Severity.HIGH: pager, Severity.MEDIUM: tickets, Severity.LOW: tickets},
        )


def build(app: App) -> list[Stack]:
    return [ClusterAudit(app, f"Audit-{cluster.name}", cluster=cluster) for cluster in FLEET]


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app)
    app.synth()
