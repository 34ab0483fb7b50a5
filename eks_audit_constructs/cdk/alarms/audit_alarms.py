"""AuditAlarms: a metric filter and an alarm for each detection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

from aws_cdk import Duration, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct, IDependable

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Detections, Severity, Silence
from eks_audit_constructs.cdk.checks import class_of, refuse_class_without_filters
from eks_audit_constructs.cdk.queries import query_name
from eks_audit_constructs.conditions import filter_pattern
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AuditAlarms"]

_MAX_FILTERS = 100
_MAX_REGEX_FILTERS = 5
_MAX_DESCRIPTION = 1024
_WARM_UP = 30
"""Minutes in which silence sets off no alarm after a deployment, unless data arrive earlier.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-warm-up.html"""


class AuditAlarms(Construct):
    """Watches a cluster's log group: each detection becomes a metric filter, a metric and an alarm.

    The metrics are in the namespace `EksAudit/<cluster>` and have no dimensions, so each is billed as one custom
    metric. A minute with log events but no match counts as 0.

    Args:
        scope: The parent.
        id: The construct's id.
        cluster_name: The cluster's name, used in the names of alarms and of the metric namespace.
        log_group: The cluster's log group, of class STANDARD.
        detections: What to watch for; an empty list creates no alarms. Default: `catalog.DEFAULT`.
        topic: A topic for all alarms, or one for each severity that sends notifications. The policies of a topic and
            of its key must let cloudwatch.amazonaws.com publish, as those of an `AlarmTopic` do.
            Default: alarms change state but notify nobody.

    Raises:
        AuditConfigurationError: CloudWatch would reject a metric filter or an alarm.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        log_group: logs.ILogGroup,
        detections: Iterable[Detection] = catalog.DEFAULT,
        topic: sns.ITopic | Mapping[Severity, sns.ITopic] | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._cluster_name = cluster_name
        self._named = not Token.is_unresolved(cluster_name)
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
        topics = topic if isinstance(topic, Mapping) else dict.fromkeys(Severity, topic)
        # Cast for pyright: jsii names the parameters of a class and of its interface differently.
        notify = {
            severity: cast(cloudwatch.IAlarmAction, actions.SnsAction(destination))
            for severity, destination in topics.items()
            if destination is not None
        }
        for detection in self._detections:
            if detection.severity in notify:
                self._alarms[detection.id].add_alarm_action(notify[detection.severity])

    @property
    def namespace(self) -> str:
        """The namespace of the detections' metrics."""
        return f"EksAudit/{self._cluster_name}"

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
        counted = [detection.counted for detection in self._detections if isinstance(detection.counted, Expression)]
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
            refuse_class_without_filters(class_of(self._log_group), self.node.path)

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
            alarm_name=f"eks-audit/{self._cluster_name}/{detection.id}",
            alarm_description=self._description(detection),
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

    def _description(self, detection: Detection) -> str:
        parts = [
            f"**{detection.title}** ({detection.severity.value} severity)",
            f"{detection.what} {detection.why}",
            f"**Next:** {detection.next_steps}",
            f"**Saved query:** {query_name(self._cluster_name, detection.saved_query)}",
        ]
        if detection.techniques:
            parts.append(f"**MITRE ATT&CK:** {', '.join(detection.techniques)}")
        text = "\n\n".join(parts)
        if self._named and len(text) > _MAX_DESCRIPTION:
            raise AuditConfigurationError(
                f"{self.node.path}: detection {detection.id!r}",
                value=text,
                limit=f"{len(text)} characters; an alarm's description can have at most {_MAX_DESCRIPTION}",
                way_out="Shorten what, why or next_steps.",
            )
        return text
