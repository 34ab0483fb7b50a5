"""Read `AWS::Logs::MetricFilter`, with what CloudWatch Logs would reject.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from eks_audit_constructs.conditions import filter_pattern, pattern_parser
from eks_audit_constructs.conditions.expression import Expression, field
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.templates.deployment import Open
from eks_audit_constructs.templates.items import Metric, MetricFilter, in_vain
from eks_audit_constructs.templates.resource import UNITS, Properties, Resource

__all__ = ["metric_filter", "within_limits"]

_CLASSES = frozenset({"INFREQUENT_ACCESS", "DELIVERY"})
"""The classes of log groups that have no metric filters."""
_FILTERS_A_GROUP = 100
_REGEXES_A_GROUP = 5


def metric_filter(resource: Resource, classes: Mapping[str, str]) -> MetricFilter:
    """Return a metric filter; its `error` says what is wrong with it.

    Args:
        resource: The resource.
        classes: The classes of log groups that templates define, by name.
    """
    properties = resource.properties
    pattern = properties.text("FilterPattern")
    if pattern is None and "FilterPattern" not in properties:
        resource.reject("FilterPattern is required")
    log_group = properties.name("LogGroupName", required=True, most=512)
    if (log_class := classes.get(log_group or "")) in _CLASSES:
        resource.reject(f"its log group has the class {log_class}, which has no metric filters")
    if properties.text("ApplyOnTransformedLogs") == "true":
        resource.not_supported("it reads the output of a log transformer")
    if "FieldSelectionCriteria" in properties:
        resource.not_supported("it selects by account or Region, which log events do not contain")
    if "EmitSystemFieldDimensions" in properties:
        resource.not_supported("its metric has the account or Region as a dimension, which log events do not contain")
    condition = None if pattern is None or isinstance(pattern, Open) else _condition(pattern, resource)
    transformations = properties.parts("MetricTransformations")
    if len(transformations) != 1 and properties.is_list("MetricTransformations"):
        resource.reject(f"a metric filter has exactly one transformation, not {len(transformations)}")
    written = transformations[0] if transformations else properties.nothing()
    metric, default = _metric(written), written.number("DefaultValue")
    caveats = list(pattern_parser.caveats(pattern)) if condition is not None and pattern is not None else []
    if condition is not None:
        caveats += map(str, in_vain(condition, log_group or ""))
    if metric is not None and metric.dimensions:
        if default is not None:
            resource.reject("a metric with dimensions cannot have a default value")
        if pattern is not None and not pattern.lstrip().startswith(("{", "[")):
            resource.reject("a text pattern selects no fields, so its metric cannot have dimensions")
        fixed = [name for name, value in metric.dimensions if not value.startswith("$")]
        caveats += [f"its dimension {name} has a fixed value, and AWS documents only fields" for name in fixed]
        for _, value in metric.dimensions:
            resource.need(value)
    return MetricFilter(
        logical_id=resource.key.logical_id,
        template=resource.key.template,
        filter_name=properties.name("FilterName", most=512, without=":*") or resource.key.logical_id,
        log_group=log_group or "",
        pattern=pattern or "",
        metric=metric,
        value=_value(written, resource, pattern or ""),
        default=default,
        unit=written.text("Unit", among=UNITS) or "None",
        caveats=tuple(caveats),
        condition=None if resource.error else condition,
        error=resource.error,
        absent=resource.absent,
    )


def within_limits(filters: Iterable[MetricFilter]) -> list[MetricFilter]:
    """Return the filters, with an `error` in those of a log group that has more than it may have.

    Args:
        filters: The filters of templates that go to one account and Region.
    """
    groups: dict[str, list[MetricFilter]] = {}
    for item in filters:
        groups.setdefault(item.log_group, []).append(item)
    return [item for group in groups.values() for item in _limited(group)]


def _limited(group: list[MetricFilter]) -> list[MetricFilter]:
    present = [item for item in group if not item.absent]
    regexes = [item for item in present if item.condition is not None and filter_pattern.has_regex(item.condition)]
    refused: dict[str, str] = {}
    if len(regexes) > _REGEXES_A_GROUP:
        reason = f"{len(regexes)} of its log group's filters have regular expressions, and {_REGEXES_A_GROUP} may"
        refused |= dict.fromkeys((item.logical_id for item in regexes), reason)
    if len(present) > _FILTERS_A_GROUP:
        reason = f"its log group has {len(present)} metric filters, and {_FILTERS_A_GROUP} are accepted"
        refused |= dict.fromkeys((item.logical_id for item in present), reason)
    return [
        replace(item, condition=None, error=item.error or f"AWS rejects it: {refused[item.logical_id]}")
        if item.logical_id in refused
        else item
        for item in group
    ]


def _condition(pattern: str, resource: Resource) -> Expression | None:
    try:
        return filter_pattern.read(pattern, where=resource.key.logical_id)
    except AuditConfigurationError as refused:
        reason = f"{refused.limit}. {refused.way_out}"
        if pattern.lstrip().startswith("["):
            resource.not_supported(reason)
        else:
            resource.reject(reason)
    except RecursionError:
        resource.reject("its pattern is nested too deeply")
    return None


def _metric(written: Properties) -> Metric | None:
    namespace = written.name("MetricNamespace", required=True, most=255, without=":*$")
    name = written.name("MetricName", required=True, most=255, without=":*$")
    dimensions = tuple(written.dimensions("Key", most=3))
    return None if namespace is None or name is None else Metric(namespace=namespace, name=name, dimensions=dimensions)


def _value(written: Properties, resource: Resource, pattern: str) -> str:
    value = written.text("MetricValue", required=True)
    if value is None or isinstance(value, Open):
        return "1"
    if value.startswith("$") and not pattern.lstrip().startswith("["):
        if not _is_field(value):
            resource.reject(f"MetricValue {value[:60]} is not a field")
    elif not value.startswith("$") and not _is_number(value):
        resource.reject(f"MetricValue {value[:60]} is neither a number nor a field")
    return value


def _is_field(text: str) -> bool:
    try:
        field(text.removeprefix("$").removeprefix("."))
    except (ValueError, RecursionError):
        return False
    return True


def _is_number(text: Any) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
