"""RunningClusterLogging: a custom resource for the logging of a cluster that this app does not define."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jsii
from aws_cdk import CustomResource, Duration, IStableAnyProducer, ITaggableV2, Lazy, Stack, TagManager, TagType
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.control_plane.function import LIFETIME, LoggingFunction
from eks_audit_constructs.cdk.control_plane.log_group import FIELD_INDEXES, let_logs_use
from eks_audit_constructs.cdk.control_plane.wish import Wish
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["RunningClusterLogging"]

_RESOURCE_TYPE = "Custom::EksControlPlaneLogging"

_DAYS = {retention: days for days, retention in checks.RETENTIONS.items()} | {logs.RetentionDays.INFINITE: 0}


@jsii.implements(ITaggableV2)
class RunningClusterLogging(Construct):
    """Switches on the control-plane logging of an existing cluster, and manages its log group.

    Only the log types in `switch_off` are switched off. Removing the construct undoes nothing: logging stays on, and
    the log group stays. Tags of this construct and its stack, including inherited ones, are applied to the log group.

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
        deletion_protection: Protect the log group from deletion. Removing the argument does not take that back.
        field_indexes: Index the fields of `FIELD_INDEXES`. Removing the argument leaves the indexes.
        remove_encryption_key: Let the function take off the key that an earlier deployment has set.
        logging_type_conditions: Let the function update the cluster only if the update switches on a log type of
            `log_types` or switches off one of `switch_off`. Only the `aws` partition is known to have the condition
            keys `eks:loggingType/…`; in stacks of other partitions this has no effect. Without it, the function's role
            can update the cluster in any way, except switching off other log types.

    Raises:
        AuditConfigurationError: A log type is to be switched both on and off, or the stack has too many clusters.
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
        deletion_protection: bool = False,
        field_indexes: bool = False,
        remove_encryption_key: bool = False,
        logging_type_conditions: bool = True,
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
        properties = {
            "ClusterName": cluster_name,
            "LogTypes": sorted({*log_types}),
            "SwitchOff": sorted({*switch_off}),
            "RetentionInDays": None if retention is None else _DAYS[retention],
            "KeepRetention": True if keep_retention else None,
            "KmsKeyId": None if encryption_key is None else encryption_key.key_arn,
            "LogGroupClass": None if log_group_class is None else log_group_class.name,
            "DeletionProtection": True if deletion_protection else None,
            "FieldIndexes": [*FIELD_INDEXES] if field_indexes else None,
        }
        wish = Wish(
            properties={name: value for name, value in properties.items() if value not in (None, [])},
            conditions=logging_type_conditions,
            remove_key=remove_encryption_key,
            tagged=lambda: bool(self._all_tags()),
        )
        shared = LoggingFunction.of(self)
        shared.grant(wish, self.node.path)
        if encryption_key is not None:
            let_logs_use(self, encryption_key, cluster_name)
        self._resource = CustomResource(
            self,
            "Resource",
            resource_type=_RESOURCE_TYPE,
            service_token=shared.function.attr_arn,
            # By default CloudFormation would wait an hour for a missing response.
            service_timeout=LIFETIME.plus(Duration.minutes(5)),
            properties={**wish.properties, "Tags": Lazy.any(_Tags(self._all_tags))},
        )

    def _all_tags(self) -> dict[str, str]:
        """The log group's tags: CloudFormation gives a stack's own tags to all of its resources, but not to this."""
        tags: dict[str, str] = {}
        for scope in self.node.scopes:
            if Stack.is_stack(scope):
                tags.update(Stack.of(scope).tags.tag_values())
        return {**tags, **self._tags.tag_values()}

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


@jsii.implements(IStableAnyProducer)
class _Tags:
    """Tags that are complete only at synthesis. None are left out of the template."""

    def __init__(self, tags: Callable[[], dict[str, str]]) -> None:
        self._tags = tags

    def produce(self) -> dict[str, str] | None:
        return self._tags() or None
