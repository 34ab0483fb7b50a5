"""Plan what to count in logs for metric filters and alarms, and turn the counts into metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from eks_audit_constructs.conditions.expression import Expression, Field, Path, all_of, any_of, field, has_wildcard
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Sample
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.replay.log_group import Group, Reading, Told, group_of, read_as
from eks_audit_constructs.replay.series import Series, added_up
from eks_audit_constructs.replay.sources import sources
from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.items import Alarm, Key, Metric, MetricFilter, Template, Watched

__all__ = ["Plan", "PlannedAlarm", "PlannedFilter", "PlannedMetric", "plan"]

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
class PlannedMetric:
    """A metric that an alarm watches, and what writes it."""

    watched: Watched
    writers: tuple[_Writer, ...] = ()
    log_group_metric: str | None = None
    """`lines` or `sizes` for a metric of the log group, which no filter writes."""
    group: Group
    """The log group whose logs it counts."""

    def series(self, counted: LogCounts) -> Series:
        """Return the metric, from the counts of its log group."""
        if self.log_group_metric is not None:
            per_minute = counted.lines if self.log_group_metric == "lines" else counted.sizes
            return Series.numbers(counted.coverage, per_minute)
        return added_up(_written(writer, counted) for writer in self.writers)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedAlarm:
    """An alarm, and what writes its metrics."""

    alarm: Alarm
    metrics: tuple[PlannedMetric, ...] = ()
    """Those that it watches; none if there is an error, or if it combines other alarms."""
    error: str | None = None
    """Why it cannot be evaluated."""
    caveats: tuple[str, ...] = ()
    """Why its evaluation is in doubt."""

    @property
    def filters(self) -> tuple[MetricFilter, ...]:
        """The metric filters that write its metrics."""
        found = {writer.filter.key: writer.filter for metric in self.metrics for writer in metric.writers}
        return tuple(found.values())

    @property
    def group(self) -> Group | None:
        """The log group whose logs its metrics count; a composite alarm has none."""
        return self.metrics[0].group if self.metrics else None

    def data(self, counted: LogCounts) -> Data:
        """Return what it watches, from the counts of its log group; there must be metrics."""
        return Data(self.alarm, {metric.watched.id: metric.series(counted) for metric in self.metrics})


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to count in logs to evaluate the filters and alarms of a template, in the template's order."""

    questions: tuple[Question, ...]
    asked_by: tuple[Group, ...]
    """For each question, the log group whose logs it is asked of."""
    filters: Mapping[Key, PlannedFilter]
    alarms: Mapping[Key, PlannedAlarm]
    reading: Reading

    @property
    def asks_sizes(self) -> bool:
        """Whether an alarm watches incoming bytes."""
        return any(metric.log_group_metric == "sizes" for item in self.alarms.values() for metric in item.metrics)

    @property
    def read_by(self) -> dict[Key, Set[Told]]:
        """What the logs tell that each metric filter reads; see `log_group.told`."""
        return {key: self.reading.read_by(item.filter) for key, item in self.filters.items()}


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
    return Plan(
        questions=tuple(planner.questions),
        asked_by=tuple(planner.asked_by),
        filters=filters,
        alarms=alarms,
        reading=planner.reading,
    )


class _UnsupportedError(Exception):
    """Why a filter or an alarm cannot be evaluated."""


class _Planner:
    def __init__(self, template: Template, reading: Reading) -> None:
        self.template = template
        self.reading = reading
        self.questions: list[Question] = []
        self.asked_by: list[Group] = []
        self.filters: Mapping[Key, PlannedFilter] = {}

    def filter(self, item: MetricFilter) -> PlannedFilter:
        try:
            if item.condition is None:
                raise _UnsupportedError(item.error)
            if (reason := self.reading.excludes(item)) is not None:
                raise _UnsupportedError(reason)
            path, value = _value_of(item)
            question = self._ask(Question(condition=item.condition, value=path), item)
            return PlannedFilter(filter=item, writer=_Writer(filter=item, question=question, value=value))
        except _UnsupportedError as reason:
            return PlannedFilter(filter=item, error=str(reason))

    def alarm(self, alarm: Alarm) -> PlannedAlarm:
        try:
            if alarm.error is not None:
                raise _UnsupportedError(self._with_data(alarm, alarm.error))
            caveats: list[str] = []
            metrics = tuple(self._metric(alarm, watched, caveats) for watched in alarm.watched)
            self._check_groups(metrics)
            return PlannedAlarm(alarm=alarm, metrics=metrics, caveats=tuple(dict.fromkeys(caveats)))
        except _UnsupportedError as reason:
            return PlannedAlarm(alarm=alarm, error=str(reason))

    def _metric(self, alarm: Alarm, watched: Watched, caveats: list[str]) -> PlannedMetric:
        if watched.metric.namespace == "AWS/Logs":
            metric, group = self._log_group_metric(alarm, watched)
            return PlannedMetric(watched=watched, log_group_metric=metric, group=group)
        found = sources(self.template, alarm, watched.metric)
        if found.error is not None:
            raise _UnsupportedError(found.error)
        self._check(watched, found.filters)
        caveats += found.caveats
        writers = tuple(self._writer(item, watched.metric) for item in found.filters)
        group = group_of(found.filters[0].log_group, found.filters[0].template)
        return PlannedMetric(watched=watched, writers=writers, group=group)

    def _ask(self, question: Question, item: MetricFilter) -> int:
        self.questions.append(question)
        self.asked_by.append(group_of(item.log_group, item.template))
        return len(self.questions) - 1

    def _with_data(self, alarm: Alarm, error: str) -> str:
        """Return why an alarm cannot be evaluated, and whether it would ever get data."""
        if alarm.formula is None and len(alarm.watched) < 2:
            return error
        errors = [sources(self.template, alarm, watched.metric).never for watched in alarm.watched]
        return f"{error}, and {errors[0]}" if errors and all(errors) else error

    def _log_group_metric(self, alarm: Alarm, watched: Watched) -> tuple[str, Group]:
        metric = watched.metric
        if metric.name not in _LOG_GROUP_METRICS or metric.dimension_names != ("LogGroupName",):
            raise _UnsupportedError("its metric cannot be computed from logs alone")
        if watched.statistic != "Sum":
            raise _UnsupportedError(
                f"only the Sum of its metric can be computed from logs, not the {watched.statistic}"
            )
        own = group_of(metric.dimensions[0][1], alarm.template)
        if (reason := self.reading.left_out.get(own)) is not None:
            raise _UnsupportedError(reason)
        if own not in self.reading.groups:
            raise _UnsupportedError(
                f"no metric filter reads its log group {own.name}, so these logs may be from another"
            )
        return _LOG_GROUP_METRICS[metric.name], own

    def _check(self, watched: Watched, found: Sequence[MetricFilter]) -> None:
        """Refuse a metric whose values cannot be counted."""
        broken = [planned for item in found if (planned := self.filters[item.key]).error is not None]
        if broken:
            names = ", ".join(planned.filter.logical_id for planned in broken)
            reason = f" ({broken[0].error})" if len(broken) == 1 else ""
            raise _UnsupportedError(f"its metric filter cannot be evaluated: {names}{reason}")
        if watched.unit is not None and all(item.unit != watched.unit for item in found):
            written = found[0].unit
            raise _UnsupportedError(
                f"it asks for the unit {watched.unit}, but its metric has {written}, so it never gets data"
            )

    def _check_groups(self, metrics: Sequence[PlannedMetric]) -> None:
        """Refuse values from several log groups, which belong together also where only one group has a log here."""
        filters = [writer.filter for metric in metrics for writer in metric.writers]
        found = {group_of(item.log_group, item.template) for item in filters} | {metric.group for metric in metrics}
        if len(found) > 1:
            names = ", ".join(group.name for group in sorted(found))
            raise _UnsupportedError(f"its metric is written from several log groups: {names}")

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
        return replace(writer, question=self._ask(question, item))


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
    selected = field(selector.removeprefix("$").removeprefix("."))
    if has_wildcard(selected.path):
        raise _UnsupportedError(f"{selector} may select several values, and AWS does not say which one it takes")
    return selected


def _written(writer: _Writer, counted: LogCounts) -> Series:
    samples: Mapping[int, Sample] = counted.answers[writer.question].minutes
    if (value := writer.value) is not None and value != 1:  # matches are already counted as 1
        samples = {minute: Sample(had.count, had.count * value, value, value) for minute, had in samples.items()}
    zero = writer.filter.default
    return Series.written(counted.coverage, samples, None if zero is None else Sample(1, zero, zero, zero))
