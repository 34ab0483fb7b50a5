"""Logging of clusters that this app does not define: a custom resource for each."""

from __future__ import annotations

from collections.abc import Sequence

import jsii
from aws_cdk import CustomResource, Duration, ITaggableV2, TagManager, TagType
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.control_plane.function import LIFETIME, LoggingFunction
from eks_audit_constructs.cdk.control_plane.log_group import let_logs_use
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["RunningClusterLogging"]

_RESOURCE_TYPE = "Custom::EksControlPlaneLogging"

_DAYS = {retention: days for days, retention in checks.RETENTIONS.items()} | {logs.RetentionDays.INFINITE: 0}


@jsii.implements(ITaggableV2)
class RunningClusterLogging(Construct):
    """Switches on the control plane logs of a cluster that already runs, and takes charge of its log group.

    Nothing is switched off that `switch_off` does not name, and nothing is undone when this is removed: logging stays
    on and the log group stays. Tags of this construct, `Tags.of(...)` above it included, go to the log group.

    Whatever reads the log group must be deployed after `resource`, where the group has not been there before:
    `filter.node.add_dependency(logging.resource)`. Its name is no attribute of the resource on purpose: with one,
    every metric filter would show up in a change set as "may be replaced" whenever a log type is added.

    Args:
        scope: The parent.
        id: The id in it.
        cluster_name: The cluster's name, in the stack's account and Region. It may be a token.
        log_types: What to switch on, in EKS's spelling; none leaves the cluster alone, and only its log group is cared
            for.
        switch_off: What to switch off.
        retention: How long log events stay. CloudWatch Logs deletes what is older, in a group that is there as well.
            INFINITE takes the limit off; None leaves the group's own.
        keep_retention: Have `retention` only for a group that is made here, and leave one that is there its own.
        encryption_key: A symmetric customer managed key for the log group. Its policy gets the statement it needs.
        log_group_class: The class of a group that is made here; one that is there keeps its own.

    Raises:
        AuditConfigurationError: A log type is to be switched on and off.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        log_types: Sequence[str] = (),
        switch_off: Sequence[str] = (),
        retention: logs.RetentionDays | None = None,
        keep_retention: bool = False,
        encryption_key: kms.IKey | None = None,
        log_group_class: logs.LogGroupClass | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._tags = TagManager(TagType.MAP, _RESOURCE_TYPE)
        if both := sorted({*log_types} & {*switch_off}):
            raise AuditConfigurationError(
                self.node.path,
                value=", ".join(both),
                limit="a log type is either to be on or to be off",
                way_out="Take it out of log_types or out of switch_off",
            )
        shared = LoggingFunction.of(self)
        shared.claim(cluster_name, self.node.path)
        shared.allow(cluster_name, update=bool(log_types or switch_off))
        if encryption_key is not None:
            let_logs_use(self, encryption_key, cluster_name)
        properties = {
            "ClusterName": cluster_name,
            "LogTypes": sorted({*log_types}),
            "SwitchOff": sorted({*switch_off}),
            "RetentionInDays": None if retention is None else _DAYS[retention],
            "KeepRetention": True if keep_retention else None,
            "KmsKeyId": None if encryption_key is None else encryption_key.key_arn,
            "LogGroupClass": None if log_group_class is None else log_group_class.name,
            "Tags": self._tags.rendered_tags,
        }
        self._resource = CustomResource(
            self,
            "Resource",
            resource_type=_RESOURCE_TYPE,
            service_token=shared.function.attr_arn,
            # Without an answer, and without this, CloudFormation would wait for an hour.
            service_timeout=LIFETIME.plus(Duration.minutes(5)),
            properties={name: value for name, value in properties.items() if value not in (None, [])},
        )

    @property
    def cdk_tag_manager(self) -> TagManager:
        """The log group's tags."""
        return self._tags

    @property
    def function(self) -> lambda_.CfnFunction:
        """The function, shared by all of these in a stack."""
        return LoggingFunction.of(self).function

    @property
    def resource(self) -> CustomResource:
        """What has to be deployed before anything that reads the log group."""
        return self._resource
