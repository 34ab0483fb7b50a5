"""Read the metric filters, alarms and saved queries of a CloudFormation template.

Any template can be read, JSON or YAML, not only those of this library. Nothing is skipped silently: a metric filter or
an alarm that the replay cannot evaluate has the reason in its `error`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_audit_constructs.conditions import pattern_parser
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.templates.files import read_documents
from eks_audit_constructs.templates.intrinsics import Resolver

__all__ = ["Alarm", "Metric", "MetricFilter", "SavedQuery", "Template", "read_template"]

_OTHER_ALARMS = {
    "AWS::CloudWatch::CompositeAlarm": "a composite alarm combines the states of other alarms",
    "AWS::CloudWatch::LogAlarm": "its data are the results of a scheduled query",
    "AWS::CloudWatch::AnomalyDetector": "an anomaly band is learned from weeks of data",
    "AWS::Logs::LogAnomalyDetector": "anomalies are learned from weeks of logs",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """A CloudWatch metric, as metric filters write it and alarms name it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()
    """Names and values, sorted; in a metric filter, the values are selectors such as `$.user.username`."""

    @property
    def dimension_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.dimensions)


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricFilter:
    """An `AWS::Logs::MetricFilter`. If it cannot be evaluated, `error` is the reason."""

    logical_id: str
    filter_name: str
    log_group: str
    pattern: str
    condition: Expression | None
    metric: Metric | None
    value: str = "1"
    """A number, or the selector of a field that holds it."""
    default: float | None = None
    """Written for a minute with log events, none of which match."""
    unit: str = "None"
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """An alarm. If it cannot be evaluated, `error` is the reason."""

    logical_id: str
    alarm_name: str
    description: str = ""
    metric: Metric | None = None
    statistic: str = ""
    period: int = 0
    """Seconds."""
    evaluation_periods: int = 0
    datapoints_to_alarm: int = 0
    threshold: float = 0.0
    comparison: str = ""
    missing_data: str = "missing"
    unit: str | None = None
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedQuery:
    """An `AWS::Logs::QueryDefinition`."""

    logical_id: str
    name: str
    query: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """The parts of a template that matter to a replay, sorted by logical id."""

    name: str
    filters: tuple[MetricFilter, ...]
    alarms: tuple[Alarm, ...]
    queries: tuple[SavedQuery, ...]
    resources: Mapping[str, int]
    """Number of resources by type."""
    skipped: tuple[str, ...] = ()
    """Logical ids of entries that are not plain resources, such as `Fn::ForEach`."""

    def conditions(self, filters: Collection[str] | None = None) -> dict[str, Expression]:
        """Return the conditions of these filters, or of all, by logical id; filters with an `error` have none."""
        return {
            item.logical_id: item.condition
            for item in self.filters
            if item.condition is not None and (filters is None or item.logical_id in filters)
        }


def read_template(path: Path) -> Template:
    """Read a template file, or all templates in a `cdk.out` folder.

    Raises:
        TemplateError: It cannot be read, or is not a CloudFormation template.
    """
    filters: list[MetricFilter] = []
    alarms: list[Alarm] = []
    queries: list[SavedQuery] = []
    resources: dict[str, int] = {}
    skipped: list[str] = []
    for document in read_documents(path):
        resolver = Resolver(document)
        for logical_id, resource in document["Resources"].items():
            kind = resource.get("Type") if isinstance(resource, Mapping) else None
            if not isinstance(kind, str):
                skipped.append(str(logical_id))
                continue
            resources[kind] = resources.get(kind, 0) + 1
            view = _Resource(str(logical_id), resource, resolver)
            if kind == "AWS::Logs::MetricFilter":
                filters.extend(_metric_filters(view))
            elif kind == "AWS::CloudWatch::Alarm":
                alarms.append(_alarm(view))
            elif kind in _OTHER_ALARMS:
                name = view.text("AlarmName") or view.text("DetectorName") or view.logical_id
                alarms.append(Alarm(logical_id=view.logical_id, alarm_name=name, error=_OTHER_ALARMS[kind]))
            elif kind == "AWS::Logs::QueryDefinition":
                name, query = view.text("Name") or view.logical_id, view.text("QueryString") or ""
                queries.append(SavedQuery(logical_id=view.logical_id, name=name, query=query))
    return Template(
        name=path.name,
        filters=tuple(sorted(filters, key=lambda item: item.logical_id)),
        alarms=tuple(sorted(alarms, key=lambda item: item.logical_id)),
        queries=tuple(sorted(queries, key=lambda item: item.logical_id)),
        resources=dict(sorted(resources.items())),
        skipped=tuple(sorted(skipped)),
    )


class _Resource:
    """A resource with its properties resolved."""

    def __init__(self, logical_id: str, resource: Mapping[str, Any], resolver: Resolver) -> None:
        self.logical_id = logical_id
        properties = resolver.value(resource.get("Properties") or {})
        self.properties: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        condition = resource.get("Condition")
        self.absent = (
            f"its condition {condition} does not hold with the template's defaults"
            if condition is not None and resolver.holds(str(condition)) is False
            else None
        )

    def text(self, name: str) -> str | None:
        value = self.properties.get(name)
        return None if value is None else str(value)


def _metric_filters(view: _Resource) -> Iterator[MetricFilter]:
    pattern = view.text("FilterPattern") or ""
    condition, error = None, view.absent
    if view.properties.get("ApplyOnTransformedLogs") in (True, "true"):
        error = error or "it reads the output of a log transformer"
    if view.properties.get("FieldSelectionCriteria"):
        error = error or "it selects by account or Region, which log events do not contain"
    try:
        condition = pattern_parser.parse(pattern, where=view.logical_id)
    except AuditConfigurationError as refused:
        error = error or f"{refused.limit}. {refused.way_out}"
    transformations = view.properties.get("MetricTransformations")
    for transformation in transformations if isinstance(transformations, list) and transformations else [{}]:
        given = transformation if isinstance(transformation, Mapping) else {}
        yield MetricFilter(
            logical_id=view.logical_id,
            filter_name=view.text("FilterName") or view.logical_id,
            log_group=view.text("LogGroupName") or "",
            pattern=pattern,
            condition=None if error else condition,
            metric=_metric(given, key="Key", namespace="MetricNamespace"),
            value=str(given.get("MetricValue", "1")),
            default=_number(given.get("DefaultValue")),
            unit=str(given.get("Unit", "None")),
            error=error,
        )


def _alarm(view: _Resource) -> Alarm:
    properties = dict(view.properties)
    error = view.absent
    metrics = properties.get("Metrics")
    if metrics:
        stat = metrics[0].get("MetricStat") if isinstance(metrics, list) and len(metrics) == 1 else None
        if isinstance(stat, Mapping):
            properties |= {**stat.get("Metric", {}), "Period": stat.get("Period"), "Statistic": stat.get("Stat")}
            properties |= {"Unit": stat["Unit"]} if "Unit" in stat else {}
        else:
            error = error or "metric math is not evaluated"
    if "WallClockWindow" in (properties.get("EvaluationWindow") or {}):
        error = error or "wall clock windows are not evaluated"
    statistic = str(properties.get("Statistic") or properties.get("ExtendedStatistic") or "")
    if statistic not in ("Sum", "Average", "Minimum", "Maximum", "SampleCount"):
        error = error or f"the statistic {statistic or '(none)'} needs individual values, not those of each minute"
    if properties.get("ComparisonOperator") not in COMPARISONS:
        error = error or f"the comparison {properties.get('ComparisonOperator')} has no static threshold"
    period, periods = _number(properties.get("Period")), _number(properties.get("EvaluationPeriods"))
    threshold = _number(properties.get("Threshold"))
    if period is None or periods is None or threshold is None or period <= 0 or periods < 1:
        error = error or "its period, evaluation periods or threshold is not a number in this template"
    datapoints = _number(properties.get("DatapointsToAlarm"))
    return Alarm(
        logical_id=view.logical_id,
        alarm_name=view.text("AlarmName") or view.logical_id,
        description=view.text("AlarmDescription") or "",
        metric=_metric(properties, key="Name", namespace="Namespace"),
        statistic=statistic,
        period=int(period or 0),
        evaluation_periods=int(periods or 0),
        datapoints_to_alarm=int(datapoints or periods or 0),
        threshold=threshold or 0.0,
        comparison=str(properties.get("ComparisonOperator") or ""),
        missing_data=str(properties.get("TreatMissingData") or "missing"),
        unit=None if properties.get("Unit") is None else str(properties["Unit"]),
        error=error,
    )


COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
"""CloudWatch's comparison operators for static thresholds, and their signs."""


def _metric(given: Mapping[str, Any], *, key: str, namespace: str) -> Metric | None:
    if given.get("MetricName") is None or given.get(namespace) is None:
        return None
    dimensions = given.get("Dimensions") or []
    pairs = [(str(item.get(key)), str(item.get("Value"))) for item in dimensions if isinstance(item, Mapping)]
    return Metric(namespace=str(given[namespace]), name=str(given["MetricName"]), dimensions=tuple(sorted(pairs)))


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
