"""Plan what to count in logs for metric filters and alarms, and turn the counts into metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eks_audit_constructs.conditions.expression import Expression, Field, Path, all_of, any_of, field
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Sample, merge
from eks_audit_constructs.replay.log_group import Reading, group_of, read_as
from eks_audit_constructs.replay.sources import sources
from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.items import Alarm, Key, Metric, MetricFilter, Template

__all__ = ["Plan", "PlannedAlarm", "PlannedFilter", "Series", "plan"]

Series = Mapping[int, Sample]
"""A metric: the values written in each minute, by the minute's first second since 1970."""

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?")
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
    reading: Reading

    @property
    def asks_sizes(self) -> bool:
        """Whether an alarm watches incoming bytes."""
        return any(item.log_group_metric == "sizes" for item in self.alarms.values())


def plan(template: Template, reading: Reading | None = None) -> Plan:
    """Plan what to count, and connect a template's alarms to the filters that write their metrics.

    Args:
        template: The template.
        reading: The log groups as whose log the logs are read. Default: as nothing but the template tells.
    """
    planner = _Planner(template, reading or read_as(template))
    filters = {item.key: planner.filter(item) for item in template.filters}
    planner.filters = filters
    alarms = {alarm.key: planner.alarm(alarm) for alarm in template.alarms}
    return Plan(questions=tuple(planner.questions), filters=filters, alarms=alarms, reading=planner.reading)


class _UnsupportedError(Exception):
    """Why a filter or an alarm cannot be evaluated."""


class _Planner:
    def __init__(self, template: Template, reading: Reading) -> None:
        self.template = template
        self.reading = reading
        self.questions: list[Question] = []
        self.filters: Mapping[Key, PlannedFilter] = {}

    def filter(self, item: MetricFilter) -> PlannedFilter:
        try:
            if item.condition is None:
                raise _UnsupportedError(item.error)
            if (reason := self.reading.excludes(item)) is not None:
                raise _UnsupportedError(reason)
            path, value = _value_of(item)
            question = self._ask(Question(condition=item.condition, value=path))
            return PlannedFilter(filter=item, writer=_Writer(filter=item, question=question, value=value))
        except _UnsupportedError as reason:
            return PlannedFilter(filter=item, error=str(reason))

    def alarm(self, alarm: Alarm) -> PlannedAlarm:
        try:
            if alarm.error is not None:
                raise _UnsupportedError(self._with_data(alarm, alarm.error))
            if alarm.rule is not None:
                return PlannedAlarm(alarm=alarm)
            if alarm.metric is None:
                raise _UnsupportedError("it names no metric")
            if alarm.metric.namespace == "AWS/Logs":
                return PlannedAlarm(alarm=alarm, log_group_metric=self._log_group_metric(alarm, alarm.metric))
            found = sources(self.template, alarm, alarm.metric)
            if found.error is not None:
                raise _UnsupportedError(found.error)
            self._check(alarm, found.filters)
            writers = tuple(self._writer(item, alarm.metric) for item in found.filters)
            return PlannedAlarm(alarm=alarm, writers=writers, caveats=found.caveats)
        except _UnsupportedError as reason:
            return PlannedAlarm(alarm=alarm, error=str(reason))

    def _ask(self, question: Question) -> int:
        self.questions.append(question)
        return len(self.questions) - 1

    def _with_data(self, alarm: Alarm, error: str) -> str:
        """Return why an alarm cannot be evaluated, and whether it would ever get data."""
        errors = [sources(self.template, alarm, metric).never for metric in alarm.inputs]
        return f"{error}, and {errors[0]}" if errors and all(errors) else error

    def _log_group_metric(self, alarm: Alarm, metric: Metric) -> str:
        if metric.name not in _LOG_GROUP_METRICS or metric.dimension_names != ("LogGroupName",):
            raise _UnsupportedError("its metric cannot be computed from logs alone")
        if alarm.statistic != "Sum":
            raise _UnsupportedError(f"only the Sum of its metric can be computed from logs, not the {alarm.statistic}")
        own = group_of(metric.dimensions[0][1], alarm.template)
        if (reason := self.reading.left_out.get(own)) is not None:
            raise _UnsupportedError(reason)
        if own not in self.reading.groups:
            raise _UnsupportedError(
                f"no metric filter reads its log group {own.name}, so these logs may be from another"
            )
        return _LOG_GROUP_METRICS[metric.name]

    def _check(self, alarm: Alarm, found: Sequence[MetricFilter]) -> None:
        """Refuse an alarm whose metric has values that cannot be counted.

        Filters on several log groups add their values up, and these logs are one group's.
        """
        broken = [planned for item in found if (planned := self.filters[item.key]).error is not None]
        if broken:
            names = ", ".join(planned.filter.logical_id for planned in broken)
            reason = f" ({broken[0].error})" if len(broken) == 1 else ""
            raise _UnsupportedError(f"its metric filter cannot be evaluated: {names}{reason}")
        groups = sorted({group_of(item.log_group, item.template) for item in found})
        if len(groups) > 1:
            names = ", ".join(group.name for group in groups)
            raise _UnsupportedError(f"its metric is written from several log groups: {names}")
        if alarm.unit is not None and all(item.unit != alarm.unit for item in found):
            written = found[0].unit
            raise _UnsupportedError(
                f"it asks for the unit {alarm.unit}, but its metric has {written}, so it never gets data"
            )

    def _writer(self, item: MetricFilter, metric: Metric) -> _Writer:
        writer = self.filters[item.key].writer
        assert writer is not None  # it has no error
        if item.metric is None or item.condition is None or not item.metric.dimensions:
            return writer
        # With dimensions, each value is a separate metric: count the one that the alarm names.
        selectors = zip(item.metric.dimensions, metric.dimensions, strict=True)
        terms = [
            _dimension(name, selector, value)
            for (name, selector), (_, value) in selectors
            if selector.startswith("$")  # a fixed value is that of the alarm, or the filter would not be its source
        ]
        question = Question(condition=all_of([item.condition, *terms]), value=self.questions[writer.question].value)
        return replace(writer, question=self._ask(question))


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
    if needs := needs_of(value):
        raise _UnsupportedError(in_words(needs))
    if "*" in value:
        raise _UnsupportedError(
            f"the value {value} of its dimension {name} has a *, which a pattern takes for any text"
        )
    try:
        selected = _selected(selector)
    except ValueError as error:
        raise _UnsupportedError(f"the dimension {name} of its metric filter is not a field: {selector}") from error
    if _NUMBER.fullmatch(value):
        return any_of([selected == value, selected == float(value)])
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
