"""Print detections of the catalogue, or format them as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from eks_audit_constructs import catalog, reports
from eks_audit_constructs.catalog import Detection, Guard, Severity, Silence
from eks_audit_constructs.catalog.samples import Sample, samples
from eks_audit_constructs.conditions import insights
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.conditions.sql import ATHENA, DUCKDB, Dialect, select

__all__ = ["as_json", "document", "print_detection", "print_detections", "tier"]

_DIALECTS = {DUCKDB: "SQL for DuckDB", ATHENA: "SQL for Athena"}
_COLOURS = {Severity.HIGH: "bold red", Severity.MEDIUM: "yellow", Severity.LOW: "cyan"}


def as_json(detections: Iterable[Detection]) -> str:
    """Format the detections as a JSON list."""
    return reports.as_json([document(detection) for detection in detections])


def print_detections(detections: Iterable[Detection], console: Console) -> None:
    """Print a table with a line for each detection."""
    table = reports.table("Detection", "Tier", "Severity", "Alarm at", "What happened")
    for column in table.columns[1:4]:
        column.no_wrap = True
    for detection in detections:
        severity = Text(detection.severity.value, style=_COLOURS[detection.severity])
        table.add_row(detection.id, tier(detection), severity, _alarm_at(detection), detection.title)
    console.print(table)


def print_detection(detection: Detection, console: Console) -> None:
    """Print everything about a detection: what it matches, in every language, sample events, and what to do."""
    console.print(
        Text(detection.title, style="bold"),
        Text(f"({detection.severity.value} severity)", style=_COLOURS[detection.severity]),
    )
    console.print(f"{detection.what} {detection.why}")
    _section(console, "Do this", Text(detection.next_steps))
    _section(console, "Alarm", Text(f"{_alarm_at(detection)}. {detection.grounds}"))
    if detection.false_positives:
        _section(console, "Harmless when", Group(*(Text(f"- {case}") for case in detection.false_positives)))
    if detection.blind_spots:
        _section(console, "Not seen", Group(*(Text(f"- {spot}") for spot in detection.blind_spots)))
    if detection.guards:
        _section(console, "Not counted", Group(*(Text(f"- {_guarded(guard)}") for guard in detection.guards)))
    if detection.techniques:
        links = (f"{id} https://attack.mitre.org/techniques/{id.replace('.', '/')}/" for id in detection.techniques)
        _section(console, "MITRE ATT&CK", Group(*map(Text, links)))
    if detection.pattern is not None:
        _section(console, "Filter pattern", Text(detection.pattern))
    _section(console, f"Logs Insights: {detection.saved_query.title}", Text(detection.saved_query.text))
    for dialect, title in _DIALECTS.items():
        if text := _sql(detection, dialect):
            _section(
                console, title, Syntax(text, "sql", theme="ansi_light", background_color="default", word_wrap=True)
            )
    for matches, title in ((True, "Counts"), (False, "Does not count")):
        if events := [sample for sample in samples(detection.id) if sample.matches is matches]:
            _section(console, title, Group(*(_event(sample) for sample in events)))


def tier(detection: Detection) -> Literal["default", "extended", "query"]:
    """Return the tier of a detection."""
    if detection.id in catalog.DEFAULT:
        return "default"
    return "extended" if detection.id in catalog.EXTENDED else "query"


def _section(console: Console, title: str, body: RenderableType) -> None:
    console.print()
    console.print(Text(title, style="bold"))
    console.print(reports.indented(body))


def _guarded(guard: Guard) -> str:
    agent = f" with user agent {guard.agent}*" if guard.agent else ""
    only = f" where {insights.filter_clause(guard.only, where='guard')}" if guard.only is not None else ""
    return f"{guard.user}{agent}{only}: {guard.why[0].lower()}{guard.why[1:]}"


def _alarm_at(detection: Detection) -> str:
    if isinstance(detection.condition, Silence):
        few = "nothing" if detection.threshold == 1 else f"under {detection.threshold}"
        return f"{few} in {detection.period * detection.datapoints_to_alarm} min"
    return f"{detection.threshold} in {detection.period} min"


def _sql(detection: Detection, dialect: Dialect) -> str | None:
    if not isinstance(detection.counted, Expression):
        return None
    return select(detection.counted, dialect=dialect, table="audit_log")


def _event(sample: Sample) -> Text:
    if sample.text is not None:
        return Text(f"- {sample.says}: {sample.text}")
    event = sample.logged
    code = event.get("responseStatus", {}).get("code", "")
    user = event["user"].get("username", "not authenticated")
    line = f"- {sample.says}: {user} {event['verb']} {event['requestURI']} {code} ({event['stage']})"
    return Text(line)


def document(detection: Detection) -> dict[str, Any]:
    """Return everything about a detection, as plain data."""
    return {
        "id": detection.id,
        "tier": tier(detection),
        "title": detection.title,
        "severity": detection.severity.value,
        "what": detection.what,
        "why": detection.why,
        "next_steps": detection.next_steps,
        "techniques": list(detection.techniques),
        "alarm_at": _alarm_at(detection),
        "threshold": detection.threshold,
        "period_minutes": detection.period,
        "evaluation_periods": detection.evaluation_periods,
        "datapoints_to_alarm": detection.datapoints_to_alarm,
        "grounds": detection.grounds,
        "false_positives": list(detection.false_positives),
        "blind_spots": list(detection.blind_spots),
        "guards": [_guarded(guard) for guard in detection.guards],
        "tags": list(detection.tags),
        "pattern": detection.pattern,
        "query": {
            "id": detection.saved_query.id,
            "title": detection.saved_query.title,
            "text": detection.saved_query.text,
        },
        "sql": {"duckdb": _sql(detection, DUCKDB), "athena": _sql(detection, ATHENA)},
        "samples": [
            {"matches": sample.matches, "says": sample.says, "source": sample.source, "event": sample.logged}
            for sample in samples(detection.id)
        ],
    }
