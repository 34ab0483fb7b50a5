"""Replay: what the alarms of a CloudFormation template would have done on given audit logs.

from eks_audit_constructs.replay import replay

result = replay("cdk.out/demo.template.json", ["audit.jsonl"])
for alarm in result.alarms:
    print(alarm.alarm.alarm_name, alarm.alarmed)

Without a template of your own, pass `templates.from_catalog.from_catalog()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from eks_audit_constructs import reports
from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.replay import composite
from eks_audit_constructs.replay.alarms import State, Transition, transitions
from eks_audit_constructs.replay.counting.counts import LogCounts
from eks_audit_constructs.replay.log_group import named_by, read_as
from eks_audit_constructs.replay.plan import Plan, PlannedAlarm, plan
from eks_audit_constructs.replay.series import MINUTE, Coverage
from eks_audit_constructs.templates.items import Alarm, Key, MetricFilter, SavedQuery, Template
from eks_audit_constructs.templates.template import read_template

__all__ = ["AlarmReplay", "FilterReplay", "Replay", "State", "Transition", "replay", "replayed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterReplay:
    """A metric filter and the number of events that it matched."""

    filter: MetricFilter
    matched: int
    error: str | None = None
    """Why it could not be evaluated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmReplay:
    """An alarm and its changes of state."""

    alarm: Alarm
    transitions: tuple[Transition, ...] = ()
    error: str | None = None
    """Why it could not be evaluated."""
    caveats: tuple[str, ...] = ()
    """Why its evaluation is in doubt."""

    @property
    def alarmed(self) -> bool:
        """Whether it went off at least once."""
        return any(change.state is State.ALARM for change in self.transitions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """A template replayed over logs. Filters and alarms are sorted by template and logical id."""

    template: Template
    planned: Plan
    counted: LogCounts
    filters: tuple[FilterReplay, ...]
    alarms: tuple[AlarmReplay, ...]
    notes: tuple[str, ...] = ()
    """Skipped and damaged input, and what is assumed about the logs."""
    has_audit_events: bool = True
    """Whether the logs hold audit events; only looked for if no filter matched anything."""

    @property
    def unevaluated(self) -> tuple[AlarmReplay, ...]:
        """The alarms that could not be evaluated, without those that a deployment does not have."""
        return tuple(item for item in self.alarms if item.error and not item.alarm.absent)

    def queries_named(self, alarm: Alarm) -> list[SavedQuery]:
        """Return the saved queries that an alarm's description names: of its own template, or else of any other."""
        every = self.template.queries
        own = [query for query in every if query.template == alarm.template]
        return reports.queries_named(alarm.description, own) or reports.queries_named(alarm.description, every)

    @property
    def unjudged(self) -> str | None:
        """Why no alarm could be judged, so that silence means nothing; None if at least one could."""
        counted = self.counted
        if not counted.events:
            return "no audit event was read: the logs are empty"
        matched = any(item.matched for item in self.filters)
        if counted.unreadable == counted.events and not matched:
            return "no audit event was read: none of the events is a JSON object"
        if not self.alarms:
            return "the template has no alarm"
        if not self.has_audit_events and not matched:
            return "no audit event was read: none of the events has the kind Event"
        if all(item.error for item in self.alarms):
            return f"no alarm can be evaluated ({self.alarms[0].alarm.alarm_name}: {self.alarms[0].error})"
        return None


@contextmanager
def replayed(
    template: str | Path | Template,
    logs_: Iterable[str | Path],
    *,
    parameters: Mapping[str, str] | None = None,
    assume_log_group: str | None = None,
    log_group: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[Replay, Sequence[Log]]]:
    """Yield what a template's alarms would have done, and the logs, which stay open until the context ends.

    Args:
        template: A CloudFormation template (JSON or YAML) or a `cdk.out` folder; or a template already read.
        logs_: Audit logs: files, folders, or `-` for standard input.
        parameters: Values of what only a deployment knows; see `read_template`.
        assume_log_group: The log group whose log this is, where nothing else says so.
        log_group: The log group that the logs were fetched from.
        progress: Called with the fraction of the logs that is read, 0 to 1.

    Raises:
        TemplateError: The template cannot be read.
        LogError: A log cannot be read.
        AuditConfigurationError: No template asks for a parameter, or no metric filter reads the log group.
    """
    from eks_audit_constructs.replay.counting import engine  # DuckDB takes a while to load

    read = template if isinstance(template, Template) else read_template(Path(template), parameters)
    read_as(read, assumed=assume_log_group)  # before the logs are opened, which may take long
    notes: list[str] = []
    with logs.opened(logs_, say=notes.append) as found:
        known = {log_group} if log_group else named_by(found)
        planned = plan(read, read_as(read, assumed=assume_log_group, known=known))
        counted = engine.count(found, planned.questions, sizes=planned.asks_sizes, progress=progress)
        filters = tuple(
            FilterReplay(filter=item.filter, matched=item.matched(counted), error=item.error)
            for item in planned.filters.values()
        )
        alarms = _alarms(read, planned, counted)
        result = Replay(
            template=read,
            planned=planned,
            counted=counted,
            filters=filters,
            alarms=alarms,
            notes=(*_assumptions(planned, found), *read.unread, *notes),
            has_audit_events=any(item.matched for item in filters) or any(map(_has_audit_events, found)),
        )
        yield result, found


def replay(
    template: str | Path | Template,
    logs_: Iterable[str | Path],
    *,
    parameters: Mapping[str, str] | None = None,
    assume_log_group: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Replay:
    """Return what a template's alarms would have done; see `replayed`."""
    with replayed(template, logs_, parameters=parameters, assume_log_group=assume_log_group, progress=progress) as (
        result,
        _,
    ):
        return result


def _alarms(template: Template, planned: Plan, counted: LogCounts) -> tuple[AlarmReplay, ...]:
    """Return what each alarm does, composite alarms after those that they combine."""
    coverage = Coverage(counted.lines)
    results: dict[Key, tuple[Transition, ...] | str] = {}
    composites = []
    for key, item in planned.alarms.items():
        if item.error is not None:
            results[key] = item.error
        elif not counted.lines:
            results[key] = "no event in the logs has a time" if counted.events else ()
        elif item.alarm.rule is not None:
            composites.append(item.alarm)
        else:
            results[key] = tuple(transitions(item.alarm, item.data(counted, coverage)))
    evaluated = {key: changes for key, changes in results.items() if not isinstance(changes, str)}
    start = datetime.fromtimestamp(coverage.first + MINUTE, UTC)  # when the first minute is over
    results |= composite.evaluate(template, composites, evaluated, first=start)
    return tuple(_alarm(item, results[key]) for key, item in planned.alarms.items())


def _alarm(item: PlannedAlarm, result: tuple[Transition, ...] | str) -> AlarmReplay:
    if isinstance(result, str):
        return AlarmReplay(alarm=item.alarm, error=result)
    caveats = (*item.caveats, *(caveat for source in item.filters for caveat in source.caveats))
    return AlarmReplay(alarm=item.alarm, transitions=result, caveats=caveats)


def _assumptions(planned: Plan, logs: Sequence[Log]) -> Iterator[str]:
    """Yield what is assumed about the logs."""
    if len(logs) > 1 and len(named_by(logs)) < 2:
        yield f"{len(logs):,} files, read as one cluster's log"
    if planned.reading.note is not None:
        yield planned.reading.note


def _has_audit_events(log: Log) -> bool:
    values = (event.value for event in events(log))
    return any(isinstance(value, dict) and (value.get("kind") == "Event" or "auditID" in value) for value in values)
