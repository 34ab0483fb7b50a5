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


def python(tuning: Tuning, template: str | None = None) -> str | None:
    """Return changes of the default tier as Python for `EksAudit(detections=...)`; None if there are none.

    Args:
        tuning: The advice.
        template: Only the changes of this template. Default: all.
    """
    lines = []
    for advice in _pasted(tuning, template):
        detection = f"catalog.get({_quoted(advice.subject.id)})"
        if numbers := _numbers(advice):
            detection += f".tuned({', '.join(f'{name}={number}' for name, number in numbers.items())})"
        if advice.exclude is not None:
            detection += f'.excluding(field("user.username") == {_quoted(advice.exclude)})'
        lines.append(f"    {detection},")
    return "\n".join(["detections=catalog.DEFAULT.replacing(", *lines, ")"]) if lines else None


def cdk_json(tuning: Tuning, template: str | None = None) -> str | None:
    """Return changes of the default tier as JSON for the context key `detections`; None if there are none.

    Args:
        tuning: The advice.
        template: Only the changes of this template. Default: all.
    """
    choices: dict[str, dict[str, Any]] = {}
    for advice in _pasted(tuning, template):
        choice = choices.setdefault(advice.subject.id, {})
        choice |= _numbers(advice)
        if advice.exclude is not None:
            choice["excluding"] = {"user.username": advice.exclude}
    return reports.as_json({"detections": choices}) if choices else None


def _numbers(advice: Advice) -> dict[str, int]:
    """Return the numbers to tune, with those in which the alarm already differs from the catalogue."""
    if advice.threshold == advice.present.threshold or advice.subject.detection is None:
        return {}
    minutes, periods = advice.subject.looks_back
    numbers = {"threshold": advice.threshold, "period": minutes, "evaluation_periods": periods}
    detection = advice.subject.detection
    return {name: number for name, number in numbers.items() if number != getattr(detection, name)}


def _pasted(tuning: Tuning, template: str | None) -> list[Advice]:
    return [
        advice
        for advice in tuning.advice
        if advice.changes and advice.subject.id in catalog.DEFAULT and advice.subject.on
        if template is None or advice.template == template
    ]


def _templates(tuning: Tuning) -> list[str | None]:
    """Return the templates whose changes are to be pasted apart; None for all changes at once."""
    return [*sorted({advice.template for advice in tuning.advice})] if tuning.several else [None]


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
        **_changes(tuning),
    }
    return reports.as_json(document)


def _changes(tuning: Tuning) -> dict[str, Any]:
    """Return the changes to paste: by template, if there are several."""
    code = {template: python(tuning, template) for template in _templates(tuning)}
    context = {template: json.loads(cdk_json(tuning, template) or "null") for template in code}
    return (
        {"python": code, "cdk_json": context} if tuning.several else {"python": code[None], "cdk_json": context[None]}
    )


def _document(advice: Advice) -> dict[str, Any]:
    return {
        "template": advice.template,
        "id": advice.subject.id,
        "on": advice.subject.on,
        "events": advice.events,
        "peak": advice.peak,
        "period_minutes": advice.subject.looks_back[0],
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
        _print_table(busy, console, several=tuning.several)
    for advice in busy:
        if advice.changes or advice.noisy:
            _print_details(advice, console, several=tuning.several)
    console.print()
    quiet = [_name(advice, several=tuning.several) for advice in tuning.advice if not advice.events]
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


def _print_table(busy: list[Advice], console: Console, *, several: bool) -> None:
    table = reports.table("Detection")  # the only column that folds: a truncated number is wrong
    table.add_column("On", no_wrap=True)
    for header in ("Events", "Peak", "At", "Alarms", "In alarm"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("Advice", no_wrap=True)
    for advice in busy:
        present, minutes = advice.present, advice.subject.looks_back[0]
        style = "bold red" if advice.noisy else ""
        table.add_row(
            Text(_name(advice, several=several)),
            "yes" if advice.subject.on else "",
            f"{advice.events:,}",
            f"{advice.peak:,} in {reports.duration(minutes * 60)}",
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


def _print_details(advice: Advice, console: Console, *, several: bool) -> None:
    console.print()
    console.print(Text.assemble((_name(advice, several=several), "bold"), f": {advice.grounds}"))
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


def _name(advice: Advice, *, several: bool) -> str:
    return f"{advice.subject.id} ({advice.template})" if several else advice.subject.id


def _print_lines(tuning: Tuning, console: Console) -> None:
    for template in _templates(tuning):
        code, context = python(tuning, template), cdk_json(tuning, template)
        if code is None or context is None:
            continue
        of = "" if template is None else f" of {template}"
        console.print(Text.assemble("\n", ("In Python", "bold"), f", for EksAudit{of}:"))
        console.print(reports.indented(Text(code)))
        console.print(Text.assemble(("Or in the context", "bold"), f" of cdk.json{of and f', for {template}'}:"))
        console.print(reports.indented(Text(context)))
