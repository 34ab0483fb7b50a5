"""Read the metric filters, alarms and saved queries of a CloudFormation template.

Any template can be read, JSON or YAML, not only those of this library. Nothing is skipped silently: a metric filter or
an alarm that the replay cannot evaluate has the reason in its `error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eks_audit_constructs.conditions import pattern_parser
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.templates.assembly import Document, documents
from eks_audit_constructs.templates.intrinsics import Resolver
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Key, Metric, MetricFilter, SavedQuery, Template

__all__ = ["COMPARISONS", "Alarm", "Key", "Metric", "MetricFilter", "SavedQuery", "Template", "read_template"]

_OTHER_ALARMS = {
    "AWS::CloudWatch::CompositeAlarm": "a composite alarm combines the states of other alarms",
    "AWS::CloudWatch::LogAlarm": "its data are the results of a scheduled query",
    "AWS::CloudWatch::AnomalyDetector": "an anomaly band is learned from weeks of data",
    "AWS::Logs::LogAnomalyDetector": "anomalies are learned from weeks of logs",
}


def read_template(path: Path) -> Template:
    """Read a template file, or the templates of a `cdk.out` folder, each with its nested stacks.

    Raises:
        TemplateError: It cannot be read, or is not a CloudFormation template.
    """
    reader = _Reader()
    for document in documents(path):
        reader.read(document, Resolver(document.body))
    return Template(
        name=path.name,
        filters=tuple(sorted(reader.filters, key=lambda item: item.key)),
        alarms=tuple(sorted(reader.alarms, key=lambda item: item.key)),
        queries=tuple(sorted(reader.queries, key=lambda item: item.key)),
        resources=dict(sorted(reader.resources.items())),
        skipped=tuple(sorted(reader.skipped)),
    )


class _Reader:
    """Collects the resources of templates."""

    def __init__(self) -> None:
        self.filters: list[MetricFilter] = []
        self.alarms: list[Alarm] = []
        self.queries: list[SavedQuery] = []
        self.resources: dict[str, int] = {}
        self.skipped: list[str] = []

    def read(self, document: Document, resolver: Resolver) -> None:
        """Read a template and those of its nested stacks."""
        for logical_id, resource in document.body["Resources"].items():
            kind = resource.get("Type") if isinstance(resource, Mapping) else None
            if not isinstance(kind, str):
                self.skipped.append(str(logical_id))
                continue
            self.resources[kind] = self.resources.get(kind, 0) + 1
            view = _Resource(Key(document.name, str(logical_id)), resource, resolver)
            if kind == "AWS::Logs::MetricFilter":
                self.filters.append(_metric_filter(view))
            elif kind == "AWS::CloudWatch::Alarm":
                self.alarms.append(_alarm(view))
            elif kind in _OTHER_ALARMS:
                name = view.text("AlarmName") or view.text("DetectorName") or view.key.logical_id
                self.alarms.append(
                    Alarm(
                        logical_id=view.key.logical_id,
                        template=view.key.template,
                        alarm_name=name,
                        error=_OTHER_ALARMS[kind],
                    )
                )
            elif kind == "AWS::Logs::QueryDefinition":
                name, query = view.text("Name") or view.key.logical_id, view.text("QueryString") or ""
                self.queries.append(
                    SavedQuery(logical_id=view.key.logical_id, template=document.name, name=name, query=query)
                )
        for logical_id, child in document.nested.items():
            self.read(child, resolver.nested(logical_id, child.body))


class _Resource:
    """A resource with its properties resolved."""

    def __init__(self, key: Key, resource: Mapping[str, Any], resolver: Resolver) -> None:
        self.key = key
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


def _metric_filter(view: _Resource) -> MetricFilter:
    pattern = view.text("FilterPattern") or ""
    condition, error = None, view.absent
    if view.properties.get("ApplyOnTransformedLogs") in (True, "true"):
        error = error or "it reads the output of a log transformer"
    if view.properties.get("FieldSelectionCriteria"):
        error = error or "it selects by account or Region, which log events do not contain"
    try:
        condition = pattern_parser.parse(pattern, where=view.key.logical_id)
    except AuditConfigurationError as refused:
        error = error or f"{refused.limit}. {refused.way_out}"
    transformations = view.properties.get("MetricTransformations")
    if not isinstance(transformations, list) or len(transformations) != 1:
        error = error or "a metric filter has exactly one transformation"
    transformation = transformations[0] if isinstance(transformations, list) and transformations else {}
    given = transformation if isinstance(transformation, Mapping) else {}
    return MetricFilter(
        logical_id=view.key.logical_id,
        template=view.key.template,
        filter_name=view.text("FilterName") or view.key.logical_id,
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
        logical_id=view.key.logical_id,
        template=view.key.template,
        alarm_name=view.text("AlarmName") or view.key.logical_id,
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
