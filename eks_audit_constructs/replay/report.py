"""Print a replay, or format it as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.replay import AlarmReplay, Replay, State

__all__ = ["as_json", "print_report"]

_SHOWN = {"AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm", "AWS::Logs::QueryDefinition"}
_COLOURS = {State.OK: "green", State.ALARM: "bold red", State.INSUFFICIENT_DATA: "yellow"}


def as_json(result: Replay) -> str:
    """Format a replay as JSON; metric filters and alarms that could not be evaluated have an `error`."""
    document = {
        "events": result.counted.events,
        "unreadable": result.counted.unreadable,
        **({"untimed": result.counted.untimed} if result.counted.untimed else {}),
        **({"duplicates": result.counted.duplicates} if result.counted.duplicates else {}),
        **({"duplicates_estimated": True} if result.counted.duplicates_estimated else {}),
        **({"notes": list(result.notes)} if result.notes else {}),
        **({"unjudged": result.unjudged} if result.unjudged else {}),
        "filters": [
            {
                "logical_id": item.filter.logical_id,
                "filter_name": item.filter.filter_name,
                "pattern": item.filter.pattern,
                "matched": item.matched,
                **_error(item.error),
            }
            for item in result.filters
        ],
        "alarms": [_alarm(item) for item in result.alarms],
    }
    return reports.as_json(document)


def print_report(result: Replay, console: Console) -> None:
    """Print what the template contains, what its metric filters matched, and what its alarms did when."""
    template, counted = result.template, result.counted
    holds = (
        reports.number(len(template.filters), "metric filter"),
        reports.number(len(template.alarms), "alarm"),
        reports.number(len(template.queries), "saved query", "saved queries"),
    )
    console.print(Text.assemble((template.name, "bold"), f": {', '.join(holds)}"))
    others = [
        f"{number} {kind.removeprefix('AWS::')}"
        for kind, number in sorted(template.resources.items())
        if kind not in _SHOWN
    ]
    if others:
        console.print(Text(f"Beside them: {', '.join(others)}"))
    console.print(f"{reports.number(counted.events, 'event')}{reports.span(counted.first, counted.last)}")
    reports.print_notes(_notes(result), console)
    _print_filters(result, console)
    folder = reports.folder(item.alarm.alarm_name for item in result.alarms)
    _print_timeline(result, console, folder)
    _print_queries(result, console, folder)
    _print_rest(result, console, folder)


def _notes(result: Replay) -> Iterator[str]:
    counted = result.counted
    if counted.unreadable:
        lines = reports.number(counted.unreadable, "line is not a JSON object", "lines are not JSON objects")
        yield f"{lines}: only text patterns can match them"
    if dated := counted.untimed - counted.undated:
        yield f"{reports.number(dated, 'event has', 'events have')} no time: counted in the minute of the event before"
    if counted.undated:
        events = reports.number(counted.undated, "event has", "events have")
        yield f"{events} no time, like all events of the same log: no alarm counts them"
    if counted.duplicates:
        noun = "duplicate" if counted.duplicates == 1 else "duplicates"
        yield f"{counted.duplicates_in_words} {noun} (same auditID and stage): each is counted"
    yield from result.notes
    if result.template.skipped:
        yield f"skipped, not a plain resource: {', '.join(result.template.skipped)}"


def _print_filters(result: Replay, console: Console) -> None:
    if not result.filters:
        return
    table = reports.table("Events", "Metric filter")
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    for item in sorted(result.filters, key=lambda item: (-item.matched, item.filter.logical_id)):
        table.add_row("-" if item.error else f"{item.matched:,}", Text(item.filter.filter_name))
    console.print()
    console.print(table)


def _print_timeline(result: Replay, console: Console, folder: str) -> None:
    rows = sorted(
        ((change, item) for item in result.alarms if item.alarmed for change in item.transitions[_first_alarm(item) :]),
        key=lambda row: (row[0].at, row[1].alarm.logical_id),
    )
    console.print()
    if not rows:
        if result.unjudged:
            console.print(Text(f"Nothing could be judged: {result.unjudged}.", style="yellow"))
        else:
            console.print("No alarm went off.", style="green")
        return
    table = reports.table("Time (UTC)", "State", f"Alarm in {folder}" if folder else "Alarm", "Why")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for change, item in rows:
        state = change.state.value if change.state is not State.INSUFFICIENT_DATA else "NO DATA"
        name = item.alarm.alarm_name.removeprefix(folder)
        moment = f"{change.at:%m-%d %H:%M}" if change.at.second == 0 else f"{change.at:%m-%d %H:%M:%S}"
        table.add_row(moment, Text(state, style=_COLOURS[change.state]), Text(name), Text(change.reason))
    console.print(table)


def _print_queries(result: Replay, console: Console, folder: str) -> None:
    """Print the saved queries that the descriptions of alarms name, for those that went off."""
    rows = [
        (item.alarm.alarm_name.removeprefix(folder), query.name)
        for item in result.alarms
        if item.alarmed
        for query in reports.queries_named(item.alarm.description, result.template.queries)
    ]
    if not rows:
        return
    console.print()
    common = reports.folder(query for _, query in rows)
    table = reports.table("Alarm", f"Saved query to run next, in {common}" if common else "Saved query to run next")
    for alarm, query in rows:
        table.add_row(Text(alarm), Text(query.removeprefix(common)))
    console.print(table)


def _print_rest(result: Replay, console: Console, folder: str) -> None:
    quiet = [
        item.alarm.alarm_name.removeprefix(folder) for item in result.alarms if not item.alarmed and not item.error
    ]
    if quiet and not result.unjudged:
        console.print()
        console.print(Text(f"Quiet: {', '.join(quiet)}"))
    errors = [(item.filter.filter_name, item.error) for item in result.filters if item.error]
    errors += [(item.alarm.alarm_name, item.error) for item in result.alarms if item.error]
    if errors:
        console.print()
        console.print("Not evaluated:", style="yellow")
        for name, error in errors:
            console.print(Text(f"  {name}: {error}"))


def _first_alarm(item: AlarmReplay) -> int:
    return next(index for index, change in enumerate(item.transitions) if change.state is State.ALARM)


def _alarm(item: AlarmReplay) -> dict[str, Any]:
    metric = item.alarm.metric
    return {
        "logical_id": item.alarm.logical_id,
        "alarm_name": item.alarm.alarm_name,
        "metric": f"{metric.namespace}/{metric.name}" if metric else None,
        "transitions": [
            {"at": f"{change.at:%Y-%m-%dT%H:%M:%SZ}", "state": change.state.value, "reason": change.reason}
            for change in item.transitions
        ],
        "alarmed": item.alarmed,
        **({"evaluated": False} if item.error else {}),
        **_error(item.error),
    }


def _error(error: str | None) -> dict[str, str]:
    return {"error": error} if error else {}
