"""EksAudit: everything that makes one cluster auditable, composed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.interfaces.aws_eks import IClusterRef
from constructs import Construct

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Detections, SavedQuery, Severity
from eks_audit_constructs.cdk.alarms.audit_alarms import AuditAlarms
from eks_audit_constructs.cdk.alarms.topic import AlarmTopic
from eks_audit_constructs.cdk.checks import refuse_class_without_filters
from eks_audit_constructs.cdk.control_plane import ControlPlaneLogging
from eks_audit_constructs.cdk.options import ExportOptions, LoggingOptions
from eks_audit_constructs.cdk.queries import AuditQueries
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:  # loaded when used: an audit need not have an archive
    from eks_audit_constructs.cdk.archive import AuditExport

__all__ = ["EksAudit"]


class EksAudit(Construct):
    """Makes an EKS cluster's control plane auditable: logging, alarms, saved queries, and someone to tell.

        EksAudit(self, "Audit", cluster=cluster, alarm_emails=["security@example.com"])

    Args:
        scope: The parent.
        id: The construct's id.
        cluster: The cluster, or the name of one that already runs; see `ControlPlaneLogging`.
        detections: What to raise alarms for; see `AuditAlarms`. All but a detection of silence need the log type
            `AUDIT` and a log group of the class STANDARD.
        queries: What to save, besides the queries of the detections, which the alarms name; see `AuditQueries`.
        alarm_emails: Addresses for the topic made here; see `AlarmTopic`.
        alarm_topic: Topics of your own in place of the one made here; see `AuditAlarms`.
        logging: `log_types`, `retention`, `encryption_key`, … as `ControlPlaneLogging` takes them.

    Raises:
        AuditConfigurationError: Something that CloudWatch, EKS or CloudFormation would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: IClusterRef | str,
        detections: Iterable[Detection] = catalog.DEFAULT,
        queries: Iterable[SavedQuery] = catalog.DEFAULT_QUERIES,
        alarm_emails: Sequence[str] = (),
        alarm_topic: sns.ITopic | Mapping[Severity, sns.ITopic] | None = None,
        **logging: Unpack[LoggingOptions],
    ) -> None:
        super().__init__(scope, id)
        looked_for = Detections(detections)

        self._logging = ControlPlaneLogging(self, "Logging", cluster=cluster, **logging)
        needing = [detection.id for detection in looked_for if detection.pattern is not None]
        if needing and not self._logging.audits:
            raise AuditConfigurationError(
                f"{self.node.path}: log_types",
                value=", ".join(log_type.name for log_type in self._logging.log_types),
                limit=f"the detections read the audit log, which is not among them ({', '.join(needing)})",
                way_out="Add ClusterLoggingTypes.AUDIT, or pass detections=[].",
            )
        if needing:
            # Not left to AuditAlarms: the log group it is given may be one that only its name refers to.
            refuse_class_without_filters(self._logging.log_group_class, self.node.path)

        self._topic: AlarmTopic | None = None
        if alarm_topic is None:
            self._topic = AlarmTopic(self, "Topic", emails=alarm_emails)
        elif alarm_emails:
            raise AuditConfigurationError(
                f"{self.node.path}: alarm_emails",
                value=list(alarm_emails),
                limit="e-mail goes through the topic made here, and alarm_topic replaces it",
                way_out="Subscribe the addresses to your topic, or leave alarm_topic out.",
            )
        self._alarms = AuditAlarms(
            self,
            "Alarms",
            cluster_name=self._logging.cluster_name,
            log_group=self._logging.log_group,
            detections=looked_for,
            topic=alarm_topic if self._topic is None else self._topic.topic,
        )
        self._queries = AuditQueries(
            self,
            "Queries",
            cluster_name=self._logging.cluster_name,
            log_group=self._logging.log_group,
            queries=_with_those_of(looked_for, queries),
        )
        if self._logging.running is not None:
            self._alarms.deploy_after(self._logging.running.resource)
            self._queries.node.add_dependency(self._logging.running.resource)

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
        """The topic made here; none when `alarm_topic` was given."""
        return self._topic

    def add_export(self, id: str = "Export", **options: Unpack[ExportOptions]) -> AuditExport:
        """Add an S3 bucket to which the log group can be exported; the options are those of `AuditExport`."""
        from eks_audit_constructs.cdk.archive import AuditExport

        export = AuditExport(self, id, log_group=self.log_group, **options)
        if self._logging.running is not None:
            export.node.add_dependency(self._logging.running.resource)
        return export


def _with_those_of(detections: Detections, queries: Iterable[SavedQuery]) -> list[SavedQuery]:
    """The queries and those of the detections, as the detections have them.

    Detections that share a query and exclude different things leave nothing out of it.
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
    return [*by_id.values(), *unknown]  # of the unknown, two of one id are refused when they are saved
