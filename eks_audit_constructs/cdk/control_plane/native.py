"""Logging of clusters that the app defines, through the cluster's properties.

`aws_eks_v2.Cluster` and both `CfnCluster`s render an `AWS::EKS::Cluster` with a typed property. `aws_eks.Cluster`
renders a custom resource, whose properties only an override can change.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from aws_cdk import CfnResource, Stack, Token
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from constructs import Construct, IConstruct

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["NativeCluster", "native_cluster"]

_CUSTOM_RESOURCE = "Custom::AWSCDK-EKS-Cluster"
_CLAIM = "ControlPlaneLogging"


class NativeCluster(ABC):
    """A cluster that this app defines.

    Attributes:
        resource: The cluster's CloudFormation resource.
        name: The cluster's name if it is a literal, else None.
    """

    def __init__(self, resource: CfnResource, name: str | None) -> None:
        self.resource = resource
        self.name = None if name is None or Token.is_unresolved(name) else name

    def claim(self, where: str) -> None:
        """Reserve the cluster's logging for one construct.

        Raises:
            AuditConfigurationError: Another construct has reserved it.
        """
        # A child without resources: it does not show in the template, but is found from every reference to the cluster.
        if self.resource.node.try_find_child(_CLAIM) is not None:
            raise AuditConfigurationError(
                where,
                value=self.resource.node.path,
                limit="a cluster can have only one ControlPlaneLogging: a second would create the same log group again",
                way_out="Use the log_group of the first, and list all log types there",
            )
        Construct(self.resource, _CLAIM)

    def switch_on(self, types: Iterable[str], where: str) -> list[str]:
        """Switch on these log types in addition to those already on, and return all of them, sorted.

        If none is missing, they keep their order: to EKS a new order is an update that changes nothing, which it
        rejects. An override from before cannot be read, and would win over the property. So the types are written as
        an override too, and what is said of them at synthesis is true.

        Raises:
            AuditConfigurationError: The log types in the cluster's properties are not literals.
        """
        before = self._types()
        if not all(isinstance(name, str) for name in before):
            raise AuditConfigurationError(
                where,
                value=before,
                limit=f"the log types of {self.resource.node.path} are tokens, to which others cannot be added",
                way_out="Leave logging out of the cluster's properties, or list its log types as literals there",
            )
        after = sorted({*before, *types})
        missing = len(after) > len(set(before))
        self._render(after if missing else before)
        return after

    @abstractmethod
    def _types(self) -> list[Any]:
        """The log types in the cluster's properties, or the tokens in their place."""

    @abstractmethod
    def _render(self, types: list[str]) -> None:
        """Set the cluster's log types."""


class _Cluster(NativeCluster):
    """An `AWS::EKS::Cluster`. Log types that are not in its list are off."""

    def __init__(self, resource: eks.CfnCluster | eks_v2.CfnCluster) -> None:
        super().__init__(resource, resource.name)
        self._cluster = resource

    def _types(self) -> list[Any]:
        rendered = Stack.of(self._cluster).resolve(self._cluster.logging)
        match rendered:
            case {"clusterLogging": {"enabledTypes": [*entries]}}:
                return [entry.get("type", entry) for entry in entries]
            case None:
                return []
        return [] if rendered in ({}, {"clusterLogging": {}}) else [rendered]

    def _render(self, types: list[str]) -> None:
        entries = [{"Type": name} for name in types]
        self._cluster.add_property_override("Logging.ClusterLogging.EnabledTypes", entries)
        if isinstance(self._cluster, eks.CfnCluster):
            v1 = eks.CfnCluster
            self._cluster.logging = v1.LoggingProperty(
                cluster_logging=v1.ClusterLoggingProperty(
                    enabled_types=[v1.LoggingTypeConfigProperty(type=name) for name in types]
                )
            )
        else:
            v2 = eks_v2.CfnCluster
            self._cluster.logging = v2.LoggingProperty(
                cluster_logging=v2.ClusterLoggingProperty(
                    enabled_types=[v2.LoggingTypeConfigProperty(type=name) for name in types]
                )
            )


class _CustomResource(NativeCluster):
    """The custom resource behind `aws_eks.Cluster`. Its Config is the request to EKS, in EKS's spelling."""

    def __init__(self, resource: CfnResource) -> None:
        # Protected, but the only place with the literal name.
        self._config: dict[str, Any] = resource._cfn_properties["Config"]
        super().__init__(resource, self._config.get("name"))

    def _types(self) -> list[Any]:
        entries = self._config.get("logging", {}).get("clusterLogging", [])
        return [name for entry in entries if entry["enabled"] for name in entry["types"]]

    def _render(self, types: list[str]) -> None:
        self.resource.add_property_override("Config.logging", {"clusterLogging": [{"enabled": True, "types": types}]})


def native_cluster(cluster: IConstruct) -> NativeCluster | None:
    """Return the cluster if this app defines it, or None if it only refers to it."""
    if isinstance(cluster, (eks.CfnCluster, eks_v2.CfnCluster)):
        return _Cluster(cluster)
    if isinstance(cluster, eks_v2.Cluster):  # includes FargateCluster
        resource = cluster.node.default_child
        assert isinstance(resource, eks_v2.CfnCluster)
        return _Cluster(resource)
    if isinstance(cluster, eks.Cluster):
        wrapper = cluster.node.default_child
        assert wrapper is not None
        for child in wrapper.node.find_all():
            if isinstance(child, CfnResource) and child.cfn_resource_type == _CUSTOM_RESOURCE:
                return _CustomResource(child)
        raise AssertionError(f"no {_CUSTOM_RESOURCE} in {cluster.node.path}")
    return None
