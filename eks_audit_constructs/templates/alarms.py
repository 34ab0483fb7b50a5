"""Read alarms, with what CloudWatch would reject.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.alarm_rule import parse
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Metric, Watched
from eks_audit_constructs.templates.metric_math import Formula, Kind, UnsupportedError, formulas, kind
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
    periods = properties.whole("EvaluationPeriods", required=True)
    if "Metrics" in properties:
        data = _several(resource, periods)
    else:
        period = _period(properties, periods, resource)
        data = _Data(tuple(_watched(properties, properties, "Statistic", resource)), period)
    if "EvaluationWindow" in properties and "WallClockWindow" in properties.part("EvaluationWindow"):
        resource.not_supported("wall clock windows are not evaluated")
    comparison = properties.text("ComparisonOperator", required=True, among=frozenset(COMPARISONS) | _BANDS) or ""
    if comparison in _BANDS:
        resource.not_supported(f"the comparison {comparison} has no static threshold")
    threshold = properties.number("Threshold", required=comparison not in _BANDS)
    datapoints = properties.whole("DatapointsToAlarm")
    if periods is not None and datapoints is not None and datapoints > periods:
        resource.reject(f"DatapointsToAlarm {datapoints} is more than EvaluationPeriods {periods}")
    return Alarm(
        logical_id=resource.key.logical_id,
        template=resource.key.template,
        alarm_name=properties.name("AlarmName", most=255) or resource.key.logical_id,
        description=properties.name("AlarmDescription", most=1024) or "",
        watched=data.watched,
        formula=data.formula,
        expression=data.expression,
        period=data.period or 0,
        evaluation_periods=periods or 0,
        datapoints_to_alarm=datapoints or periods or 0,
        threshold=threshold or 0.0,
        comparison=comparison,
        missing_data=properties.text("TreatMissingData", among=_MISSING) or "missing",
        error=resource.error,
        absent=resource.absent,
    )


@dataclass(frozen=True, slots=True)
class _Data:
    """What an alarm watches."""

    watched: tuple[Watched, ...] = ()
    period: int | None = None
    formula: Formula | None = None
    expression: str = ""


def _several(resource: Resource, periods: int | None) -> _Data:
    """Read `Metrics`: the one that returns data is a metric, or an expression that uses the others."""
    if mixed := [name for name in _SINGLE if name in resource.properties]:
        resource.reject(f"an alarm has either Metrics or {mixed[0]}")
    parts = [(part.text("Id", required=True) or "", part) for part in resource.properties.parts("Metrics")]
    ids = [id for id, _ in parts]
    if resource.properties.is_list("Metrics") and len(set(ids)) < len(ids):
        resource.reject("two elements of Metrics have the same Id")
    if any("AccountId" in part for _, part in parts):
        resource.not_supported("its metric is in an account that it names, maybe another")
    returned = [(id, part) for id, part in parts if part.flag("ReturnData", default=True)]
    if resource.properties.is_list("Metrics") and len(returned) != 1:
        resource.reject(f"{len(returned)} elements of Metrics return data, and an alarm watches exactly one")
    metrics: list[Watched] = []
    lengths: set[int | None] = set()
    for id, part in parts:
        if "MetricStat" in part:
            statistic = part.part("MetricStat")
            lengths.add(_period(statistic, periods, resource))
            metrics += _watched(statistic, statistic.part("Metric"), "Stat", resource, id)
    if len(lengths) > 1:
        resource.reject("its metrics have different periods")
    period = next(iter(lengths), None)
    expressions = {id: part.name("Expression", required=True) or "" for id, part in parts if "MetricStat" not in part}
    id = returned[0][0] if returned else ""
    if id not in expressions:
        return _Data(tuple(replace(each, id="") for each in metrics if each.id == id), period)
    return _Data(tuple(metrics), period, _formula(id, expressions, metrics, resource), expressions[id])


def _formula(id: str, expressions: Mapping[str, str], metrics: Sequence[Watched], resource: Resource) -> Formula | None:
    """Return the formula of an expression that may use metrics and the other expressions; None if it has an error."""
    if any(expression.lstrip().upper().startswith("SELECT") for expression in expressions.values()):
        resource.not_supported("Metrics Insights queries are not evaluated")
    elif any("ANOMALY_DETECTION_BAND" in expression for expression in expressions.values()):
        resource.not_supported("an anomaly band is learned from weeks of data")
    elif all(resource.need(expression) for expression in expressions.values()):
        try:
            formula = formulas(expressions, [each.id for each in metrics], where=resource.key.logical_id)[id]
        except UnsupportedError as reason:
            resource.not_supported(str(reason))
        except TemplateError as refused:
            resource.reject(refused.limit)
        else:
            if kind(formula) is Kind.SERIES:
                return formula
            resource.reject(f"the expression {id} results in {kind(formula).value}, and an alarm watches a time series")
    return None


def _watched(
    properties: Properties, named: Properties, statistic: str, resource: Resource, id: str = ""
) -> Iterator[Watched]:
    """Yield the statistic of a metric, unless something is wrong with it."""
    metric = _metric(named, resource)
    of = _statistic(properties, statistic, resource)
    unit = properties.text("Unit", among=UNITS)
    if metric is not None:
        yield Watched(id=id, metric=metric, statistic=of, unit=unit)


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
