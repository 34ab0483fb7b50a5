"""Count events in DuckDB, minute by minute: the statement, and the reading of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from eks_audit_constructs.replay.counting.counts import Answer, LogCounts, Sample
from eks_audit_constructs.replay.counting.duplicates import REMEMBERED
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns

__all__ = ["Row", "statement", "summary"]

Row: TypeAlias = tuple[Any, ...]
"""The events that match the same questions: whether each question matches, then `_TOTALS`, then lists with an item for
each minute: `_LISTED`, and the functions in `_VALUE` of each number that questions ask for."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = "(happened - (happened % 60000000 + 60000000) % 60000000) // 1000000"
_VALUE = ("count", "sum", "min", "max")
_TOTALS = ("sum(unreadable)", "sum(untimed)", "min(first)", "max(last)", "flatten(list(identities))")
_LISTED = ("minute", "events", "bytes")


def statement(events: str, asked: QuestionColumns) -> str:
    """Return the statement that counts events, with the parameter `one_in` (see `duplicates`).

    For one question it is in short

        select q0, sum(unreadable), …, list(minute), list(events), list(bytes) from (
            select q0, … as minute, count(*) as events, sum(size) as bytes, … from (…the events…) group by q0, minute
        ) group by q0

    Args:
        events: A statement that selects events, with the columns of `raw_lines.select_events` and `untimed`.
        asked: The questions.
    """
    counts = {
        "minute": _MINUTE,
        "events": "count(*)",
        "bytes": "sum(size)",
        "unreadable": "count(*) filter (not readable)",
        "untimed": "count(*) filter (untimed)",
        "first": "min(happened) filter (not untimed)",
        "last": "max(happened) filter (not untimed)",
        "identities": REMEMBERED,
    }
    numbers = {
        f"{function}{place}": f"{function}(v{place})" for place in range(len(asked.values)) for function in _VALUE
    }
    keys = [f"coalesce({name}, false) as {name}" for name in asked.names]
    columns = ", ".join([*keys, *(f"{count} as {name}" for name, count in (counts | numbers).items())])
    totals = ", ".join([*asked.names, *_TOTALS, *(f"list({name})" for name in (*_LISTED, *numbers))])
    return f"select {totals} from (select {columns} from ({events}) group by all) group by all"


def summary(rows: Iterable[Row], asked: QuestionColumns, one_in: int) -> LogCounts:
    """Add up the rows of the statement."""
    lines, sizes = Counter[int](), Counter[int]()
    series = [_Series() for _ in asked.questions]
    total = unreadable = untimed = undated = 0
    times: list[int] = []
    identities = Counter[int]()
    for row in rows:
        matching = [index for index in range(len(series)) if row[index]]
        broken, timeless, first, last, same, minutes, events, bytes_, *numbers = row[len(series) :]
        if minutes is None:
            continue  # there are no events
        total += sum(events)
        unreadable += broken
        untimed += timeless
        identities.update(same or ())
        if first is not None:
            times += (first, last)
        for minute, number, size in zip(minutes, events, bytes_, strict=True):
            if minute is None:
                undated += number
            else:
                lines[minute] += number
                sizes[minute] += int(size)
        for index in matching:
            path = asked.questions[index].value
            at = None if path is None else asked.values.index(path) * len(_VALUE)
            series[index].add(minutes, events, None if at is None else numbers[at : at + len(_VALUE)])
    return LogCounts(
        events=total,
        unreadable=unreadable,
        untimed=untimed,
        undated=undated,
        first=_EPOCH + timedelta(microseconds=min(times)) if times else None,
        last=_EPOCH + timedelta(microseconds=max(times)) if times else None,
        lines=dict(sorted(lines.items())),
        sizes=dict(sorted(sizes.items())),
        answers=tuple(counted.answer() for counted in series),
        identities=dict(identities),
        one_in=one_in,
    )


class _Series:
    """The counts of one question."""

    def __init__(self) -> None:
        self.matched = 0
        self.matches = Counter[int]()
        self.samples: dict[int, Sample] = {}

    def add(
        self, minutes: Sequence[int | None], events: Sequence[int], numbers: Sequence[Sequence[Any]] | None
    ) -> None:
        self.matched += sum(events)
        if numbers is None:
            for minute, number in zip(minutes, events, strict=True):
                if minute is not None:
                    self.matches[minute] += number
            return
        for minute, count, *numbers_of in zip(minutes, *numbers, strict=True):
            if minute is not None and count:
                sample, known = Sample(count, *map(float, numbers_of)), self.samples.get(minute)
                self.samples[minute] = known + sample if known else sample

    def answer(self) -> Answer:
        ones = {minute: Sample(number, number, 1, 1) for minute, number in self.matches.items()}
        return Answer(matched=self.matched, minutes=dict(sorted((ones | self.samples).items())))
