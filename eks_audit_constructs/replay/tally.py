"""Events counted by DuckDB, minute by minute: the statement, and what its rows mean."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from eks_audit_constructs.replay import duplicates
from eks_audit_constructs.replay.counts import Answer, LogCounts, Question, Sample
from eks_audit_constructs.replay.terms import Terms

__all__ = ["Row", "has_untimed", "statement", "summary"]

Row: TypeAlias = tuple[Any, ...]
"""The events of which all terms hold alike: the terms, then a list for each count and each value's four."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = "(happened - (happened % 60000000 + 60000000) % 60000000) // 1000000"
_COUNTS = {
    "minute": _MINUTE,
    "events": "count(*)",
    "unreadable": "count(*) filter (not readable)",
    "untimed": "count(*) filter (untimed)",
    "first": "min(happened) filter (not untimed)",
    "last": "max(happened) filter (not untimed)",
    "bytes": "sum(size)",
}
_VALUE = ("count", "sum", "min", "max")


def statement(events: str, terms: Terms, every: int = 1) -> str:
    """The statement that counts events with the columns of `statement.select_events` and `untimed`.

    Args:
        events: The statement that selects the events.
        terms: The terms of the questions.
        every: What divides the identities to remember.
    """
    counts = _COUNTS | {"identities": duplicates.remembered(every)}
    for number in range(len(terms.values)):
        counts |= {f"{function}{number}": f"{function}(v{number})" for function in _VALUE}
    columns = ", ".join([*terms.names, *(f"{count} as {name}" for name, count in counts.items())])
    lists = ", ".join([*terms.names, *(f"list({name})" for name in counts)])
    return f"select {lists} from (select {columns} from ({events}) group by all) group by all"


def has_untimed(rows: Iterable[Row], terms: Terms) -> bool:
    """Whether an event is in no minute."""
    return any(None in (row[len(terms.names)] or ()) for row in rows)


def summary(rows: Iterable[Row], questions: Sequence[Question], terms: Terms, every: int = 1) -> LogCounts:
    """The counts that the rows of the statement tell."""
    tests = [terms.test(condition) for condition in terms.conditions]
    lines, sizes = defaultdict[int, int](int), defaultdict[int, int](int)
    answers = [_Series() for _ in questions]
    total = unreadable = untimed = undated = 0
    times: list[int] = []
    identities = Counter[int]()
    for row in rows:
        held = sum(1 << number for number, holds in enumerate(row[: len(terms.names)]) if holds)
        matching = [index for index, test in enumerate(tests) if test(held)]
        columns = row[len(terms.names) :]
        if columns[0] is None:
            continue  # there is no event at all
        for minute, events, broken, timeless, first, last, size, same, *numbers in zip(*columns, strict=True):
            total += events
            unreadable += broken
            untimed += timeless
            if minute is None:
                undated += events
            else:
                lines[minute] += events
                sizes[minute] += int(size)
            identities.update(same or ())
            if first is not None:
                times += (first, last)
            for index in matching:
                path = questions[index].value
                at = None if path is None else terms.values.index(path) * len(_VALUE)
                answers[index].add(minute, events, None if at is None else numbers[at : at + len(_VALUE)])
    return LogCounts(
        events=total,
        unreadable=unreadable,
        untimed=untimed,
        undated=undated,
        first=_EPOCH + timedelta(microseconds=min(times)) if times else None,
        last=_EPOCH + timedelta(microseconds=max(times)) if times else None,
        lines=dict(sorted(lines.items())),
        sizes=dict(sorted(sizes.items())),
        answers=tuple(series.answer() for series in answers),
        identities=dict(identities),
        every=every,
    )


class _Series:
    """What one question has counted."""

    def __init__(self) -> None:
        self.matched = 0
        self.matches = defaultdict[int, int](int)
        self.samples: dict[int, Sample] = {}

    def add(self, minute: int | None, events: int, numbers: Sequence[Any] | None) -> None:
        self.matched += events
        if minute is None:
            return
        if numbers is None:
            self.matches[minute] += events
        elif numbers[0]:
            sample, known = Sample(int(numbers[0]), *map(float, numbers[1:])), self.samples.get(minute)
            self.samples[minute] = known + sample if known else sample

    def answer(self) -> Answer:
        ones = {minute: Sample(number, number, 1, 1) for minute, number in self.matches.items()}
        return Answer(matched=self.matched, minutes=dict(sorted((ones | self.samples).items())))
