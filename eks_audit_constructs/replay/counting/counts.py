"""Counts per minute: the result of an engine, and the input of the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from eks_audit_constructs.conditions.expression import Expression, Path

__all__ = ["MINUTE", "Answer", "Coverage", "LogCounts", "Question", "Sample", "Tally", "merge"]

MINUTE = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What to count: the events that match, and if `value` is given, the numbers in that field."""

    condition: Expression
    value: Path | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """The values written to a metric in one minute, as CloudWatch keeps them."""

    count: int
    total: float
    low: float
    high: float

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.count + other.count,
            self.total + other.total,
            min(self.low, other.low),
            max(self.high, other.high),
        )


@dataclass(kw_only=True, slots=True)
class Answer:
    """The answer to a `Question`. A minute is identified by its first second since 1970, UTC."""

    matched: int = 0
    minutes: dict[int, Sample] = field(default_factory=dict)

    def add(self, minute: int | None, events: int, sample: Sample | None) -> None:
        """Add matching events, and the values they write to the metric; without a minute they are only counted."""
        self.matched += events
        if minute is not None and sample is not None:
            known = self.minutes.get(minute)
            self.minutes[minute] = known + sample if known else sample


class Coverage:
    """The minutes of a log, from its first to its last, and which of them have log events.

    Args:
        lines: The number of log events in each minute that has any, by its first second since 1970.
    """

    def __init__(self, lines: Mapping[int, int]) -> None:
        self.lines = lines
        self.first = min(lines, default=0)
        self.end = max(lines, default=-MINUTE) + MINUTE
        """When the last minute is over."""
        minutes = range(self.first, self.end, MINUTE)
        # A log may span decades and be mostly empty: then its silent minutes are not enumerated.
        self.silent = frozenset(minutes).difference(lines) if len(minutes) <= 2 * len(lines) else None
        """The minutes without log events, if they are at most as many as the others."""


@dataclass(frozen=True, kw_only=True)
class LogCounts:
    """The counts of one or more logs.

    Attributes:
        events: Log events: lines that are not blank.
        unreadable: Events that are not JSON objects; only text patterns can match them.
        untimed: Events without a time; they count in the minute of the event before them.
        undated: Untimed events of logs in which no event has a time; they are in no minute.
        first, last: The earliest and the latest time of an event.
        lines: Events per minute.
        sizes: Bytes of these events per minute.
        answers: One for each question, in order.
        identities: Number of events by identity, a hash of `auditID` and `stage`.
        one_in: One in so many identities is kept; 1 keeps all, for small logs only.
    """

    events: int = 0
    unreadable: int = 0
    untimed: int = 0
    undated: int = 0
    first: datetime | None = None
    last: datetime | None = None
    lines: Mapping[int, int] = field(default_factory=dict)
    sizes: Mapping[int, int] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    identities: Mapping[int, int] = field(default_factory=dict, repr=False)
    one_in: int = 1

    @cached_property
    def coverage(self) -> Coverage:
        """The minutes from the first event to the last."""
        return Coverage(self.lines)

    @property
    def duplicates(self) -> int:
        """Number of events with the `auditID` and `stage` of an earlier one. They count like any other event."""
        return min(self.events, self.one_in * sum(times - 1 for times in self.identities.values()))

    @property
    def duplicates_estimated(self) -> bool:
        """Whether `duplicates` is an estimate, as it is for large logs."""
        return self.one_in > 1 and self.duplicates > 0

    @property
    def duplicates_in_words(self) -> str:
        """The number of duplicates for display: `1,234`, or `about 1,200`."""
        if not self.duplicates_estimated:
            return f"{self.duplicates:,}"
        return f"about {float(f'{self.duplicates:.2g}'):,.0f}"


class Tally:
    """Counts that are still being added up.

    Args:
        questions: The number of questions.
    """

    def __init__(self, questions: int) -> None:
        self.events = self.unreadable = self.untimed = self.undated = 0
        self.first: int | None = None
        self.last: int | None = None
        self.lines, self.sizes, self.identities = Counter[int](), Counter[int](), Counter[int]()
        self.answers = [Answer() for _ in range(questions)]

    def add_events(self, minute: int | None, events: int, size: int) -> None:
        """Add events of a minute, and their bytes; without a minute they are undated."""
        self.events += events
        if minute is None:
            self.undated += events
        else:
            self.lines[minute] += events
            self.sizes[minute] += size

    def add_times(self, first: int, last: int) -> None:
        """Add events from one time to another, in microseconds since 1970."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)

    def __iadd__(self, other: Tally) -> Tally:
        self.events += other.events
        self.unreadable += other.unreadable
        self.untimed += other.untimed
        self.undated += other.undated
        if other.first is not None and other.last is not None:
            self.add_times(other.first, other.last)
        self.lines.update(other.lines)
        self.sizes.update(other.sizes)
        self.identities.update(other.identities)
        for answer, more in zip(self.answers, other.answers, strict=True):
            answer.matched += more.matched
            answer.minutes = merge([answer.minutes, more.minutes]) if answer.minutes else more.minutes
        return self

    def result(self, *, one_in: int) -> LogCounts:
        """Return the counts; `one_in` is that of the identities."""
        return LogCounts(
            events=self.events,
            unreadable=self.unreadable,
            untimed=self.untimed,
            undated=self.undated,
            first=None if self.first is None else _EPOCH + timedelta(microseconds=self.first),
            last=None if self.last is None else _EPOCH + timedelta(microseconds=self.last),
            lines=dict(sorted(self.lines.items())),
            sizes=dict(sorted(self.sizes.items())),
            answers=tuple(
                Answer(matched=answer.matched, minutes=dict(sorted(answer.minutes.items()))) for answer in self.answers
            ),
            identities=dict(self.identities),
            one_in=one_in,
        )


def merge(series: Iterable[Mapping[int, Sample]]) -> dict[int, Sample]:
    """Merge the series of one metric, sorted by minute; a single one is not sorted again, which is slow for a year."""
    first, *others = [*series] or [{}]
    merged = dict(first)
    for samples in others:
        for minute, sample in samples.items():
            merged[minute] = merged[minute] + sample if minute in merged else sample
    return dict(sorted(merged.items())) if others else merged
