"""Read the events of a log in plain Python: the reference for DuckDB, and the fallback for files it cannot read.

Both read the same events from a file: the lines that are not blank, in their order. They differ only on JSON that no
API server writes: DuckDB also accepts NaN and a comma before a closing bracket, and uses the first of duplicate keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eks_audit_constructs.audit_logs.json_line import parsed
from eks_audit_constructs.audit_logs.logs import Log, Shape, read_lines
from eks_audit_constructs.conditions.evaluation import MISSING

__all__ = ["EXPORT_TIME", "RFC3339", "TIMES", "Event", "events"]

TIMES = ("stageTimestamp", "requestReceivedTimestamp")
"""The fields with the time of an audit event, in order of preference."""
_CLOCK = r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
RFC3339 = rf"{_CLOCK}(Z|[+-]\d\d:\d\d)"
"""A regular expression for the times of audit events; Python and DuckDB interpret it alike."""
EXPORT_TIME = rf"{_CLOCK}Z"
"""The time before each event in an export file."""

_TIME = re.compile(RFC3339)
_EXPORTED = re.compile(rf"({EXPORT_TIME}) ".encode())
_CALENDAR = range(100, 9900)
"""Years of usable times, so that all periods a query may use begin and end in years of four digits."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a log."""

    line: bytes
    """The line, without the time before it in an export file."""
    value: Any
    """The JSON object in the line; `MISSING` for any other line, which no JSON pattern matches."""
    at: datetime | None
    """The time from the log, else from the event; None if neither has one."""


def events(log: Log) -> Iterator[Event]:
    """Yield the events of a log.

    Raises:
        LogError: The log cannot be read.
    """
    for line in read_lines(log):
        if not line.strip():
            continue
        exported = _EXPORTED.match(line) if log.shape is Shape.EXPORT else None
        message = line[exported.end() :] if exported else line
        value = parsed(message)
        times: list[Any] = [exported[1].decode()] if exported else []
        if value is not MISSING:
            times += [value.get(name) for name in TIMES]
        yield Event(message, value, next((at for text in times if (at := _time(text)) is not None), None))


def _time(text: object) -> datetime | None:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _CALENDAR else None
