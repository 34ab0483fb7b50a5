"""The events of a log, read in plain Python: what DuckDB's reading is held to, and what reads what DuckDB cannot.

Both take the same events out of a file: lines that are not blank, in the order they stand. They differ on what no
API server writes: DuckDB also reads NaN and a comma before a closing bracket, and takes the first of equal keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from eks_audit_constructs.audit_logs.logs import Log, Shape, read_lines
from eks_audit_constructs.conditions.evaluation import MISSING

__all__ = ["EXPORT_TIME", "RFC3339", "TIMES", "Event", "events"]

TIMES = ("stageTimestamp", "requestReceivedTimestamp")
"""The fields that tell when an audit event was, the first one that does so first."""
_CLOCK = r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
RFC3339 = rf"{_CLOCK}(Z|[+-]\d\d:\d\d)"
"""The times of audit events, as a regular expression that Python and DuckDB read alike."""
EXPORT_TIME = rf"{_CLOCK}Z"
"""The time before each event in an export file."""

_TIME = re.compile(RFC3339)
_EXPORTED = re.compile(rf"({EXPORT_TIME}) ".encode())
_CALENDAR = range(100, 9900)
"""Years of usable times: all periods that a query may ask for begin and end in years of four digits."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a log."""

    line: bytes
    """Without the time before it in an export file."""
    value: Any
    """The JSON object in the line, or `MISSING`: anything else is no event to a JSON pattern."""
    at: datetime | None
    """When it was, by the log or else by itself; none if neither says so."""


def events(log: Log) -> Iterator[Event]:
    """The events of a log.

    Raises:
        LogError: The log cannot be read.
    """
    for line in read_lines(log):
        if not line.strip():
            continue
        exported = _EXPORTED.match(line) if log.shape is Shape.EXPORT else None
        message = line[exported.end() :] if exported else line
        value = _parsed(message)
        times: list[Any] = [exported[1].decode()] if exported else []
        if value is not MISSING:
            times += [value.get(name) for name in TIMES]
        yield Event(message, value, next((at for text in times if (at := _time(text)) is not None), None))


def _parsed(line: bytes) -> Any:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        value = _with_huge_numbers(line)
    return value if isinstance(value, dict) else MISSING


def _with_huge_numbers(line: bytes) -> Any:
    """What orjson refuses for a number beyond a double's range."""
    try:
        value = json.loads(line.decode(), parse_constant=_refuse)
        json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        return MISSING
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _time(text: object) -> datetime | None:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year in _CALENDAR else None
