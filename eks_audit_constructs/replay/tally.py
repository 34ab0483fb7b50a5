"""Events counted by DuckDB, minute by minute: the statement, and what its rows mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from eks_audit_constructs.replay import duplicates
from eks_audit_constructs.replay.counts import Answer, LogCounts, Sample
from eks_audit_constructs.replay.hits import Hits

__all__ = ["Row", "statement", "summary"]

Row: TypeAlias = tuple[Any, ...]
"""A minute, NULL for events without one, then what `_COUNTS` and `duplicates` say. For each question then the number
of events that match, and if it asks for a value, what `_VALUE` says of it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = "(happened - (happened % 60000000 + 60000000) % 60000000) // 1000000"
_COUNTS = (
    "count(*)",
    "count(*) filter (not readable)",
    "count(*) filter (untimed)",
    "min(happened) filter (not untimed)",
    "max(happened) filter (not untimed)",
    "sum(size)",
)
_VALUE = ("count", "sum", "min", "max")


def statement(events: str, hits: Hits, every: int = 1) -> str:
    """The statement that counts events with the columns of `statement.select_events` and `untimed`.

    Args:
        events: The statement that selects the events.
        hits: The questions.
        every: What divides the identities to remember.
    """
    counts = [*_COUNTS, duplicates.remembered(every)]
    for name, question in zip(hits.names, hits.questions, strict=True):
        counts.append(f"count_if({name})")
        if question.value is not None:
            number = f"v{hits.values.index(question.value)}"
            counts += [f"{function}({number}) filter ({name})" for function in _VALUE]
    return f"select {_MINUTE} as minute, {', '.join(counts)} from ({events}) group by minute"


def summary(rows: Iterable[Row], hits: Hits, every: int = 1) -> LogCounts:
    """The counts that the rows of the statement tell."""
    lines: dict[int, int] = {}
    sizes: dict[int, int] = {}
    matched = [0] * len(hits.questions)
    minutes: list[dict[int, Sample]] = [{} for _ in hits.questions]
    total = unreadable = untimed = undated = 0
    times: list[int] = []
    identities = Counter[int]()
    for minute, events, broken, timeless, first, last, size, same, *numbers in rows:
        total += events
        unreadable += broken
        untimed += timeless
        identities.update(same or ())
        if first is not None:
            times += (first, last)
        if minute is None:
            undated += events
        else:
            lines[minute] = events
            sizes[minute] = int(size)
        if any(numbers):
            told = iter(numbers)
            for index, question in enumerate(hits.questions):
                number = next(told) or 0  # NULL where no event has the field
                sample = Sample(number, number, 1, 1) if question.value is None else _sample(told)
                matched[index] += number
                if number and sample and minute is not None:
                    minutes[index][minute] = sample
    return LogCounts(
        events=total,
        unreadable=unreadable,
        untimed=untimed,
        undated=undated,
        first=_EPOCH + timedelta(microseconds=min(times)) if times else None,
        last=_EPOCH + timedelta(microseconds=max(times)) if times else None,
        lines=dict(sorted(lines.items())),
        sizes=dict(sorted(sizes.items())),
        answers=tuple(
            Answer(matched=number, minutes=dict(sorted(series.items())))
            for number, series in zip(matched, minutes, strict=True)
        ),
        identities=dict(identities),
        every=every,
    )


def _sample(told: Iterator[Any]) -> Sample | None:
    count, *values = (next(told) for _ in _VALUE)
    return Sample(count, *map(float, values)) if count else None
