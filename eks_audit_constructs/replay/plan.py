"""Plan what to count in logs for metric filters and alarms, and turn the counts into metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eks_audit_constructs.conditions.expression import Expression, Field, Path, all_of, any_of, field
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Sample, merge
from eks_audit_constructs.templates.items import Alarm, Key, Metric, MetricFilter, Template

__all__ = ["Plan", "PlannedAlarm", "PlannedFilter", "Series", "plan"]

Series = Mapping[int, Sample]
"""A metric: the values written in each minute, by the minute's first second since 1970."""

_LOG_GROUP_METRICS = {"IncomingLogEvents": "lines", "IncomingBytes": "sizes"}
"""The metrics that CloudWatch writes for a log group.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    """What a metric filter writes to a metric, and the question that counts it."""

    filter: MetricFilter
    question: int
    value: float | None
    """The value written for each match; None: the number in the event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedFilter:
    """A metric filter, and how to count what it matches."""

    filter: MetricFilter
    writer: _Writer | None = None
    error: str | None = None
    """Why it cannot be evaluated; then there is no writer."""

    def matched(self, counted: LogCounts) -> int:
        """Return the number of events that it matches; 0 if it cannot be evaluated."""
        return 0 if self.writer is None else counted.answers[self.writer.question].matched


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedAlarm:
    """An alarm, and what writes its metric."""

    alarm: Alarm
    writers: tuple[_Writer, ...] = ()
    log_group_metric: str | None = None
    """`lines` or `sizes` for a metric of the log group, which no filter writes."""
    error: str | None = None
    """Why it cannot be evaluated."""
    caveats: tuple[str, ...] = ()
    """Why its evaluation is in doubt."""

    @property
    def filters(self) -> tuple[MetricFilter, ...]:
        """The metric filters that write its metric."""
        return tuple(writer.filter for writer in self.writers)

    def series(self, counted: LogCounts) -> Series:
        """Return the metric that it watches; there must be no `error`."""
        if self.log_group_metric is not None:
            per_minute = counted.lines if self.log_group_metric == "lines" else counted.sizes
            return {minute: Sample(1, number, number, number) for minute, number in per_minute.items()}
        return merge(_written(writer, counted) for writer in self.writers)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to count in logs to evaluate the filters and alarms of a template, in the template's order."""

    questions: tuple[Question, ...]
    filters: Mapping[Key, PlannedFilter]
    alarms: Mapping[Key, PlannedAlarm]

    @property
    def asks_sizes(self) -> bool:
        """Whether an alarm watches incoming bytes."""
        return any(item.log_group_metric == "sizes" for item in self.alarms.values())


def plan(template: Template) -> Plan:
    """Plan what to count, and connect a template's alarms to the filters that write their metrics."""
    planner = _Planner(template)
    filters = {item.key: planner.filter(item) for item in template.filters}
    planner.filters = filters
    alarms = {alarm.key: planner.alarm(alarm) for alarm in template.alarms}
    return Plan(questions=tuple(planner.questions), filters=filters, alarms=alarms)


class _UnsupportedError(Exception):
    """Why a filter or an alarm cannot be evaluated."""


class _Planner:
    def __init__(self, template: Template) -> None:
        self.template = template
        self.questions: list[Question] = []
        self.filters: Mapping[Key, PlannedFilter] = {}

    def filter(self, item: MetricFilter) -> PlannedFilter:
        try:
            if item.condition is None:
                raise _UnsupportedError(item.error)
            path, value = _value_of(item)
            question = self._ask(Question(condition=item.condition, value=path))
            return PlannedFilter(filter=item, writer=_Writer(filter=item, question=question, value=value))
        except _UnsupportedError as reason:
            return PlannedFilter(filter=item, error=str(reason))

    def alarm(self, alarm: Alarm) -> PlannedAlarm:
        try:
            if alarm.error is not None:
                raise _UnsupportedError(alarm.error)
            if alarm.metric is None:
                raise _UnsupportedError("it names no metric")
            if alarm.metric.namespace == "AWS/Logs":
                return PlannedAlarm(alarm=alarm, log_group_metric=self._log_group_metric(alarm, alarm.metric))
            sources, caveats = self._sources(alarm, alarm.metric)
            writers = tuple(self._writer(item, alarm.metric) for item in sources)
            return PlannedAlarm(alarm=alarm, writers=writers, caveats=caveats)
        except _UnsupportedError as reason:
            return PlannedAlarm(alarm=alarm, error=str(reason))

    def _ask(self, question: Question) -> int:
        self.questions.append(question)
        return len(self.questions) - 1

    def _log_group_metric(self, alarm: Alarm, metric: Metric) -> str:
        if metric.name not in _LOG_GROUP_METRICS or metric.dimension_names != ("LogGroupName",):
            raise _UnsupportedError("its metric cannot be computed from logs alone")
        if alarm.statistic != "Sum":
            raise _UnsupportedError(f"only the Sum of its metric can be computed from logs, not the {alarm.statistic}")
        groups, own = {item.log_group for item in self.template.filters}, metric.dimensions[0][1]
        if groups and own not in groups:
            raise _UnsupportedError(f"no metric filter reads its log group {own}, so these logs may be from another")
        return _LOG_GROUP_METRICS[metric.name]

    def _sources(self, alarm: Alarm, metric: Metric) -> tuple[list[MetricFilter], tuple[str, ...]]:
        """Return the filters that write an alarm's metric: those of its own template, or of another if it has none.

        Equal names in several templates usually mean one stack for each cluster, account or Region, each with its own
        metric. Nothing in the templates says which, so the other stacks are a caveat.
        """
        every = [item for item in self.template.filters if item.metric is not None and _same(item.metric, metric)]
        own = [item for item in every if item.template == alarm.template]
        sources = own or every
        if not sources:
            raise _UnsupportedError("no metric filter of this template writes its metric")
        if not own and len(others := sorted({item.template for item in every})) > 1:
            raise _UnsupportedError(f"metric filters of several templates write its metric: {', '.join(others)}")
        broken = [item for item in sources if self.filters[item.key].error is not None]
        if broken:
            names = ", ".join(item.logical_id for item in broken)
            raise _UnsupportedError(f"its metric filter cannot be evaluated: {names}")
        if alarm.unit is not None and all(item.unit != alarm.unit for item in sources):
            written = sources[0].unit
            raise _UnsupportedError(f"it asks for the unit {alarm.unit}, but its metric has {written}: no data")
        also = sorted({item.template for item in every if item not in sources})
        caveat = f"{', '.join(also)} also writes its metric: in one account and Region the values add up"
        return sources, (caveat,) if also else ()

    def _writer(self, item: MetricFilter, metric: Metric) -> _Writer:
        writer = self.filters[item.key].writer
        assert writer is not None  # it has no error
        if item.metric is None or item.condition is None or not item.metric.dimensions:
            return writer
        # With dimensions, each value is a separate metric: count the one that the alarm names.
        selectors = zip(item.metric.dimensions, metric.dimensions, strict=True)
        terms = [_dimension(name, selector, value) for (name, selector), (_, value) in selectors]
        question = Question(condition=all_of([item.condition, *terms]), value=self.questions[writer.question].value)
        return replace(writer, question=self._ask(question))


def _same(written: Metric, watched: Metric) -> bool:
    return (written.namespace, written.name, written.dimension_names) == (
        watched.namespace,
        watched.name,
        watched.dimension_names,
    )


def _value_of(item: MetricFilter) -> tuple[Path | None, float | None]:
    """Return what a match writes to the metric: the number at a path, or a fixed number."""
    try:
        if item.value.startswith("$"):
            return _selected(item.value).path, None
        return None, float(item.value)
    except ValueError as error:
        reason = f"its metric value {item.value} is neither a number nor a field in this template"
        raise _UnsupportedError(reason) from error


def _dimension(name: str, selector: str, value: str) -> Expression:
    """Match the events with this value of a dimension; CloudWatch writes numbers as text."""
    if "*" in value or "${" in value:
        raise _UnsupportedError(f"the value {value} of its dimension {name} is not known here")
    try:
        selected = _selected(selector)
    except ValueError as error:
        raise _UnsupportedError(f"the dimension {name} of its metric filter is not a field: {selector}") from error
    try:
        return any_of([selected == value, selected == float(value)])
    except ValueError:
        return selected == value


def _selected(selector: str) -> Field:
    return field(selector.removeprefix("$").removeprefix("."))


def _written(writer: _Writer, counted: LogCounts) -> dict[int, Sample]:
    series = dict(counted.answers[writer.question].minutes)
    if writer.value is not None and writer.value != 1:  # matches are already counted as 1
        value = writer.value
        series = {minute: Sample(had.count, had.count * value, value, value) for minute, had in series.items()}
    if (zero := writer.filter.default) is not None:
        default = Sample(1, zero, zero, zero)
        series = dict.fromkeys(counted.lines, default) | series
    return series
