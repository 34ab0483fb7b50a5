"""Logs counted in plain Python: the reference the engine is held to, and its help with what it cannot read.

Both take the same events out of a file: lines that are not blank, in the order they stand. They differ on what no
API server writes: DuckDB also reads NaN and a comma before a closing bracket, and takes the first of equal keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, TypeAlias

import orjson

from eks_audit_constructs.audit_logs.logs import Log, Shape, read_lines
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import Path
from eks_audit_constructs.replay.counting.counts import Answer, LogCounts, Question, Sample
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, Identities

__all__ = ["EXPORT_TIME", "RFC3339", "TIMES", "count"]

TIMES = ("stageTimestamp", "requestReceivedTimestamp")
"""The fields that tell when an audit event was, the first one that does so first."""
_CLOCK = r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
RFC3339 = rf"{_CLOCK}(Z|[+-]\d\d:\d\d)"
"""The times of audit events, as a regular expression that Python and DuckDB read alike."""
EXPORT_TIME = rf"{_CLOCK}Z"
"""The time before each event in an export file."""

_TIME = re.compile(RFC3339)
_EXPORTED = re.compile(rf"({EXPORT_TIME}) ".encode())
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _Event:
    line: bytes
    at: datetime | None
    """The log's own time of it."""


_Hits: TypeAlias = list[tuple[int, float | None]]
"""The questions an event answers, each with the number it holds."""


class _Minutes:
    """What is in each minute."""

    def __init__(self, questions: int) -> None:
        self.lines: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.samples: list[dict[int, Sample]] = [{} for _ in range(questions)]

    def enter(self, minute: int, size: int, hits: _Hits) -> None:
        self.lines[minute] = self.lines.get(minute, 0) + 1
        self.sizes[minute] = self.sizes.get(minute, 0) + size
        for index, number in hits:
            if number is not None:
                sample, known = Sample(1, number, number, number), self.samples[index].get(minute)
                self.samples[index][minute] = known + sample if known else sample


def count(log: Log, questions: Sequence[Question], every: int = 1) -> LogCounts:
    """Count one log's events, minute by minute.

    Args:
        log: The log.
        questions: What to count.
        every: What divides the identities to remember.

    Raises:
        LogError: The log cannot be read to its end.
    """
    tests = [(predicate(question.condition), question.value) for question in questions]
    events = unreadable = untimed = 0
    times: list[datetime] = []
    matched = [0] * len(questions)
    identities = Identities(every)
    minutes = _Minutes(len(questions))
    minute: int | None = None
    early: list[tuple[int, _Hits]] = []  # events before the first that has a time
    for item in _events(log):
        event = _parsed(item.line)
        hits: _Hits = [
            (index, 1.0 if value is None else _number(event, value))
            for index, (test, value) in enumerate(tests)
            if test(item.line, event)
        ]
        for index, _ in hits:
            matched[index] += 1
        events += 1
        unreadable += event is MISSING
        if event is not MISSING:
            identities.add(*(event.get(name) for (name,) in (AUDIT_ID, STAGE)))
        at = item.at or _own_time(event)
        if at is None:
            untimed += 1
        else:
            times = [min(*times, at), max(*times, at)] if times else [at, at]
            minute = (at - _EPOCH) // timedelta(minutes=1) * 60
            for held in early:
                minutes.enter(minute, *held)
            early.clear()
        if minute is None:
            early.append((len(item.line), hits))
        else:
            minutes.enter(minute, len(item.line), hits)
    answers = zip(matched, minutes.samples, strict=True)
    return LogCounts(
        events=events,
        unreadable=unreadable,
        untimed=untimed,
        undated=len(early),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        lines=dict(sorted(minutes.lines.items())),
        sizes=dict(sorted(minutes.sizes.items())),
        answers=tuple(Answer(matched=number, minutes=dict(sorted(series.items()))) for number, series in answers),
        identities=identities.seen(),
        every=every,
    )


def _events(log: Log) -> Iterator[_Event]:
    for line in read_lines(log):
        if not line.strip():
            continue
        exported = _EXPORTED.match(line) if log.shape is Shape.EXPORT else None
        if exported:
            yield _Event(line[exported.end() :], _time(exported[1].decode()))
        else:
            yield _Event(line, None)


def _parsed(line: bytes) -> Any:
    """The JSON object in a line; anything else is no event to a JSON pattern."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        event = _with_huge_numbers(line)
    return event if isinstance(event, dict) else MISSING


def _with_huge_numbers(line: bytes) -> Any:
    """What orjson refuses for a number beyond a double's range."""
    try:
        event = json.loads(line.decode(), parse_constant=_refuse)
        json.dumps(event, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        return MISSING
    return event


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _own_time(event: Any) -> datetime | None:
    if isinstance(event, dict):
        for name in TIMES:
            at = _time(event.get(name))
            if at is not None:
                return at
    return None


def _time(text: object) -> datetime | None:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(event: Any, path: Path) -> float | None:
    value = event
    for segment in path:
        try:
            value = value[segment]
        except (KeyError, IndexError, TypeError):
            return None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
