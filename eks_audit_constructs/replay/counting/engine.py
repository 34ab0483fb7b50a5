"""Count logs in DuckDB: each line is parsed once, each question is a column, each minute a row.

There are two ways to read a file. DuckDB's JSON reader (`json_columns`) is the faster one, and exact if every line is
an event with a time; a second read without parsing then answers questions about the text of lines. Otherwise the file
is read as raw lines (`raw_lines`), which counts lines that are not valid JSON exactly, and gives an event without a
time that of the event before it. The Python reference counts what DuckDB rejects (a carriage return inside a line,
bytes that are not UTF-8, lines over 4 MiB), and apart from all others the questions that SQL cannot express.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import compress
from operator import not_

import duckdb

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.duck import session
from eks_audit_constructs.duck.lines import Batch, batches
from eks_audit_constructs.duck.session import Progress
from eks_audit_constructs.replay.counting import duplicates, json_columns, minutes, raw_lines, reference
from eks_audit_constructs.replay.counting.counts import Answer, LogCounts, Question, Tally
from eks_audit_constructs.replay.counting.json_columns import NeedsLinesError
from eks_audit_constructs.replay.counting.question_columns import QuestionColumns, is_in_sql, is_textual

__all__ = ["count", "tally"]

_FILLED = """
    select * replace (coalesce(
        happened,
        last_value(happened ignore nulls) over (
            partition by source order by rowid rows between unbounded preceding and current row
        ),
        first_value(happened ignore nulls) over (
            partition by source order by rowid rows between current row and unbounded following
        )
    ) as happened), happened is null as untimed from events
"""
"""Each event with a time: its own, that of the event before it, or the first in its file."""


def count(
    logs: Sequence[Log], questions: Sequence[Question], *, sizes: bool = True, progress: Progress | None = None
) -> LogCounts:
    """Count the events of logs, minute by minute.

    Args:
        logs: The logs; an event without a time takes that of the event before it in the same log.
        questions: What to count.
        sizes: Whether to count bytes; if not, `LogCounts.sizes` is meaningless.
        progress: Called with the fraction of the work that is done, 0 to 1.

    Raises:
        LogError: A log cannot be read to its end.
    """
    one_in = duplicates.one_in(logs)
    return tally(logs, questions, sizes=sizes, one_in=one_in, progress=progress).result(one_in=one_in)


def tally(
    logs: Sequence[Log], questions: Sequence[Question], *, sizes: bool, one_in: int, progress: Progress | None = None
) -> Tally:
    """Count the same, to be added to the counts of other logs.

    Args:
        logs: The logs.
        questions: What to count.
        sizes: Whether to count bytes.
        one_in: That of all logs that are added up; see `duplicates`.
        progress: Called with the fraction of the work that is done, 0 to 1.

    Raises:
        LogError: A log cannot be read to its end.
    """
    report = progress or (lambda _: None)
    in_sql, asked, apart = _parted(questions, is_in_sql)
    counter = _Counter(asked, sizes=sizes, one_in=one_in)
    whole = sum(log.size for log in logs) or 1
    done = 0
    counted, others = Tally(len(asked)), Tally(len(apart))
    with session.database() as database:
        for batch in batches(logs):
            size = sum(log.size for log in batch.logs)
            with session.watched(database, partial(_report_part, report, done / whole, size / whole)):
                for part in counter.count(database, batch):
                    counted += part
                for log in batch.logs if apart else ():
                    others += reference.count(log, apart, one_in)
            done += size
            report(done / whole)
    counted.answers = _in_order(in_sql, counted.answers, others.answers)
    return counted


def _report_part(report: Progress, before: float, share: float, part: float) -> None:
    report(before + part * share)


class _Counter:
    """Counts the logs of a batch."""

    def __init__(self, questions: Sequence[Question], *, sizes: bool, one_in: int) -> None:
        self.questions = questions
        self.sizes = sizes
        self.one_in = one_in

    def count(self, database: duckdb.DuckDBPyConnection, batch: Batch) -> list[Tally]:
        """Count all logs at once, or each on its own if DuckDB rejects one of them."""
        try:
            with session.checked(batch.logs if batch.gzipped else ()):
                if not self.sizes and not batch.exported:
                    with suppress(NeedsLinesError):
                        return [self._read_columns(database, batch)]
                return [self._read_lines(database, batch)]
        except duckdb.Error:
            if len(batch.logs) > 1:
                return [part for log in batch.logs for part in self.count(database, Batch((log,)))]
            return [reference.count(log, self.questions, self.one_in) for log in batch.logs]

    def _read_columns(self, database: duckdb.DuckDBPyConnection, batch: Batch) -> Tally:
        """Count with the JSON reader, and with a second read for questions about text.

        Raises:
            NeedsLinesError: The result would not be exact.
        """
        textual, texts, others = _parted(self.questions, lambda question: is_textual(question.condition))
        # Null and missing fields are only distinguished if that matters to some event.
        lacking = [Question(condition=condition) for condition in json_columns.lacking(others)]
        asked = QuestionColumns([*others, *lacking])
        statement = minutes.statement(f"select *, false as untimed from ({json_columns.select_events(asked)})", asked)
        try:
            rows = database.execute(statement, {**batch.parameters, "one_in": self.one_in}).fetchall()
        except duckdb.Error as error:
            raise NeedsLinesError from error
        counted = minutes.summary(rows, asked)
        ambiguous = any(answer.matched for answer in counted.answers[len(others) :])
        nulls = [Question(condition=condition) for condition in json_columns.nulls(others)] if ambiguous else []
        by_text = self._read_matching(database, batch, [*nulls, *texts]) if nulls or texts else []
        if counted.undated or any(answer.matched for answer in by_text[: len(nulls)]):
            raise NeedsLinesError
        counted.answers = _in_order(textual, by_text[len(nulls) :], counted.answers)
        return counted

    def _read_matching(
        self, database: duckdb.DuckDBPyConnection, batch: Batch, questions: Sequence[Question]
    ) -> list[Answer]:
        """Answer questions about text, in lines that all have times."""
        asked = QuestionColumns(questions)
        events = raw_lines.select_events(batch, asked, matching=[question.condition for question in questions])
        statement = minutes.statement(f"select *, false as untimed from ({events})", asked)
        rows = database.execute(statement, {**batch.parameters, "one_in": self.one_in}).fetchall()
        return minutes.summary(rows, asked).answers

    def _read_lines(self, database: duckdb.DuckDBPyConnection, batch: Batch) -> Tally:
        asked = QuestionColumns(self.questions)
        select = raw_lines.select_events(batch, asked)
        database.execute(f"create or replace temp table events as {select}", batch.parameters)
        timed = database.execute("select count(*) = count(happened) from events").fetchone() == (True,)
        events = "select *, false as untimed from events" if timed else _FILLED
        rows = database.execute(minutes.statement(events, asked), {"one_in": self.one_in}).fetchall()
        return minutes.summary(rows, asked)


def _parted(
    questions: Sequence[Question], test: Callable[[Question], bool]
) -> tuple[list[bool], list[Question], list[Question]]:
    """Return for each question whether it passes a test, the questions that do, and the others."""
    passed = [test(question) for question in questions]
    return passed, [*compress(questions, passed)], [*compress(questions, map(not_, passed))]


def _in_order(passed: Iterable[bool], answers: Iterable[Answer], others: Iterable[Answer]) -> list[Answer]:
    """Put the answers to questions that were parted in the order of the questions."""
    ours, theirs = iter(answers), iter(others)
    return [next(ours if one else theirs) for one in passed]
