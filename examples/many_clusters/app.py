#!/usr/bin/env python3
"""A fleet: a stack for each cluster, in its own account and Region, urgent alarms apart from the rest.

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
    """What differs between the clusters of the fleet."""

    name: str
    account: str
    region: str
    detections: Detections = catalog.DEFAULT


# People experiment in the sandbox: only what gives the cluster away matters there.
SANDBOX = catalog.DEFAULT.without("role-changed", "role-binding-changed", "forbidden-requests")

FLEET = (
    Cluster(name="prod-eu", account="111122223333", region="eu-central-1"),
    Cluster(name="prod-us", account="111122223333", region="us-east-1"),
    Cluster(name="sandbox", account="444455556666", region="eu-central-1", detections=SANDBOX),
)


class ClusterAudit(Stack):
    """The audit of one cluster; topics for the pager and for the ticket queue are there in each account."""

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
