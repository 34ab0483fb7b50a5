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
from typing import TYPE_CHECKING

from eks_audit_constructs import reports
from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import Log, Source
from eks_audit_constructs.replay import composite
from eks_audit_constructs.replay.alarms import State, Transition, transitions
from eks_audit_constructs.replay.counting.counts import MINUTE, LogCounts
from eks_audit_constructs.replay.log_group import Group, read_as, told
from eks_audit_constructs.replay.plan import Plan, PlannedAlarm, plan
from eks_audit_constructs.templates.items import Alarm, Key, MetricFilter, SavedQuery, Template, labels
from eks_audit_constructs.templates.template import read_template

if TYPE_CHECKING:
    from eks_audit_constructs.replay.counted import Counted

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
    """The counts of all logs."""
    groups: Mapping[Group, LogCounts]
    """The counts of the logs of each log group."""
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

    def counts_of(self, alarm: Alarm) -> LogCounts:
        """Return the counts of the logs that an alarm watches; a composite alarm depends on all logs."""
        group = self.planned.alarms[alarm.key].group
        return self.counted if group is None else self.groups[group]

    @property
    def doubts(self) -> list[tuple[str, str]]:
        """Why what was evaluated is in doubt: names of metric filters and alarms, each with its reason."""
        several = self.template.several
        filters = labels((item.filter for item in self.filters), several=several)
        alarms = labels((item.alarm for item in self.alarms), several=several)
        own = self.planned.alarms
        found = [
            (filters[item.filter.key], why) for item in self.filters if not item.error for why in item.filter.caveats
        ]
        return found + [(alarms[item.alarm.key], why) for item in self.alarms for why in own[item.alarm.key].caveats]

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
    logs_: Iterable[Source],
    *,
    parameters: Mapping[str, str] | None = None,
    assume_log_group: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[Replay, Sequence[Log]]]:
    """Yield what a template's alarms would have done, and the logs, which stay open until the context ends.

    Args:
        template: A CloudFormation template (JSON or YAML) or a `cdk.out` folder; or a template already read.
        logs_: Audit logs: files, folders, or `-` for standard input.
        parameters: Values of what only a deployment knows; see `read_template`.
        assume_log_group: The log group of the logs that do not tell theirs, or tell one that no metric filter reads.
        progress: Called with the fraction of the logs that is read, 0 to 1.

    Raises:
        TemplateError: The template cannot be read.
        LogError: A log cannot be read.
        AuditConfigurationError: No template asks for a parameter, or no metric filter reads the log group.
    """
    from eks_audit_constructs.replay import counted  # DuckDB takes a while to load

    read = template if isinstance(template, Template) else read_template(Path(template), parameters)
    read_as(read, assumed=assume_log_group)  # before the logs are opened, which may take long
    notes: list[str] = []
    with logs.opened(logs_, say=notes.append) as found:
        planned = plan(read, read_as(read, assumed=assume_log_group, names=map(told, found)))
        counts = counted.count(found, planned, progress=progress)
        filters = tuple(
            FilterReplay(filter=item.filter, matched=item.matched(counts.whole), error=item.error)
            for item in planned.filters.values()
        )
        alarms = _alarms(read, planned, counts)
        result = Replay(
            template=read,
            planned=planned,
            counted=counts.whole,
            groups=counts.groups,
            filters=filters,
            alarms=alarms,
            notes=(*_assumptions(planned, found), *read.notes, *notes),
            has_audit_events=any(item.matched for item in filters) or any(map(_has_audit_events, found)),
        )
        yield result, found


def replay(
    template: str | Path | Template,
    logs_: Iterable[Source],
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


def _alarms(template: Template, planned: Plan, counts: Counted) -> tuple[AlarmReplay, ...]:
    """Return what each alarm does, composite alarms after those that they combine."""
    results: dict[Key, tuple[Transition, ...] | str] = {}
    composites = []
    for key, item in planned.alarms.items():
        if item.error is not None:
            results[key] = item.error
            continue
        counted = counts.whole if item.group is None else counts.groups[item.group]
        if not counted.lines:
            results[key] = "no event in the logs has a usable time" if counted.events else ()
        elif item.alarm.rule is not None:
            composites.append(item.alarm)
        else:
            results[key] = tuple(transitions(item.alarm, item.data(counted)))
    evaluated = {key: changes for key, changes in results.items() if not isinstance(changes, str)}
    start = datetime.fromtimestamp(counts.whole.coverage.first + MINUTE, UTC)  # when the first minute is over
    results |= composite.evaluate(template, composites, evaluated, first=start)
    return tuple(_alarm(item, results[key]) for key, item in planned.alarms.items())


def _alarm(item: PlannedAlarm, result: tuple[Transition, ...] | str) -> AlarmReplay:
    if isinstance(result, str):
        return AlarmReplay(alarm=item.alarm, error=result)
    caveats = (*item.caveats, *(caveat for source in item.filters for caveat in source.caveats))
    return AlarmReplay(alarm=item.alarm, transitions=result, caveats=caveats)


def _assumptions(planned: Plan, logs: Sequence[Log]) -> Iterator[str]:
    """Yield what is assumed about the logs."""
    if len(logs) > 1 and {*map(told, logs)} == {None}:
        yield f"{len(logs):,} files, read as one cluster's log"
    yield from planned.reading.notes


def _has_audit_events(log: Log) -> bool:
    values = (event.value for event in events(log))
    return any(isinstance(value, dict) and (value.get("kind") == "Event" or "auditID" in value) for value in values)
