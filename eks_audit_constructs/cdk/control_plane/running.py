"""RunningClusterLogging: a custom resource for the logging of a cluster that this app does not define."""

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
    """Switches on the control-plane logging of an existing cluster, and manages its log group.

    Only the log types in `switch_off` are switched off. Removing the construct undoes nothing: logging stays on, and
    the log group stays. Tags of this construct, including inherited ones, are applied to the log group.

    Anything that reads a log group that may be new must be deployed after `resource`:
    `filter.node.add_dependency(logging.resource)`. Refer to the log group by its literal name, not by an attribute of
    the resource: change sets would then show every metric filter as "may be replaced" whenever a log type is added.

    Args:
        scope: The parent.
        id: The construct's id.
        cluster_name: The name of a cluster in the stack's account and Region. It may be a token.
        log_types: Log types to switch on, in EKS's spelling. If there are none, nor any to switch off, only the log
            group is managed.
        switch_off: Log types to switch off.
        retention: How long to keep log events, also in an existing log group: CloudWatch Logs deletes older ones.
            INFINITE removes the limit. Default: the log group keeps its retention.
        keep_retention: Apply `retention` only to a new log group, and leave an existing one unchanged.
        encryption_key: A symmetric customer managed key for the log group. The statement it needs is added to its
            policy.
        log_group_class: The class of a new log group; an existing one keeps its class.

    Raises:
        AuditConfigurationError: A log type is to be switched both on and off.
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
                limit="a log type cannot be switched both on and off",
                way_out="Remove it from log_types or from switch_off",
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
            # By default CloudFormation would wait an hour for a missing response.
            service_timeout=LIFETIME.plus(Duration.minutes(5)),
            properties={name: value for name, value in properties.items() if value not in (None, [])},
        )

    @property
    def cdk_tag_manager(self) -> TagManager:
        """The log group's tags."""
        return self._tags

    @property
    def function(self) -> lambda_.CfnFunction:
        """The Lambda function, shared by all constructs of this class in a stack."""
        return LoggingFunction.of(self).function

    @property
    def resource(self) -> CustomResource:
        """The custom resource, on which anything that reads the log group must depend."""
        return self._resource
