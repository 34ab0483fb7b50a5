"""Logging of clusters that the app defines, through the cluster's own Logging property.

The two cluster families render differently: `aws_eks_v2.Cluster` and both `CfnCluster`s are an `AWS::EKS::Cluster`
with a typed property; `aws_eks.Cluster` is a custom resource whose properties only an override can change.
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
    """A cluster in this app's own templates.

    Attributes:
        resource: What is rendered.
        name: Its name, when it is a literal.
    """

    def __init__(self, resource: CfnResource, name: str | None) -> None:
        self.resource = resource
        self.name = None if name is None or Token.is_unresolved(name) else name

    def claim(self, where: str) -> None:
        """Take charge of this cluster's logging, once.

        Raises:
            AuditConfigurationError: Another construct already did.
        """
        # A child without resources: it leaves no line in the template, and every handle on the cluster sees it.
        if self.resource.node.try_find_child(_CLAIM) is not None:
            raise AuditConfigurationError(
                where,
                value=self.resource.node.path,
                limit="a cluster has one ControlPlaneLogging: a second one would own the same log group again",
                way_out="Use the first one's log_group, and give all log types there",
            )
        Construct(self.resource, _CLAIM)

    def switch_on(self, types: Iterable[str], where: str) -> list[str]:
        """Switch these log types on beside those that are on; answers with all of them, sorted.

        Where nothing is missing the property stays as it is, order included: to EKS a mere change of order is
        an update that changes nothing, which it refuses.

        Raises:
            AuditConfigurationError: The cluster's own Logging property is no list of literals.
        """
        before = self._types()
        if not all(isinstance(name, str) for name in before):
            raise AuditConfigurationError(
                where,
                value=before,
                limit=f"the log types of {self.resource.node.path} are tokens, to which others cannot be added",
                way_out="Leave logging out of the cluster's own properties, or list its log types as literals there",
            )
        after = sorted({*before, *types})
        if len(after) > len(set(before)):
            self._render(after)
        return after

    @abstractmethod
    def _types(self) -> list[Any]:
        """The log types the cluster's own properties switch on, or what stands in their place."""

    @abstractmethod
    def _render(self, types: list[str]) -> None:
        """Make these the log types of the cluster."""


class _Cluster(NativeCluster):
    """An `AWS::EKS::Cluster`; its list of enabled types is complete: what is not in it is off."""

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
    """The custom resource behind `aws_eks.Cluster`; its Config is the call to EKS, in EKS's own spelling."""

    def __init__(self, resource: CfnResource) -> None:
        # The properties as they were given: protected, and the only place that holds the literal name.
        self._config: dict[str, Any] = resource._cfn_properties["Config"]
        super().__init__(resource, self._config.get("name"))

    def _types(self) -> list[Any]:
        entries = self._config.get("logging", {}).get("clusterLogging", [])
        return [name for entry in entries if entry["enabled"] for name in entry["types"]]

    def _render(self, types: list[str]) -> None:
        self.resource.add_property_override("Config.logging", {"clusterLogging": [{"enabled": True, "types": types}]})


def native_cluster(cluster: IConstruct) -> NativeCluster | None:
    """The cluster as this app renders it; None for one that is only referred to."""
    if isinstance(cluster, (eks.CfnCluster, eks_v2.CfnCluster)):
        return _Cluster(cluster)
    if isinstance(cluster, eks_v2.Cluster):  # FargateCluster is one
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
