#!/usr/bin/env python3
"""A new cluster, audited from the start: logging on, and an encrypted log group that keeps events for a year.

cdk deploy --app "python3 examples/new_cluster/app.py"
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, App, BootstraplessSynthesizer, Environment, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs import EksAudit

PRESCRIBED_POLICIES = [
    Acknowledgment(
        id=f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
        reason="EKS Auto Mode prescribes this AWS managed policy",
    )
    for policy in (
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonEKSBlockStoragePolicy",
        "AmazonEKSClusterPolicy",
        "AmazonEKSComputePolicy",
        "AmazonEKSLoadBalancingPolicy",
        "AmazonEKSNetworkingPolicy",
        "AmazonEKSWorkerNodePolicy",
    )
]


class AuditedCluster(Stack):
    """A private cluster in an existing VPC, and its audit."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(
            scope,
            id,
            env=Environment(account="111122223333", region="eu-central-1"),
            synthesizer=BootstraplessSynthesizer(),
        )
        vpc = ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id="vpc-0123456789abcdef0",
            availability_zones=["eu-central-1a", "eu-central-1b"],
            private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            private_subnet_route_table_ids=["rtb-0123456789abcdef0", "rtb-0123456789abcdef1"],
        )
        key = kms.Key(self, "Key", description="Secrets and logs of the cluster", enable_key_rotation=True)
        cluster = eks.Cluster(
            self,
            "Cluster",
            cluster_name="prod",  # a literal, so that the log group can be created first
            version=eks.KubernetesVersion.of("1.34"),
            vpc=vpc,
            vpc_subnets=[ec2.SubnetSelection(subnets=vpc.private_subnets)],
            endpoint_access=eks.EndpointAccess.PRIVATE,
            secrets_encryption_key=key,
        )
        Validations.of(cluster).acknowledge(*PRESCRIBED_POLICIES)
        EksAudit(
            self,
            "Audit",
            cluster=cluster,
            retention=logs.RetentionDays.ONE_YEAR,
            encryption_key=key,
            alarm_emails=["security@example.com"],
        )


def build(app: App) -> list[Stack]:
    return [AuditedCluster(app, "AuditedCluster")]


if __name__ == "__main__":
    app = App(analytics_reporting=False)
    build(app)
    app.synth()
