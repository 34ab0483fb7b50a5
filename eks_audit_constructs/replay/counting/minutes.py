"""Count events in DuckDB, minute by minute: the statement, and the reading of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from eks_audit_constructs.replay.counting.counts import Sample, Tally
from eks_audit_constructs.replay.counting.duplicates import REMEMBERED
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns

__all__ = ["Row", "statement", "summary"]

Row: TypeAlias = tuple[Any, ...]
"""The events that match the same questions: whether each question matches, then `_TOTALS`, then lists with an item for
each minute: `_LISTED`, and the functions in `_VALUE` of each number that questions ask for."""

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


def summary(rows: Iterable[Row], asked: QuestionColumns) -> Tally:
    """Add up the rows of the statement."""
    tally = Tally(len(asked.questions))
    for row in rows:
        matching = [index for index in range(len(asked.questions)) if row[index]]
        unreadable, untimed, first, last, identities, minutes, events, sizes, *numbers = row[len(asked.questions) :]
        if minutes is None:
            continue  # there are no events
        tally.unreadable += unreadable
        tally.untimed += untimed
        tally.identities.update(identities or ())
        if first is not None:
            tally.add_times(first, last)
        for minute, count, size in zip(minutes, events, sizes, strict=True):
            tally.add_events(minute, count, int(size))
        for index in matching:
            path, answer = asked.questions[index].value, tally.answers[index]
            if path is None:
                for minute, count in zip(minutes, events, strict=True):
                    answer.add(minute, count, Sample(count, count, 1, 1))
            else:
                at = asked.values.index(path) * len(_VALUE)
                for minute, count, values, *rest in zip(minutes, events, *numbers[at : at + len(_VALUE)], strict=True):
                    answer.add(minute, count, Sample(values, *map(float, rest)) if values else None)
    return tally
