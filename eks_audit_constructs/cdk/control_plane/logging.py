"""Control plane logging of one cluster: switched on where the app defines the cluster, referred to where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Unpack

from aws_cdk import Annotations, CfnResource, Names, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk.interfaces.aws_eks import ClusterReference, IClusterRef
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.control_plane import refusals
from eks_audit_constructs.cdk.control_plane.log_group import log_group_name, owned_log_group
from eks_audit_constructs.cdk.options import RunningOptions
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:  # the EKS modules take 0.4 s to load, and an app that names its cluster needs neither
    from aws_cdk import aws_eks as eks
    from aws_cdk import aws_eks_v2 as eks_v2

    from eks_audit_constructs.cdk.control_plane.native import NativeCluster
    from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging

__all__ = ["ControlPlaneLogging"]

_SPELLING = {
    "API": "api",
    "AUDIT": "audit",
    "AUTHENTICATOR": "authenticator",
    "CONTROLLER_MANAGER": "controllerManager",
    "SCHEDULER": "scheduler",
}
"""The log types as CDK and as EKS spell them."""


class ControlPlaneLogging(Construct):
    """Where a cluster's control plane logs are, and that they are written.

    What it does depends on what it is given:

    - *A cluster of this app with a literal name* (`aws_eks.Cluster`, `aws_eks_v2.Cluster`, their `FargateCluster`s,
      both `CfnCluster`s): switches the log types on in the cluster's own properties, and owns the log group
      `/aws/eks/<name>/cluster`, made before the cluster so that EKS finds it. A log group that is there already
      (the cluster has logged before) cannot be made again: give it as `log_group`, or import it with `cdk import`.
      The group is made in the cluster's stack, also when this construct is in another: that one is deployed later,
      and `encryption_key` must not be defined in it.
    - *A cluster of this app whose name CloudFormation makes or resolves*: switches the log types on in its own
      properties; EKS makes the log group, and a custom resource gives it retention and key afterwards.
    - *A cluster that already runs*, by its name or imported: a custom resource switches on the log types that are off,
      and makes or adopts the log group. It asks EKS for nothing when the cluster logs already, deletes no log group,
      and changes nothing when it is removed. See the guide `docs/guides/adoption.md`.

    Log types that are on stay on; only `switch_off` ever switches one off. On `aws_eks.Cluster` that holds for later
    deployments too: a type taken off the list stays on until it is switched off in EKS.

    Args:
        scope: The parent.
        id: The id in it.
        cluster: The cluster, or the name of one that already runs.
        log_types: Which logs EKS writes; all five by default, less those to switch off.
        switch_off: Log types to switch off in a cluster that already runs; none by default.
        retention: How long log events stay; one year by default, the time PCI DSS 10.5.1 asks for. Storing a year of
            logs costs a fraction of what CloudWatch takes for receiving them. The log group of a cluster that already
            runs keeps its own by default, as CloudWatch deletes for good what is older than the retention.
        encryption_key: A symmetric customer managed key for the log group; by default CloudWatch Logs encrypts
            with its own. The key's policy gets the statement it needs: for this log group only where the cluster's
            name is known here, else for those of all clusters in the account and Region.
        log_group_class: STANDARD unless given. Metric and subscription filters do not work on INFREQUENT_ACCESS.
        log_group: An existing log group of the right name, instead of owning one.
        removal_policy: What removing the stack does to the log group: RETAIN by default.

    Raises:
        AuditConfigurationError: EKS or CloudWatch Logs would refuse a value, or it could not take effect here.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: IClusterRef | str,
        log_types: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes] | None = None,
        switch_off: Sequence[eks.ClusterLoggingTypes | eks_v2.ClusterLoggingTypes] = (),
        retention: logs.RetentionDays | None = None,
        encryption_key: kms.IKey | None = None,
        log_group_class: logs.LogGroupClass | None = None,
        log_group: logs.ILogGroup | None = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        super().__init__(scope, id)
        where = self.node.path
        settings = {
            "retention": retention,
            "encryption_key": encryption_key,
            "log_group_class": log_group_class,
            "removal_policy": removal_policy,
        }
        given = [name for name, value in settings.items() if value is not None]
        off = self._spelled("switch_off", switch_off) if switch_off else []
        types = sorted({*_SPELLING.values()} - {*off}) if log_types is None else self._spelled("log_types", log_types)
        name = self._name_of(cluster)
        native = None if isinstance(cluster, str) else _native(cluster)
        if native is not None and native.name is not None:
            name = native.name
        self._cluster_name = checks.cluster_name(name, where)

        if native is not None:
            refusals.refuse_elsewhere(Stack.of(self), native.resource.stack, where)
            refusals.refuse_switching_off(off, where)
            native.claim(where)
            types = native.switch_on(types, where)
        self._log_types = types

        refusals.refuse_what_keeps_nothing(retention, log_group_class, where)
        self._running: RunningClusterLogging | None = None
        self._log_group: logs.ILogGroup
        if log_group is not None:
            refusals.refuse_both(log_group, given, self._cluster_name, where)
            self._log_group = log_group
            if native is None:
                self._running = self._switch_on(log_types=types, switch_off=off)
                self._running.resource.node.add_dependency(log_group)
        elif native is not None and native.name is not None:
            self._log_group = owned_log_group(
                self._beside(native.resource, encryption_key),
                "LogGroup",
                cluster_name=native.name,
                retention=retention or logs.RetentionDays.ONE_YEAR,
                removal_policy=removal_policy or RemovalPolicy.RETAIN,
                encryption_key=encryption_key,
                log_group_class=log_group_class,
            )
        else:
            refusals.refuse_removal(removal_policy, where)
            self._log_group = logs.LogGroup.from_log_group_name(self, "LogGroup", log_group_name(self._cluster_name))
            self._running = self._switch_on(
                log_types=types if native is None else [],  # this app's cluster switches them on itself
                switch_off=off,
                retention=retention or logs.RetentionDays.ONE_YEAR,
                keep_retention=native is None and retention is None,
                encryption_key=encryption_key,
                log_group_class=log_group_class,
            )
        self._explain(native, group_given=log_group is not None)
        if native is not None and native.name is not None:
            _create_first(self._log_group, native)
        self._log_group_class = log_group_class or checks.class_of(self._log_group)
        self._log_group = self._seen_from_here(self._log_group)

    @property
    def log_group(self) -> logs.ILogGroup:
        """Where EKS writes."""
        return self._log_group

    @property
    def running(self) -> RunningClusterLogging | None:
        """The custom resource, where there is one: what reads the log group is to be deployed after its `resource`."""
        return self._running

    @property
    def log_group_class(self) -> logs.LogGroupClass | None:
        """The log group's class; None for one that this app does not define."""
        return self._log_group_class

    @property
    def log_types(self) -> tuple[eks.ClusterLoggingTypes, ...]:
        """The logs EKS writes, those that the cluster itself switches on included, in the order EKS lists them."""
        from aws_cdk import aws_eks as eks

        return tuple(eks.ClusterLoggingTypes[name] for name, spelled in _SPELLING.items() if spelled in self._log_types)

    @property
    def audits(self) -> bool:
        """Whether audit logs are among the log types: without them no detection can fire."""
        return _SPELLING["AUDIT"] in self._log_types

    @property
    def cluster_name(self) -> str:
        """The cluster's name: a literal wherever it is known, else a token."""
        return self._cluster_name

    def _name_of(self, cluster: object) -> str:
        """The cluster's name; a cluster of another service says something else in the same place."""
        if isinstance(cluster, str):
            return cluster
        reference = getattr(cluster, "cluster_ref", None)
        if isinstance(reference, ClusterReference):
            return reference.cluster_name
        raise AuditConfigurationError(
            self.node.path,
            value=cluster,
            limit="cluster is an EKS cluster of aws_eks or aws_eks_v2, or the name of one",
            way_out="Give the cluster construct, an imported one included, or the name as a string",
        )

    def _spelled(self, argument: str, log_types: object) -> list[str]:
        """The log types in EKS's spelling."""
        way_out = f"List some of aws_eks.ClusterLoggingTypes, or leave {argument} out"
        if isinstance(log_types, str) or not isinstance(log_types, Sequence) or not log_types:
            limit = f"{argument} is a list of at least one log type"
            raise AuditConfigurationError(self.node.path, value=log_types, limit=limit, way_out=way_out)
        for log_type in log_types:
            if not isinstance(log_type, Enum) or log_type.name not in _SPELLING:
                limit = "this is not one of EKS's log types"
                raise AuditConfigurationError(self.node.path, value=log_type, limit=limit, way_out=way_out)
        return sorted({_SPELLING[log_type.name] for log_type in log_types})

    def _switch_on(self, **options: Unpack[RunningOptions]) -> RunningClusterLogging:
        from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging

        return RunningClusterLogging(self, "Running", cluster_name=self._cluster_name, **options)

    def _explain(self, native: NativeCluster | None, *, group_given: bool) -> None:
        """Say which way was taken, to whoever synthesizes."""
        if native is None:
            way = "a custom resource switches on the log types that are off"
            group = "and makes or adopts the log group"
        else:
            way = "the cluster's own properties switch them on"
            owner = "this app owns" if native.name is not None else "a custom resource sets up"
            group = f"and {owner} the log group"
        if group_given:
            group = "and the log group is the one given"
        types = ", ".join(self._log_types)
        Annotations.of(self).add_info_v2(
            "eks-audit-constructs:loggingWay", f"Control plane logging ({types}): {way}, {group}."
        )

    def _beside(self, resource: CfnResource, encryption_key: kms.IKey | None) -> Construct:
        """Where the log group is made: in the cluster's stack, whose deployment must not wait for this one's."""
        here, there = Stack.of(self).node.path, resource.stack.node.path
        if here == there:
            return self
        if (
            encryption_key is not None
            and encryption_key.node.default_child
            and Stack.of(encryption_key).node.path == here
        ):
            raise AuditConfigurationError(
                self.node.path,
                value=encryption_key.node.path,
                limit=f"the log group is made in {there}, before {here}, where its key would not be made yet",
                way_out=f"Define the key in {there}, or in a stack of its own",
            )
        return Construct(resource.stack, f"{Names.unique_id(resource)}Logging")

    def _seen_from_here(self, log_group: logs.ILogGroup) -> logs.ILogGroup:
        """By its literal name from another stack: an export would tie both stacks together for a name both know."""
        here, there = _top(Stack.of(self)), _top(Stack.of(log_group))
        if here.node.path == there.node.path or log_group.node.default_child is None:
            return log_group
        here.add_stack_dependency(there)
        return logs.LogGroup.from_log_group_name(self, "LogGroup", log_group_name(self._cluster_name))


def _native(cluster: IClusterRef) -> NativeCluster | None:
    from eks_audit_constructs.cdk.control_plane.native import native_cluster

    return native_cluster(cluster)


def _create_first(log_group: logs.ILogGroup, native: NativeCluster) -> None:
    """Have the log group made before the cluster logs: otherwise EKS makes one, and ours is refused as existing."""
    resource = log_group.node.default_child
    if isinstance(resource, CfnResource):
        # Between the two resources only: a dependency of the construct would hold for the cluster's VPC as well.
        native.resource.add_resource_dependency(resource)


def _top(stack: Stack) -> Stack:
    """The stack that is deployed: nested ones go with their parent."""
    parent = stack.nested_stack_parent
    return stack if parent is None else _top(parent)
