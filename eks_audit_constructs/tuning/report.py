"""Print advice, or format it as JSON, with the lines to paste."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import catalog, reports
from eks_audit_constructs.replay.matches import Top
from eks_audit_constructs.tuning import Advice, Tuning

__all__ = ["as_json", "cdk_json", "print_tuning", "python"]

_BUSIEST = 5


def python(tuning: Tuning) -> str | None:
    """Return changes of the default tier as Python for `EksAudit(detections=...)`; None if there are none."""
    lines = []
    for advice in _pasted(tuning):
        detection = f"catalog.get({_quoted(advice.subject.id)})"
        if advice.threshold != advice.present.threshold:
            detection += f".tuned(threshold={advice.threshold})"
        if advice.exclude is not None:
            detection += f'.excluding(field("user.username") == {_quoted(advice.exclude)})'
        lines.append(f"    {detection},")
    return "\n".join(["detections=catalog.DEFAULT.replacing(", *lines, ")"]) if lines else None


def cdk_json(tuning: Tuning) -> str | None:
    """Return changes of the default tier as JSON for the context key `detections`; None if there are none."""
    choices: dict[str, dict[str, Any]] = {}
    for advice in _pasted(tuning):
        choice = choices.setdefault(advice.subject.id, {})
        if advice.threshold != advice.present.threshold:
            choice["threshold"] = advice.threshold
        if advice.exclude is not None:
            choice["excluding"] = {"user.username": advice.exclude}
    return reports.as_json({"detections": choices}) if choices else None


def _pasted(tuning: Tuning) -> list[Advice]:
    return [
        advice
        for advice in tuning.advice
        if advice.changes and advice.subject.id in catalog.DEFAULT and advice.subject.on
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def as_json(tuning: Tuning) -> str:
    """Format the result as JSON."""
    document = {
        "events": tuning.counted.events,
        "unreadable": tuning.counted.unreadable,
        **({"duplicates": tuning.counted.duplicates} if tuning.counted.duplicates else {}),
        **({"duplicates_estimated": True} if tuning.counted.duplicates_estimated else {}),
        **({"notes": list(tuning.notes)} if tuning.notes else {}),
        "days": round(tuning.days, 3),
        "detections": [_document(advice) for advice in tuning.advice],
        "untried": dict(tuning.untried),
        "python": python(tuning),
        "cdk_json": json.loads(cdk_json(tuning) or "null"),
    }
    return reports.as_json(document)


def _document(advice: Advice) -> dict[str, Any]:
    return {
        "id": advice.subject.id,
        "on": advice.subject.on,
        "events": advice.events,
        "peak": advice.peak,
        "period_minutes": advice.subject.alarm.period // 60,
        "threshold": advice.present.threshold,
        "suggested": {"threshold": advice.threshold, "excluding": advice.exclude, "grounds": advice.grounds},
        "thresholds": [
            {
                "threshold": outcome.threshold,
                "alarms": len(outcome.alarms),
                "minutes_in_alarm": round(outcome.lasted.total_seconds() / 60),
                "alarms_a_week": advice.a_week(outcome),
                "at": [f"{at:%Y-%m-%dT%H:%MZ}" for at in outcome.alarms],
            }
            for outcome in advice.outcomes
        ],
        "principals": [{"name": name, "events": events} for name, events in advice.behind.by_principal.rows],
        "addresses": [{"name": name, "events": events} for name, events in advice.behind.by_address.rows],
    }


def print_tuning(tuning: Tuning, console: Console) -> None:
    """Print what each detection would have done, and what to change."""
    counted = tuning.counted
    console.print(f"{reports.number(counted.events, 'event')}{reports.span(counted.first, counted.last)}")
    reports.print_notes(_notes(tuning), console)
    console.print(
        "This advice assumes that the logs show ordinary operation. First check who caused the events.", style="dim"
    )
    console.print()

    busy = [advice for advice in tuning.advice if advice.events]
    if busy:
        _print_table(busy, console)
    for advice in busy:
        if advice.changes or advice.noisy:
            _print_details(advice, console)
    console.print()
    quiet = [advice.subject.id for advice in tuning.advice if not advice.events]
    if quiet:
        console.print(Text.assemble(("No events:", "dim"), f" {', '.join(quiet)}"))
    silent = [advice for advice in tuning.advice if not advice.subject.on and not advice.present.alarms]
    if silent:
        title = "Off by default, and would not have gone off:"
        console.print(Text.assemble((title, "dim"), f" {reports.number(len(silent), 'detection')}"))
    for id, reason in tuning.untried.items():
        console.print(Text.assemble(("Not tried:", "dim"), f" {id}: {reason}"))
    _print_lines(tuning, console)


def _notes(tuning: Tuning) -> Iterator[str]:
    counted = tuning.counted
    if counted.unreadable:
        lines = reports.number(counted.unreadable, "line is not a JSON object", "lines are not JSON objects")
        yield f"{lines}: no detection can match them"
    if counted.duplicates:
        noun = "duplicate" if counted.duplicates == 1 else "duplicates"
        counts = "each is counted, so repeated events look more frequent than they were"
        yield f"{counted.duplicates_in_words} {noun} (same auditID and stage): {counts}"
    yield from tuning.notes
    if tuning.days < 1:
        yield "less than a day of logs: too little to judge a week"


def _print_table(busy: list[Advice], console: Console) -> None:
    table = reports.table("Detection")  # the only column that folds: a truncated number is wrong
    table.add_column("On", no_wrap=True)
    for header in ("Events", "Peak", "At", "Alarms", "In alarm"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Advice", no_wrap=True)
    for advice in busy:
        present, period = advice.present, advice.subject.alarm.period
        style = "bold red" if advice.noisy else ""
        table.add_row(
            Text(advice.subject.id),
            "yes" if advice.subject.on else "",
            f"{advice.events:,}",
            f"{advice.peak:,} in {reports.duration(period)}",
            f"{present.threshold:,}",
            Text(f"{len(present.alarms):,}", style=style),
            Text(reports.duration(present.lasted.total_seconds()) if present.alarms else "", style=style),
            _suggested(advice),
        )
    console.print(table)


def _suggested(advice: Advice) -> str:
    if advice.exclude is not None:
        return "exclude"
    if advice.changes:
        return f"at {advice.threshold}"
    return "look" if advice.noisy else ""


def _print_details(advice: Advice, console: Console) -> None:
    console.print()
    console.print(Text.assemble((advice.subject.id, "bold"), f": {advice.grounds}"))
    table = reports.table(style="dim")
    for header in ("Threshold", "Alarms", "Per week", "In alarm"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("When")
    for outcome in advice.outcomes:
        mark = " (suggested)" if outcome.threshold == advice.threshold and advice.changes and not advice.exclude else ""
        mark = mark or (" (now)" if outcome.threshold == advice.present.threshold else "")
        a_week = advice.a_week(outcome)
        table.add_row(
            f"{outcome.threshold:,}{mark}",
            f"{len(outcome.alarms):,}",
            "?" if a_week is None else f"{a_week:.1f}",
            reports.duration(outcome.lasted.total_seconds()) if outcome.alarms else "",
            reports.listed([f"{at:%m-%d %H:%M}" for at in outcome.alarms[:_BUSIEST]], of=len(outcome.alarms)),
        )
    console.print(reports.indented(table))
    for title, top in (("Who", advice.behind.by_principal), ("From", advice.behind.by_address)):
        console.print(reports.indented(Text(f"{title}: {_top(top)}")))


def _top(top: Top) -> str:
    rows = [f"{name or 'not authenticated'} ({events:,})" for name, events in top.rows[:_BUSIEST]]
    return reports.listed(rows, of=top.distinct)


def _print_lines(tuning: Tuning, console: Console) -> None:
    code, context = python(tuning), cdk_json(tuning)
    if code is None or context is None:
        return
    console.print("\n", Text("In Python", style="bold"), ", for EksAudit:", sep="")
    console.print(reports.indented(Text(code)))
    console.print(Text("Or in the context", style="bold"), "of cdk.json:")
    console.print(reports.indented(Text(context)))
