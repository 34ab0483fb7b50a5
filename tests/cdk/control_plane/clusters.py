"""Clusters of every kind an app can define, as cheap to synthesize as they get."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from aws_cdk import Stack, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template
from aws_cdk.interfaces.aws_eks import IClusterRef
from constructs import Construct

Resources = dict[str, dict[str, Any]]

_SPELLING = {"API": "api", "AUDIT": "audit", "SCHEDULER": "scheduler"}


def _vpc(scope: Construct) -> ec2.Vpc:
    subnets = ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC)
    return ec2.Vpc(scope, "Vpc", max_azs=2, nat_gateways=0, subnet_configuration=[subnets])


def _v1(kind: type[eks.Cluster], **extra: Any) -> Callable[..., IClusterRef]:
    def build(stack: Stack, name: str | None, types: Sequence[str]) -> IClusterRef:
        layer_arn = f"arn:{Token.as_string(stack.partition)}:lambda:us-east-1:111122223333:layer:kubectl:1"
        return kind(
            stack,
            "Cluster",
            version=eks.KubernetesVersion.V1_34,
            cluster_name=name,
            cluster_logging=[eks.ClusterLoggingTypes[member] for member in types] or None,
            kubectl_layer=lambda_.LayerVersion.from_layer_version_arn(stack, "Layer", layer_arn),
            vpc=_vpc(stack),
            vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)],
            **extra,
        )

    return build


def _v2(kind: type[eks_v2.Cluster], **extra: Any) -> Callable[..., IClusterRef]:
    def build(stack: Stack, name: str | None, types: Sequence[str]) -> IClusterRef:
        return kind(
            stack,
            "Cluster",
            version=eks_v2.KubernetesVersion.V1_34,
            cluster_name=name,
            cluster_logging=[eks_v2.ClusterLoggingTypes[member] for member in types] or None,
            vpc=_vpc(stack),
            vpc_subnets=[ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)],
            **extra,
        )

    return build


def _cfn(kind: Any) -> Callable[..., IClusterRef]:
    def build(stack: Stack, name: str | None, types: Sequence[str]) -> IClusterRef:
        enabled = [kind.LoggingTypeConfigProperty(type=_SPELLING[member]) for member in types]
        cluster: IClusterRef = kind(
            stack,
            "Cluster",
            name=name,
            role_arn=f"arn:{stack.partition}:iam::111122223333:role/eks",
            resources_vpc_config=kind.ResourcesVpcConfigProperty(subnet_ids=["subnet-1", "subnet-2"]),
            logging=kind.LoggingProperty(cluster_logging=kind.ClusterLoggingProperty(enabled_types=enabled))
            if types
            else None,
        )
        return cluster

    return build


KINDS: dict[str, Callable[..., IClusterRef]] = {
    "eks.Cluster": _v1(eks.Cluster, default_capacity=0),
    "eks.FargateCluster": _v1(eks.FargateCluster),
    "eks.CfnCluster": _cfn(eks.CfnCluster),
    "eks_v2.Cluster": _v2(eks_v2.Cluster),
    "eks_v2.FargateCluster": _v2(eks_v2.FargateCluster, core_dns_compute_type=eks_v2.CoreDnsComputeType.EC2),
    "eks_v2.CfnCluster": _cfn(eks_v2.CfnCluster),
}
"""By the name users know a kind by: `(stack, cluster name or None, log types the cluster itself switches on)`."""


def resources(stack: Stack, type_name: str | None = None) -> Resources:
    """What the stack's template holds, all or of one type."""
    found: Resources = Template.from_stack(stack).to_json().get("Resources", {})
    return {key: value for key, value in found.items() if type_name in (None, value["Type"])}


def cluster_resource(stack: Stack) -> dict[str, Any]:
    """The one cluster in the template."""
    kinds = ("AWS::EKS::Cluster", "Custom::AWSCDK-EKS-Cluster")
    (found,) = (value for value in resources(stack).values() if value["Type"] in kinds)
    return found


def enabled_types(stack: Stack) -> list[str]:
    """The log types the template's one cluster has switched on, in their order."""
    properties = cluster_resource(stack)["Properties"]
    if "Config" in properties:
        (entry,) = properties["Config"]["logging"]["clusterLogging"]
        assert entry["enabled"] is True
        return list(entry["types"])
    return [entry["Type"] for entry in properties["Logging"]["ClusterLogging"]["EnabledTypes"]]
