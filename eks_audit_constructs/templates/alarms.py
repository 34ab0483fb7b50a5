"""Read alarms, with what CloudWatch would reject.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import re

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.alarm_rule import parse
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Metric
from eks_audit_constructs.templates.resource import UNITS, Properties, Resource

__all__ = ["OTHER_ALARMS", "composite_alarm", "metric_alarm", "other_alarm"]

OTHER_ALARMS = {
    "AWS::CloudWatch::LogAlarm": "its data are the results of a scheduled query",
    "AWS::CloudWatch::AlarmMuteRule": "a mute rule silences other alarms at set times",
    "AWS::CloudWatch::AnomalyDetector": "an anomaly band is learned from weeks of data",
    "AWS::Logs::LogAnomalyDetector": "anomalies are learned from weeks of logs",
}
"""Types of resources that are or change alarms, and why the replay does not evaluate them."""

_STATISTICS = frozenset({"Sum", "Average", "Minimum", "Maximum", "SampleCount"})
_MISSING = frozenset({"breaching", "notBreaching", "ignore", "missing"})
_BANDS = frozenset({"LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"})
_SHORT_PERIODS = (10, 20, 30)
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600
_SINGLE = ("MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")
"""The properties of an alarm on a single metric, which an alarm with `Metrics` cannot have."""


def other_alarm(resource: Resource, kind: str) -> Alarm:
    """Return an alarm that is not evaluated, of one of `OTHER_ALARMS`."""
    properties = resource.properties
    names = (properties.name(name) for name in ("AlarmName", "DetectorName", "Name", "MuteRuleName"))
    return Alarm(
        logical_id=resource.key.logical_id,
        template=resource.key.template,
        alarm_name=next((name for name in names if name), resource.key.logical_id),
        error=resource.error or OTHER_ALARMS[kind],
        absent=resource.absent,
    )


def composite_alarm(resource: Resource) -> Alarm:
    """Return a composite alarm; its `error` says what is wrong with it."""
    properties = resource.properties
    text, rule = properties.name("AlarmRule", required=True), None
    if text:
        try:
            rule = parse(text, where=resource.key.logical_id)
        except TemplateError as refused:
            resource.reject(refused.limit)
    return Alarm(
        logical_id=resource.key.logical_id,
        template=resource.key.template,
        alarm_name=properties.name("AlarmName", most=255) or resource.key.logical_id,
        description=properties.name("AlarmDescription", most=1024) or "",
        rule=rule,
        error=resource.error,
        absent=resource.absent,
    )


def metric_alarm(resource: Resource) -> Alarm:
    """Return an alarm; its `error` says what is wrong with it."""
    properties = resource.properties
    inputs: tuple[Metric, ...] = ()
    watched, named, statistic_name = properties, properties, "Statistic"
    if "Metrics" in properties:
        if mixed := [name for name in _SINGLE if name in properties]:
            resource.reject(f"an alarm has either Metrics or {mixed[0]}")
        metrics = properties.parts("Metrics")
        if len(metrics) == 1 and "MetricStat" in metrics[0]:
            watched, statistic_name = metrics[0].part("MetricStat"), "Stat"
            named = watched.part("Metric")
            if "AccountId" in metrics[0]:
                resource.not_supported("its metric is in an account that it names, maybe another")
        else:
            inputs = _combined(metrics, resource)
            watched = named = properties.nothing()
    if "EvaluationWindow" in properties and "WallClockWindow" in properties.part("EvaluationWindow"):
        resource.not_supported("wall clock windows are not evaluated")
    combined = "Metrics" in properties and watched is named
    metric = None if combined else _metric(named, resource)
    comparison = properties.text("ComparisonOperator", required=True, among=frozenset(COMPARISONS) | _BANDS) or ""
    if comparison in _BANDS:
        resource.not_supported(f"the comparison {comparison} has no static threshold")
    threshold = properties.number("Threshold", required=comparison not in _BANDS)
    periods = properties.whole("EvaluationPeriods", required=True)
    datapoints = properties.whole("DatapointsToAlarm")
    if periods is not None and datapoints is not None and datapoints > periods:
        resource.reject(f"DatapointsToAlarm {datapoints} is more than EvaluationPeriods {periods}")
    period = None if combined else _period(watched, periods, resource)
    return Alarm(
        logical_id=resource.key.logical_id,
        template=resource.key.template,
        alarm_name=properties.name("AlarmName", most=255) or resource.key.logical_id,
        description=properties.name("AlarmDescription", most=1024) or "",
        metric=metric,
        inputs=inputs,
        statistic="" if combined else _statistic(watched, statistic_name, resource),
        period=period or 0,
        evaluation_periods=periods or 0,
        datapoints_to_alarm=datapoints or periods or 0,
        threshold=threshold or 0.0,
        comparison=comparison,
        missing_data=properties.text("TreatMissingData", among=_MISSING) or "missing",
        unit=None if combined else watched.text("Unit", among=UNITS),
        error=resource.error,
        absent=resource.absent,
    )


def _combined(metrics: list[Properties], resource: Resource) -> tuple[Metric, ...]:
    """Say why an alarm on several metrics is not evaluated, and return the metrics."""
    expressions = [metric.name("Expression") or "" for metric in metrics if "Expression" in metric]
    if resource.properties.is_list("Metrics") and (not metrics or (not expressions and len(metrics) > 1)):
        resource.reject("Metrics has no element that the alarm can watch")
    if any(expression.lstrip().upper().startswith("SELECT") for expression in expressions):
        resource.not_supported("Metrics Insights queries are not evaluated")
    elif any("ANOMALY_DETECTION_BAND" in expression for expression in expressions):
        resource.not_supported("an anomaly band is learned from weeks of data")
    else:
        resource.not_supported("metric math is not evaluated")
    found = [
        _metric(metric.part("MetricStat").part("Metric"), resource) for metric in metrics if "MetricStat" in metric
    ]
    return tuple(metric for metric in found if metric is not None)


def _metric(named: Properties, resource: Resource) -> Metric | None:
    namespace = named.name("Namespace", required=True, most=255)
    name = named.name("MetricName", required=True, most=255)
    dimensions = tuple(named.dimensions("Name", most=30))
    return None if namespace is None or name is None else Metric(namespace=namespace, name=name, dimensions=dimensions)


def _period(watched: Properties, periods: int | None, resource: Resource) -> int | None:
    period = watched.whole("Period", required=True)
    if period is None:
        return None
    if period not in _SHORT_PERIODS and period % 60:
        resource.reject(f"Period {period} is not 10, 20, 30 or a multiple of 60 seconds")
        return None
    longest = _DAY if period < _HOUR else _WEEK
    if periods is not None and period * periods > longest:
        resource.reject(f"EvaluationPeriods times Period is {period * periods:,} seconds, and at most {longest:,}")
    return period


def _statistic(watched: Properties, name: str, resource: Resource) -> str:
    extended = watched.text("ExtendedStatistic") if name == "Statistic" else None
    statistic = watched.text(name, required=extended is None)
    if extended is not None and statistic is not None:
        resource.reject("an alarm has either Statistic or ExtendedStatistic")
    given = statistic if statistic is not None else extended
    if given is None or not resource.need(given) or given in _STATISTICS:
        return given or ""
    if re.fullmatch(r"(p|tm|wm|tc|ts)\d{1,2}(\.\d+)?|p100|IQM|(PR|TM|WM|TC|TS)\([\d.%:]+\)", given):
        resource.not_supported(f"the statistic {given} needs individual values, not those of each minute")
    else:
        resource.reject(f"the statistic {given[:60]} is not one that CloudWatch has")
    return given
