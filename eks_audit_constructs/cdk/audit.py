"""EksAudit: everything that makes one cluster auditable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Unpack

from aws_cdk import Token
from aws_cdk import aws_logs as logs
from aws_cdk.interfaces.aws_eks import IClusterRef
from constructs import Construct

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Detections, SavedQuery
from eks_audit_constructs.cdk.alarms.audit_alarms import AuditAlarms
from eks_audit_constructs.cdk.alarms.topic import AlarmTopic
from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.checks import name_of, refuse_class_without_filters
from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging
from eks_audit_constructs.cdk.options import AlarmOptions, ExportOptions, LoggingAndAlarmOptions, split
from eks_audit_constructs.cdk.queries import AuditQueries, unique
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:
    from eks_audit_constructs.cdk.alarms.destinations import Destinations

    # Imported when used: many audits have no archive.
    from eks_audit_constructs.cdk.archive import AuditExport

__all__ = ["EksAudit"]


class EksAudit(Construct):
    """Makes an EKS cluster's control plane auditable: logging, alarms, notifications and saved queries.

        EksAudit(self, "Audit", cluster=cluster, alarm_emails=["security@example.com"])

    Args:
        scope: The parent.
        id: The construct's id.
        cluster: The cluster, or the name of an existing one; see `ControlPlaneLogging`.
        detections: What to raise alarms for; see `AuditAlarms`. Except for silence, a detection needs the log type
            `AUDIT` and a log group of class STANDARD. Without detections no topic is made, unless `alarm_emails` are
            given.
        queries: Queries to save in addition to those of the detections; see `AuditQueries`.
        alarm_emails: Addresses to subscribe to the new topic; see `AlarmTopic`.
        alarm_topic: Your own topics, instead of a new one: an SNS topic, an `AlarmTopic`, or one for each severity; see
            `AuditAlarms`.
        options: Arguments of `ControlPlaneLogging` (`log_types`, `retention`, `encryption_key`, …) and of `AuditAlarms`
            (`ok_actions`, `actions_enabled`, `alarm_name_prefix`, `namespace`, `runbook_url`, `alarm_tags`).

    A second set of detections for the same cluster shares the log group of the first, and has detections of its own:

        EksAudit(self, "Shop", cluster="prod", log_group=audit.log_group, detections=[...], alarm_topic=shop)

    Raises:
        AuditConfigurationError: CloudWatch, EKS or CloudFormation would reject a value, or it is of another type,
            account or Region.
    """

    @checked(leaving=("alarm_topic",))
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: IClusterRef | str,
        detections: Iterable[Detection] = catalog.DEFAULT,
        queries: Iterable[SavedQuery] = catalog.DEFAULT_QUERIES,
        alarm_emails: Sequence[str] = (),
        alarm_topic: Destinations | None = None,
        **options: Unpack[LoggingAndAlarmOptions],
    ) -> None:
        super().__init__(scope, id)
        looked_for = Detections(detections)
        # All that is not the alarms' goes to ControlPlaneLogging, which rejects unknown options by name.
        of_alarms, of_logging = split(options, AlarmOptions.__optional_keys__)

        self._logging = ControlPlaneLogging(self, "Logging", cluster=cluster, **of_logging)
        needing = [detection.id for detection in looked_for if detection.pattern is not None]
        if needing and not self._logging.audits:
            raise AuditConfigurationError(
                f"{self.node.path}: log_types",
                value=", ".join(log_type.name for log_type in self._logging.log_types),
                limit=f"these log types do not include the audit log, which detections need ({', '.join(needing)})",
                way_out="Add ClusterLoggingTypes.AUDIT, or pass detections=[].",
            )
        if needing:
            # AuditAlarms cannot check this: its log group may be imported by name, without a class.
            refuse_class_without_filters(self._logging.log_group_class, self.node.path)

        self._topic: AlarmTopic | None = None
        if alarm_topic is None:
            if looked_for or alarm_emails:
                self._topic = AlarmTopic(self, "Topic", emails=alarm_emails)
        elif alarm_emails:
            raise AuditConfigurationError(
                f"{self.node.path}: alarm_emails",
                value=list(alarm_emails),
                limit="alarm_emails subscribe to a new topic, and alarm_topic replaces it",
                way_out="Subscribe the addresses to your topic, or leave alarm_topic out.",
            )
        log_group = self._by_name(self._logging.log_group)
        self._alarms = AuditAlarms(
            self,
            "Alarms",
            cluster_name=self._logging.cluster_name,
            log_group=log_group,
            detections=looked_for,
            topic=alarm_topic if self._topic is None else self._topic,
            **of_alarms,
        )
        self._queries = AuditQueries(
            self,
            "Queries",
            cluster_name=self._logging.cluster_name,
            log_group=log_group,
            queries=_with_those_of(looked_for, unique(queries, f"{self.node.path}: queries")),
        )
        running = self._logging.running
        for before in (self._logging.log_group, None if running is None else running.resource):
            if before is not None and before is not log_group:
                self._alarms.deploy_after(before)
                self._queries.node.add_dependency(before)
        if running is None and not isinstance(cluster, str):
            self._alarms.watch_silence_after(cluster)

    def _by_name(self, log_group: logs.ILogGroup) -> logs.ILogGroup:
        """Refer to a log group of the app by its literal name, if it has one.

        Where a cluster first was given by its name, and then as a construct, a reference in place of the literal would
        show every metric filter and saved query as "may be replaced".
        """
        name = name_of(log_group)
        if log_group.node.default_child is None or Token.is_unresolved(name):
            return log_group
        return logs.LogGroup.from_log_group_name(self, "LogGroup", name)

    @property
    def logging(self) -> ControlPlaneLogging:
        """The cluster's logging and its log group."""
        return self._logging

    @property
    def log_group(self) -> logs.ILogGroup:
        """The cluster's log group."""
        return self._logging.log_group

    @property
    def alarms(self) -> AuditAlarms:
        """The metric filters, metrics and alarms."""
        return self._alarms

    @property
    def queries(self) -> AuditQueries:
        """The saved queries."""
        return self._queries

    @property
    def topic(self) -> AlarmTopic | None:
        """The new topic; None if `alarm_topic` was passed, or nothing would be sent."""
        return self._topic

    def add_export(self, id: str = "Export", **options: Unpack[ExportOptions]) -> AuditExport:
        """Add an S3 bucket for exports of the log group. The options are arguments of `AuditExport`."""
        from eks_audit_constructs.cdk.archive import AuditExport

        export = AuditExport(self, id, log_group=self.log_group, **options)
        if self._logging.running is not None:
            export.node.add_dependency(self._logging.running.resource)
        return export


def _with_those_of(detections: Detections, queries: Iterable[SavedQuery]) -> list[SavedQuery]:
    """Merge the queries with those of the detections, which replace queries of the same id.

    Where detections share a query but exclude different events, the query excludes none.
    """
    by_id = {query.id: query for query in queries}
    of_detections: dict[str, list[SavedQuery]] = {}
    for detection in detections:
        variants = of_detections.setdefault(detection.saved_query.id, [])
        if detection.saved_query not in variants:
            variants.append(detection.saved_query)
    for id, variants in of_detections.items():
        if len(variants) == 1:
            by_id[id] = variants[0]
    unknown = [query for id, variants in of_detections.items() if id not in by_id for query in variants]
    return [*by_id.values(), *unknown]  # AuditQueries rejects unknown ones that share an id
