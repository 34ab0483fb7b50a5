"""Print a replay, or format it as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.replay import AlarmReplay, Replay, State
from eks_audit_constructs.templates.items import COMPARISONS, Key, labels

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
        **_log_groups(result),
        "filters": [
            {
                "template": item.filter.template,
                "logical_id": item.filter.logical_id,
                "filter_name": item.filter.filter_name,
                "pattern": item.filter.pattern,
                "matched": item.matched,
                **_error(item.error),
                **({"caveats": list(item.filter.caveats)} if item.filter.caveats and not item.error else {}),
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
    if result.unjudged:
        console.print()
        console.print(Text(f"Nothing could be judged: {result.unjudged}.", style="bold yellow"))
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
        events = reports.number(dated, "event has", "events have")
        yield f"{events} no usable time: counted in the minute of the event before"
    if counted.undated:
        events = reports.number(counted.undated, "event has", "events have")
        yield f"{events} no usable time, like all events of the same log: no alarm counts them"
    if counted.duplicates:
        noun = "duplicate" if counted.duplicates == 1 else "duplicates"
        yield f"{counted.duplicates_in_words} {noun} (same auditID and stage): each is counted"
    yield from result.notes
    if result.template.skipped:
        yield f"skipped, not a plain resource: {', '.join(result.template.skipped)}"


def _print_filters(result: Replay, console: Console) -> None:
    if not result.filters:
        return
    several = result.template.several
    table = reports.table("Events", "Metric filter", *(["Stack"] if several else []))
    table.columns[0].justify, table.columns[0].no_wrap = "right", True
    # What an alarm misses when it is not there matches most of a log, and says least.
    missed = {
        item.key
        for planned in result.planned.alarms.values()
        if COMPARISONS.get(planned.alarm.comparison) in ("<", "≤")
        for item in planned.filters
    }
    for item in sorted(result.filters, key=lambda item: (item.filter.key in missed, -item.matched, item.filter.key)):
        stack = [Text(item.filter.template)] if several else []
        table.add_row("-" if item.error else f"{item.matched:,}", Text(item.filter.filter_name), *stack)
    console.print()
    console.print(table)


def _print_timeline(result: Replay, console: Console, folder: str) -> None:
    rows = sorted(
        ((change, item) for item in result.alarms if item.alarmed for change in item.transitions[_first_alarm(item) :]),
        key=lambda row: (row[0].at, row[1].alarm.key),
    )
    if not rows and result.unjudged:
        return
    console.print()
    if not rows:
        unevaluated = len(result.unevaluated)
        if unevaluated or result.template.unread:
            some = f" {reports.number(unevaluated, 'alarm')} could not be evaluated." if unevaluated else ""
            console.print(f"No alarm that was evaluated went off.{some}", style="yellow")
        else:
            console.print("No alarm went off.", style="green")
        return
    several = result.template.several
    headers = [
        "Time (UTC)",
        "State",
        f"Alarm in {folder}" if folder else "Alarm",
        *(["Stack"] if several else []),
        "Why",
    ]
    table = reports.table(*map(escape, headers))
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for change, item in rows:
        state = change.state.value if change.state is not State.INSUFFICIENT_DATA else "NO DATA"
        name = item.alarm.alarm_name.removeprefix(folder)
        moment = f"{change.at:%m-%d %H:%M}" if change.at.second == 0 else f"{change.at:%m-%d %H:%M:%S}"
        stack = [Text(item.alarm.template)] if several else []
        table.add_row(moment, Text(state, style=_COLOURS[change.state]), Text(name), *stack, Text(change.reason))
    console.print(table)


def _print_queries(result: Replay, console: Console, folder: str) -> None:
    """Print the saved queries that the descriptions of alarms name, for those that went off."""
    names = _names(result, folder)
    rows = [
        (names[item.alarm.key], query.name)
        for item in result.alarms
        if item.alarmed
        for query in result.queries_named(item.alarm)
    ]
    if not rows:
        return
    console.print()
    common = reports.folder(query for _, query in rows)
    table = reports.table(
        "Alarm", escape(f"Saved query to run next, in {common}" if common else "Saved query to run next")
    )
    for alarm, query in rows:
        table.add_row(Text(alarm), Text(query.removeprefix(common)))
    console.print(table)


def _print_rest(result: Replay, console: Console, folder: str) -> None:
    names = _names(result, folder)
    quiet = [names[item.alarm.key] for item in result.alarms if not item.alarmed and not item.error]
    if quiet and not result.unjudged:
        console.print()
        console.print(Text(f"Quiet: {', '.join(quiet)}"))
    filters = labels((item.filter for item in result.filters), several=result.template.several)
    alarms = _names(result, "")
    errors = [(filters[item.filter.key], item.error) for item in result.filters if item.error]
    errors += [(alarms[item.alarm.key], item.error) for item in result.alarms if item.error]
    _print_list("Not evaluated:", errors, console)
    if any("no value here" in (error or "") for _, error in errors):
        console.print("  Give a value with --parameter KEY=VALUE.", style="dim")
    _print_list("In doubt:", result.doubts, console)


def _print_list(title: str, rows: Sequence[tuple[str, str | None]], console: Console) -> None:
    if rows:
        console.print()
        console.print(title, style="yellow")
        for name, reason in rows:
            console.print(Text(f"  {name}: {reason}"))


def _names(result: Replay, folder: str) -> dict[Key, str]:
    """Return the names of the alarms without the folder that all are in, each with its stack if there are several."""
    return {
        key: name.removeprefix(folder)
        for key, name in labels((item.alarm for item in result.alarms), several=result.template.several).items()
    }


def _first_alarm(item: AlarmReplay) -> int:
    return next(index for index, change in enumerate(item.transitions) if change.state is State.ALARM)


def _alarm(item: AlarmReplay) -> dict[str, Any]:
    metric = item.alarm.metric
    return {
        "template": item.alarm.template,
        "logical_id": item.alarm.logical_id,
        "alarm_name": item.alarm.alarm_name,
        "metric": f"{metric.namespace}/{metric.name}" if metric else None,
        **({"expression": item.alarm.expression} if item.alarm.expression else {}),
        "transitions": [
            {"at": f"{change.at:%Y-%m-%dT%H:%M:%SZ}", "state": change.state.value, "reason": change.reason}
            for change in item.transitions
        ],
        "alarmed": item.alarmed,
        **({"evaluated": False} if item.error else {}),
        **_error(item.error),
        **({"caveats": list(item.caveats)} if item.caveats else {}),
    }


def _log_groups(result: Replay) -> dict[str, list[str]]:
    """Return the log groups as whose log the logs were read."""
    groups = [group.name for group in result.planned.reading.groups]
    return {"log_groups": groups} if groups else {}


def _error(error: str | None) -> dict[str, str]:
    return {"error": error} if error else {}
