"""A replay, printed for people or as JSON."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eks_audit_constructs.replay import AlarmReplay, Replay, State

__all__ = ["as_json", "print_report"]

_SHOWN = {"AWS::Logs::MetricFilter", "AWS::CloudWatch::Alarm", "AWS::Logs::QueryDefinition"}
_COLOURS = {State.OK: "green", State.ALARM: "bold red", State.INSUFFICIENT_DATA: "yellow"}


def as_json(result: Replay) -> str:
    """The replay as JSON; filters and alarms that could not be evaluated have an `error`."""
    document = {
        "events": result.counted.events,
        "unreadable": result.counted.unreadable,
        **({"untimed": result.counted.untimed} if result.counted.untimed else {}),
        **({"duplicates": result.counted.duplicates} if result.counted.duplicates else {}),
        **({"duplicates_estimated": True} if result.counted.duplicates_estimated else {}),
        **({"notes": list(result.notes)} if result.notes else {}),
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
    return json.dumps(document, indent=2, ensure_ascii=False)


def print_report(result: Replay, console: Console) -> None:
    """Print what the template holds, what its filters matched, and which alarm did what when."""
    template, counted = result.template, result.counted
    console.print(
        f"[bold]{template.name}[/]: {_number(len(template.filters), 'metric filter')}, "
        f"{_number(len(template.alarms), 'alarm')}, {_number(len(template.queries), 'saved query', 'saved queries')}"
    )
    others = [
        f"{number} {kind.removeprefix('AWS::')}"
        for kind, number in sorted(template.resources.items())
        if kind not in _SHOWN
    ]
    if others:
        console.print(Text(f"Beside them: {', '.join(others)}"))
    span = f", {counted.first:%Y-%m-%d %H:%M:%S} to {counted.last:%Y-%m-%d %H:%M:%S} UTC" if counted.first else ""
    console.print(f"{_number(counted.events, 'event')}{span}")
    for number, what in (
        (counted.unreadable, "no JSON object: only text patterns can match them"),
        (counted.untimed - counted.undated, "without a time: counted in the minute of the event before them"),
        (counted.undated, "without a time, nor has any event of that log one: no alarm saw them"),
    ):
        if number:
            console.print(f"  {number:,} of them {what}", style="yellow")
    if counted.duplicates:
        copies = f"{counted.duplicates_in_words} of them"
        console.print(f"  {copies} came more than once (same auditID and stage): each is counted", style="yellow")
    for note in result.notes:
        console.print(f"  {note}", style="yellow", markup=False)
    if template.skipped:
        console.print(f"  not read, no plain resource: {', '.join(template.skipped)}", style="yellow", markup=False)
    _print_filters(result, console)
    folder = _common_folder([item.alarm.alarm_name for item in result.alarms])
    _print_timeline(result, console, folder)
    _print_queries(result, console, folder)
    _print_rest(result, console, folder)


def _print_filters(result: Replay, console: Console) -> None:
    if not result.filters:
        return
    table = _table("Events", "Metric filter")
    table.columns[0].justify = "right"
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
        console.print("No alarm went off.", style="green")
        return
    table = _table("Time (UTC)", "State", f"Alarm in {folder}" if folder else "Alarm", "Why")
    for change, item in rows:
        state = change.state.value if change.state is not State.INSUFFICIENT_DATA else "NO DATA"
        name = item.alarm.alarm_name.removeprefix(folder)
        moment = f"{change.at:%m-%d %H:%M}" if change.at.second == 0 else f"{change.at:%m-%d %H:%M:%S}"
        table.add_row(moment, Text(state, style=_COLOURS[change.state]), Text(name), Text(change.reason))
    console.print(table)


def _print_queries(result: Replay, console: Console, folder: str) -> None:
    """For each alarm that went off, the saved query that its description names."""
    rows = [
        (item.alarm.alarm_name.removeprefix(folder), query.name)
        for item in result.alarms
        if item.alarmed
        for query in result.template.queries
        if query.name in item.alarm.description
    ]
    if not rows:
        return
    console.print()
    common = _common_folder([query for _, query in rows])
    table = _table("Alarm", f"Saved query to run next, in {common}" if common else "Saved query to run next")
    for alarm, query in rows:
        table.add_row(Text(alarm), Text(query.removeprefix(common)))
    console.print(table)


def _print_rest(result: Replay, console: Console, folder: str) -> None:
    quiet = [
        item.alarm.alarm_name.removeprefix(folder) for item in result.alarms if not item.alarmed and not item.error
    ]
    if quiet:
        console.print()
        console.print(Text(f"Quiet: {', '.join(quiet)}"))
    errors = [(item.filter.filter_name, item.error) for item in result.filters if item.error]
    errors += [(item.alarm.alarm_name, item.error) for item in result.alarms if item.error]
    if errors:
        console.print()
        console.print("Not evaluated:", style="yellow")
        for name, error in errors:
            console.print(Text(f"  {name}: {error}"))


def _common_folder(names: list[str]) -> str:
    """What all names begin with, up to a slash; it takes room and tells nothing in each row."""
    folders = {name.rpartition("/")[0] for name in names}
    return f"{folders.pop()}/" if len(names) > 1 and len(folders) == 1 and "" not in folders else ""


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


def _table(*headers: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        table.add_column(header, no_wrap=header in ("Time (UTC)", "State", "Events"), overflow="fold")
    return table


def _number(count: int, singular: str, plural: str | None = None) -> str:
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"
