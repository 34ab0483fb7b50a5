"""Count logs in plain Python: the reference for the engine, and its fallback for files that it cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, TypeAlias

from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import Path
from eks_audit_constructs.replay.counting.counts import Answer, LogCounts, Question, Sample
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, Identities

__all__ = ["count"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Matching: TypeAlias = list[tuple[int, float | None]]
"""The questions that an event matches, each with the number to record, if any."""


class _Minutes:
    """The counts of each minute."""

    def __init__(self, questions: int) -> None:
        self.lines: dict[int, int] = {}
        self.sizes: dict[int, int] = {}
        self.samples: list[dict[int, Sample]] = [{} for _ in range(questions)]

    def add(self, minute: int, size: int, matching: _Matching) -> None:
        self.lines[minute] = self.lines.get(minute, 0) + 1
        self.sizes[minute] = self.sizes.get(minute, 0) + size
        for index, number in matching:
            if number is not None:
                sample, known = Sample(1, number, number, number), self.samples[index].get(minute)
                self.samples[index][minute] = known + sample if known else sample


def count(log: Log, questions: Sequence[Question], one_in: int = 1) -> LogCounts:
    """Count the events of a log, minute by minute.

    Args:
        log: The log.
        questions: What to count.
        one_in: One in so many identities is kept.

    Raises:
        LogError: The log cannot be read to its end.
    """
    tests = [(predicate(question.condition), question.value) for question in questions]
    total = unreadable = untimed = 0
    times: list[datetime] = []
    matched = [0] * len(questions)
    identities = Identities(one_in)
    minutes = _Minutes(len(questions))
    minute: int | None = None
    early: list[tuple[int, _Matching]] = []  # events before the first with a time
    for event in events(log):
        matching: _Matching = [
            (index, 1.0 if path is None else _number(event.value, path))
            for index, (test, path) in enumerate(tests)
            if test(event.line, event.value)
        ]
        for index, _ in matching:
            matched[index] += 1
        total += 1
        if event.value is MISSING:
            unreadable += 1
        else:
            identities.add(*(event.value.get(name) for (name,) in (AUDIT_ID, STAGE)))
        if event.at is None:
            untimed += 1
        else:
            times = [min(*times, event.at), max(*times, event.at)] if times else [event.at, event.at]
            minute = (event.at - _EPOCH) // timedelta(minutes=1) * 60
            for held in early:
                minutes.add(minute, *held)
            early.clear()
        if minute is None:
            early.append((len(event.line), matching))
        else:
            minutes.add(minute, len(event.line), matching)
    answers = zip(matched, minutes.samples, strict=True)
    return LogCounts(
        events=total,
        unreadable=unreadable,
        untimed=untimed,
        undated=len(early),
        first=times[0] if times else None,
        last=times[-1] if times else None,
        lines=dict(sorted(minutes.lines.items())),
        sizes=dict(sorted(minutes.sizes.items())),
        answers=tuple(Answer(matched=number, minutes=dict(sorted(series.items()))) for number, series in answers),
        identities=identities.seen(),
        one_in=one_in,
    )


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
