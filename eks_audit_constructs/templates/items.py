"""What a replay reads from templates: metric filters, alarms and saved queries, each with its template."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from eks_audit_constructs.audit_events import never
from eks_audit_constructs.audit_events.never import Never
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.templates.alarm_rule import Rule
from eks_audit_constructs.templates.metric_math import Formula

__all__ = [
    "COMPARISONS",
    "Alarm",
    "Key",
    "Metric",
    "MetricFilter",
    "SavedQuery",
    "Template",
    "Watched",
    "in_vain",
    "is_eks",
    "labels",
    "reads_audit_events",
]

COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
"""CloudWatch's comparison operators for static thresholds, and their signs."""


@dataclass(frozen=True, order=True, slots=True)
class Key:
    """What identifies a resource. A logical id alone is unique only within its template."""

    template: str
    logical_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Resource:
    """A resource of a template."""

    logical_id: str
    template: str = ""
    """The name of its stack, or of its template file."""

    @property
    def key(self) -> Key:
        return Key(self.template, self.logical_id)


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
class Watched:
    """A statistic of a metric, as an alarm watches it or calculates with it."""

    id: str = ""
    """Its Id in metric math."""
    metric: Metric
    statistic: str
    unit: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricFilter(_Resource):
    """An `AWS::Logs::MetricFilter`. If it cannot be evaluated, `error` is the reason."""

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
    caveats: tuple[str, ...] = ()
    """What is in doubt although it is evaluated."""
    absent: bool = False
    """Whether its condition does not hold, so that a deployment does not have it; then `error` says so."""

    @property
    def never(self) -> tuple[Never, ...]:
        """What in its condition matches no audit event, or likely none; nothing if it reads other logs."""
        return () if self.condition is None else in_vain(self.condition, self.log_group)


def is_eks(log_group: str) -> bool:
    """Return whether a log group is that of an EKS cluster, by its name."""
    return _EKS.fullmatch(log_group) is not None


_EKS = re.compile(r"/aws/eks/.+/cluster")


def reads_audit_events(condition: Expression, log_group: str) -> bool:
    """Return whether a condition is one on audit events: another log group than a cluster's may have them too."""
    return is_eks(log_group) or never.is_about_audit_events(condition)


def in_vain(condition: Expression, log_group: str) -> tuple[Never, ...]:
    """Return what in a condition matches no audit event, or likely none; nothing if it is not one on audit events."""
    if not reads_audit_events(condition, log_group):
        return ()
    return (*never.refusals(condition), *never.doubts(condition))


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm(_Resource):
    """An alarm. If it cannot be evaluated, `error` is the reason."""

    alarm_name: str
    description: str = ""
    watched: tuple[Watched, ...] = ()
    """One metric, or those of a formula; a composite alarm has none."""
    formula: Formula | None = None
    """What is calculated from the metrics; None: the alarm watches a metric as it is."""
    expression: str = ""
    """The formula as it is written."""
    period: int = 0
    """Seconds."""
    evaluation_periods: int = 0
    datapoints_to_alarm: int = 0
    threshold: float = 0.0
    comparison: str = ""
    missing_data: str = "missing"
    rule: Rule | None = None
    """How a composite alarm combines other alarms; it has no metric."""
    error: str | None = None
    absent: bool = False
    """Whether its condition does not hold, so that a deployment does not have it; then `error` says so."""

    @property
    def metric(self) -> Metric | None:
        """The metric that it watches as it is; None if it calculates, or combines other alarms."""
        return self.watched[0].metric if self.watched and self.formula is None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedQuery(_Resource):
    """An `AWS::Logs::QueryDefinition` or `AWS::Logs::ScheduledQuery`."""

    name: str
    query: str
    language: str = "CWLI"
    """CWLI is Logs Insights; others are PPL and SQL."""
    defaults: Mapping[str, str | None] = field(default_factory=dict)
    """The parameters of the query, such as `who` for `{{who}}`; None for one without a default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """The parts of one or more templates that matter to a replay, sorted by template and logical id."""

    name: str
    filters: tuple[MetricFilter, ...]
    alarms: tuple[Alarm, ...]
    queries: tuple[SavedQuery, ...]
    resources: Mapping[str, int]
    """Number of resources by type."""
    skipped: tuple[str, ...] = ()
    """Entries that are not plain resources, and loops that cannot be expanded."""
    unread: tuple[str, ...] = ()
    """What may have filters and alarms and could not be read: nested stacks whose template is not here."""
    macros: str | None = None
    """That macros may change the templates, if they have any."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results has to know."""
        return (*self.unread, *([self.macros] if self.macros else []))

    @property
    def several(self) -> bool:
        """Whether the metric filters and alarms are those of several templates, so that each needs its template."""
        return len({item.template for item in (*self.filters, *self.alarms)}) > 1

    def conditions(self, filters: Collection[Key] | None = None) -> dict[Key, Expression]:
        """Return the conditions of these filters, or of all; filters with an `error` have none."""
        return {
            item.key: item.condition
            for item in self.filters
            if item.condition is not None and (filters is None or item.key in filters)
        }


def labels(items: Iterable[MetricFilter | Alarm], *, several: bool) -> dict[Key, str]:
    """Return a name for each item that no other has: with its template or logical id where the name is not enough.

    Args:
        items: The items.
        several: Whether to name the template of each.
    """
    named = [(item, item.filter_name if isinstance(item, MetricFilter) else item.alarm_name) for item in items]
    shown = [(item, f"{name} ({item.template})" if several else name) for item, name in named]
    counts: dict[str, int] = {}
    for _, name in shown:
        counts[name] = counts.get(name, 0) + 1
    return {item.key: name if counts[name] == 1 else f"{name} [{item.logical_id}]" for item, name in shown}
