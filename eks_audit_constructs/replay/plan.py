"""Plan what to count in logs for metric filters and alarms, and turn the counts into metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from eks_audit_constructs.conditions.expression import Expression, Field, Path, all_of, any_of, field
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Sample, merge
from eks_audit_constructs.templates.template import Alarm, Metric, MetricFilter, Template

__all__ = ["Plan", "Series", "plan"]

Series = Mapping[int, Sample]
"""A metric: the values written in each minute, by the minute's first second since 1970."""

_LOG_GROUP_METRICS = {"IncomingLogEvents": "lines", "IncomingBytes": "sizes"}
"""The metrics that CloudWatch writes for a log group.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html"""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Writer:
    """A metric filter that writes to an alarm's metric, and the question that counts its values."""

    question: int
    value: float | None
    """The value written for each match; None: the number in the event."""
    default: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to count in logs to evaluate the filters and alarms of a template.

    Attributes:
        questions: The questions to count.
        filters: The question of each filter that can be evaluated, by logical id.
        errors: Why a filter or an alarm cannot be evaluated, by logical id.
    """

    questions: tuple[Question, ...]
    filters: Mapping[str, int]
    errors: Mapping[str, str]
    _writers: Mapping[str, tuple[_Writer, ...]]
    _log_group_metrics: Mapping[str, str]

    @property
    def asks_sizes(self) -> bool:
        """Whether an alarm watches incoming bytes."""
        return "sizes" in self._log_group_metrics.values()

    def series(self, alarm: Alarm, counted: LogCounts) -> Series:
        """Return the metric that an alarm watches; the alarm must not be in `errors`."""
        own = self._log_group_metrics.get(alarm.logical_id)
        if own is not None:
            per_minute = counted.lines if own == "lines" else counted.sizes
            return {minute: Sample(1, number, number, number) for minute, number in per_minute.items()}
        return merge(_written(writer, counted) for writer in self._writers[alarm.logical_id])


def plan(template: Template) -> Plan:
    """Plan what to count, and connect a template's alarms to the filters that write their metrics."""
    planner = _Planner(template)
    for item in template.filters:
        planner.add_filter(item)
    for alarm in template.alarms:
        planner.add_alarm(alarm)
    return Plan(
        questions=tuple(planner.questions),
        filters={logical_id: writer.question for logical_id, writer in planner.filters.items()},
        errors=planner.errors,
        _writers=planner.writers,
        _log_group_metrics=planner.log_group_metrics,
    )


class _UnsupportedError(Exception):
    """Why a filter or an alarm cannot be evaluated."""


class _Planner:
    def __init__(self, template: Template) -> None:
        self.template = template
        self.questions: list[Question] = []
        self.filters: dict[str, _Writer] = {}
        self.errors: dict[str, str] = {}
        self.writers: dict[str, tuple[_Writer, ...]] = {}
        self.log_group_metrics: dict[str, str] = {}

    def add_filter(self, item: MetricFilter) -> None:
        try:
            if item.condition is None:
                raise _UnsupportedError(item.error)
            path, value = _value_of(item)
            question = self._ask(Question(condition=item.condition, value=path))
            self.filters[item.logical_id] = _Writer(question=question, value=value, default=item.default)
        except _UnsupportedError as reason:
            self.errors[item.logical_id] = str(reason)

    def add_alarm(self, alarm: Alarm) -> None:
        try:
            if alarm.error is not None:
                raise _UnsupportedError(alarm.error)
            if alarm.metric is None:
                raise _UnsupportedError("it names no metric")
            if alarm.metric.namespace == "AWS/Logs":
                self.log_group_metrics[alarm.logical_id] = self._log_group_metric(alarm, alarm.metric)
            else:
                sources = self._sources(alarm, alarm.metric)
                self.writers[alarm.logical_id] = tuple(self._writer(item, alarm.metric) for item in sources)
        except _UnsupportedError as reason:
            self.errors[alarm.logical_id] = str(reason)

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

    def _sources(self, alarm: Alarm, metric: Metric) -> list[MetricFilter]:
        sources = [item for item in self.template.filters if item.metric is not None and _same(item.metric, metric)]
        if not sources:
            raise _UnsupportedError("no metric filter of this template writes its metric")
        broken = [item.logical_id for item in sources if item.logical_id in self.errors]
        if broken:
            raise _UnsupportedError(f"its metric filter cannot be evaluated: {', '.join(broken)}")
        if alarm.unit is not None and all(item.unit != alarm.unit for item in sources):
            written = sources[0].unit
            raise _UnsupportedError(f"it asks for the unit {alarm.unit}, but its metric has {written}: no data")
        return sources

    def _writer(self, item: MetricFilter, metric: Metric) -> _Writer:
        writer = self.filters[item.logical_id]
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
    if writer.default is not None:
        default = Sample(1, writer.default, writer.default, writer.default)
        series = dict.fromkeys(counted.lines, default) | series
    return series
