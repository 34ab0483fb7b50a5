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
from eks_audit_constructs.replay.counting.counts import Question, Sample, Tally
from eks_audit_constructs.replay.counting.duplicates import AUDIT_ID, STAGE, Identities

__all__ = ["count"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Matching: TypeAlias = list[tuple[int, float | None]]
"""The questions that an event matches, each with its number."""


def count(log: Log, questions: Sequence[Question], one_in: int = 1) -> Tally:
    """Count the events of one log, minute by minute.

    Args:
        log: The log.
        questions: What to count.
        one_in: One in so many identities is kept.

    Raises:
        LogError: The log cannot be read to its end.
    """
    tests = [(predicate(question.condition), question.value) for question in questions]
    tally = Tally(len(questions))
    identities = Identities(one_in)
    minute: int | None = None
    early: list[tuple[int, _Matching]] = []  # events before the first that has a time
    for event in events(log):
        matching: _Matching = [
            (index, 1.0 if path is None else _number(event.value, path))
            for index, (test, path) in enumerate(tests)
            if test(event.line, event.value)
        ]
        if event.value is MISSING:
            tally.unreadable += 1
        else:
            identities.add(*(event.value.get(name) for (name,) in (AUDIT_ID, STAGE)))
        if event.at is None:
            tally.untimed += 1
        else:
            time = (event.at - _EPOCH) // timedelta(microseconds=1)
            tally.add_times(time, time)
            minute = (event.at - _EPOCH) // timedelta(minutes=1) * 60
        early.append((len(event.line), matching))
        if minute is not None:
            _add(tally, minute, early)
            early.clear()
    _add(tally, None, early)
    tally.identities.update(identities.seen())
    return tally


def _add(tally: Tally, minute: int | None, counted: list[tuple[int, _Matching]]) -> None:
    for size, matching in counted:
        tally.add_events(minute, 1, size)
        for index, number in matching:
            tally.answers[index].add(minute, 1, None if number is None else Sample(1, number, number, number))


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
