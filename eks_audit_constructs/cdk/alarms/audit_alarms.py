"""AuditAlarms: a metric filter and an alarm for each detection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from aws_cdk import Annotations, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from constructs import Construct, IDependable

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Detections, Silence
from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.alarms.destinations import by_severity, warn_of_the_unheard
from eks_audit_constructs.cdk.alarms.labels import Labels
from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.companions import companions, remember
from eks_audit_constructs.conditions import filter_pattern
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:
    from eks_audit_constructs.cdk.alarms.destinations import Destinations

__all__ = ["AuditAlarms"]

_MAX_FILTERS = 100
_MAX_REGEX_FILTERS = 5
_WARM_UP = 30
"""Minutes in which silence sets off no alarm after a deployment, unless data arrive earlier.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html"""


class AuditAlarms(Construct):
    """Watches a cluster's log group: each detection becomes a metric filter, a metric and an alarm.

    The metrics are in a namespace of the cluster, `EksAudit/<cluster>`, and have no dimensions, so each is billed as
    one custom metric. A minute with log events but no match counts as 0.

    Args:
        scope: The parent.
        id: The construct's id.
        cluster_name: The cluster's name, used in the names of alarms and of the metric namespace.
        log_group: The cluster's log group, of class STANDARD.
        detections: What to watch for; an empty list creates no alarms. Default: `catalog.DEFAULT`.
        topic: A topic for all alarms, or a mapping of severities (or their values, as in `"high"`) to topics; an
            `AlarmTopic` or an SNS topic in the same Region. Topics of the app let the alarms in from here on, by their
            policy, if they have one, and by their key's. For others, also in another account, a message at synthesis
            shows the statements that they need. Default: alarms change state but notify nobody.
            Alarms that tell nobody by the time of synthesis are warned of. To acknowledge that, for example since a
            composite alarm of yours speaks for them:
            `Annotations.of(alarms).acknowledge_warning("eks-audit-constructs:alarmsTellNobody", why)`.
        ok_actions: Whether the topics also hear that an alarm has ended. Pagers and ticket queues use that to close
            what the alarm opened. Default: no.
        actions_enabled: False for a silent roll-out: alarms change state and notify nobody. Default: True.
        alarm_name_prefix: What the names of alarms begin with, before `/<cluster>/<detection>`. Default: `eks-audit`.
        namespace: What the namespace of the metrics begins with, before `/<cluster>`, so that two clusters never count
            into one metric. Default: `EksAudit`.
        runbook_url: A link for the alarms' descriptions, in which `{id}` is the detection's id, as in
            `https://wiki.example.com/runbooks/{id}`. Default: none.
        alarm_tags: Whether to tag alarms with `eks-audit:cluster`, `:detection`, `:severity` and `:technique`, and to
            send all tags of an alarm along with its notifications, for routing. Whoever deploys this needs
            `cloudwatch:ListTagsForResource`. Default: no.

    Raises:
        AuditConfigurationError: CloudWatch would reject a metric filter, an alarm or a label, or a topic is none, is
            out of reach, or is missing.
    """

    @checked(leaving=("topic",))
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        log_group: logs.ILogGroup | logs.LogGroup,
        detections: Iterable[Detection] = catalog.DEFAULT,
        topic: Destinations | None = None,
        ok_actions: bool = False,
        actions_enabled: bool = True,
        alarm_name_prefix: str = "eks-audit",
        namespace: str = "EksAudit",
        runbook_url: str | None = None,
        alarm_tags: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self._labels = Labels(
            where=self.node.path,
            cluster_name=checks.cluster_name(cluster_name, self.node.path),
            alarm_name_prefix=alarm_name_prefix,
            namespace_prefix=namespace,
            runbook_url=runbook_url,
        )
        self._actions_enabled = actions_enabled
        self._log_group = log_group
        self._detections = Detections(detections)
        self._check()

        self._filters_scope = Construct(self, "Filters")
        self._watching_silence: list[cloudwatch.Alarm] = []
        periods = {
            minutes: Duration.minutes(minutes)
            for minutes in {detection.evaluation[0] for detection in self._detections}
        }
        metrics = {
            detection.id: self._metric(detection, periods[detection.evaluation[0]]) for detection in self._detections
        }
        self._filters = {
            detection.id: self._filter(detection, pattern)
            for detection in self._detections
            if (pattern := detection.pattern) is not None
        }
        self._alarms = {detection.id: self._alarm(detection, metrics[detection.id]) for detection in self._detections}
        self._metrics = metrics
        if alarm_tags:
            for detection in self._detections:
                self._tag(detection)
        self._notify(topic, ok_actions=ok_actions)
        for name in self._names:
            remember(AuditAlarms, self, name)

    @property
    def _names(self) -> tuple[str, str, str]:
        """What metric filters, metrics and alarms are named in."""
        return checks.name_of(self._log_group), self._labels.namespace, self._labels.folder

    @property
    def namespace(self) -> str:
        """The namespace of the detections' metrics."""
        return self._labels.namespace

    @property
    def detections(self) -> Detections:
        """The detections that are watched for."""
        return self._detections

    @property
    def alarms(self) -> Mapping[str, cloudwatch.Alarm]:
        """The alarms, by detection id."""
        return MappingProxyType(self._alarms)

    @property
    def metric_filters(self) -> Mapping[str, logs.MetricFilter]:
        """The metric filters, by detection id; `audit-log-silent` has none."""
        return MappingProxyType(self._filters)

    def deploy_after(self, dependency: IDependable) -> None:
        """Create the metric filters after this dependency, since they need the log group, and alarms on silence."""
        self._filters_scope.node.add_dependency(dependency)
        self.watch_silence_after(dependency)

    def watch_silence_after(self, dependency: IDependable) -> None:
        """Create alarms on silence after this dependency, such as a cluster that has to be there to write a log."""
        for alarm in self._watching_silence:
            alarm.node.add_dependency(dependency)

    @property
    def metrics(self) -> Mapping[str, cloudwatch.Metric]:
        """The metrics behind the alarms, by detection id, for your own dashboards and alarms."""
        return MappingProxyType(self._metrics)

    def _check(self) -> None:
        log_group, *_ = self._names
        others = companions(AuditAlarms, self, log_group)
        for other in dict.fromkeys(other for name in self._names for other in companions(AuditAlarms, self, name)):
            if both := [detection.id for detection in self._detections if detection.id in other.detections]:
                raise AuditConfigurationError(
                    self.node.path,
                    value=", ".join(both),
                    limit=f"{other.node.path} already has metric filters or alarms of these names",
                    way_out="Leave it out of one of them, as in catalog.DEFAULT.without(...), or give it another id.",
                )
        counted = [
            detection.counted
            for alarms in (self, *others)
            for detection in alarms.detections
            if isinstance(detection.counted, Expression)
        ]
        regexes = [condition for condition in counted if filter_pattern.has_regex(condition)]
        for found, limit, what in (
            (len(counted), _MAX_FILTERS, "metric filters"),
            (len(regexes), _MAX_REGEX_FILTERS, "metric filters with a regular expression"),
        ):
            if found > limit:
                raise AuditConfigurationError(
                    self.node.path,
                    value=found,
                    limit=f"a log group can have at most {limit} {what}",
                    way_out="Remove detections with .without(...), or keep them as saved queries.",
                )
        if counted:
            checks.refuse_class_without_filters(checks.class_of(self._log_group), self.node.path)

    def _metric(self, detection: Detection, period: Duration) -> cloudwatch.Metric:
        whole = detection.pattern is None
        return cloudwatch.Metric(
            namespace="AWS/Logs" if whole else self.namespace,
            metric_name="IncomingLogEvents" if whole else detection.metric_name,
            dimensions_map={"LogGroupName": self._log_group.log_group_name} if whole else None,
            statistic="Sum",
            period=period,
        )

    def _filter(self, detection: Detection, pattern: str) -> logs.MetricFilter:
        made = self._metric_filter(detection, pattern)
        for doubt in detection.doubts:
            Annotations.of(made).add_warning_v2(
                f"eks-audit-constructs:mayNeverMatch:{detection.id}", f"Detection {detection.id!r}: {doubt}"
            )
        return made

    def _metric_filter(self, detection: Detection, pattern: str) -> logs.MetricFilter:
        return logs.MetricFilter(
            self._filters_scope,
            detection.metric_name,
            log_group=self._log_group,
            filter_name=detection.id,
            filter_pattern=logs.FilterPattern.literal(pattern),
            metric_namespace=self.namespace,
            metric_name=detection.metric_name,
            metric_value="1",
            default_value=0,
        )

    def _alarm(self, detection: Detection, metric: cloudwatch.Metric) -> cloudwatch.Alarm:
        silence = isinstance(detection.condition, Silence)
        alarm = cloudwatch.Alarm(
            self,
            f"{detection.metric_name}Alarm",
            alarm_name=self._labels.name(detection),
            alarm_description=self._labels.description(detection),
            actions_enabled=None if self._actions_enabled else False,
            metric=metric,
            threshold=detection.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            if silence
            else cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=detection.evaluation[1],
            datapoints_to_alarm=detection.datapoints_to_alarm,
            treat_missing_data=cloudwatch.TreatMissingData.BREACHING
            if silence
            else cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        if silence:
            resource = cast(cloudwatch.CfnAlarm, alarm.node.default_child)
            resource.add_property_override("WarmUpConfiguration.WarmUpPeriodDurationInMinutes", _WARM_UP)
            self._watching_silence.append(alarm)
        return alarm

    def _tag(self, detection: Detection) -> None:
        alarm = cast(cloudwatch.CfnAlarm, self._alarms[detection.id].node.default_child)
        for key, value in self._labels.tags(detection).items():
            alarm.cdk_tag_manager.set_tag(key, value)
        # An override, since older releases of the CDK do not know the property.
        alarm.add_property_override("ActionConfiguration", {"AlarmTagsPropagation": {"Enabled": True}})

    def _notify(self, topic: Destinations | None, *, ok_actions: bool) -> None:
        actions = by_severity(self, topic)
        for detection in self._detections:
            if detection.severity in actions:
                self._alarms[detection.id].add_alarm_action(actions[detection.severity])
                if ok_actions:
                    self._alarms[detection.id].add_ok_action(actions[detection.severity])
        if self._actions_enabled:
            warn_of_the_unheard(
                self,
                {f"{one.id} ({one.severity.value})": self._alarms[one.id] for one in self._detections},
            )
        elif self._alarms:
            Annotations.of(self).add_info_v2(
                "eks-audit-constructs:actionsDisabled",
                "These alarms change state but tell nobody, since actions_enabled is False.",
            )
