"""Counts per minute: the result of an engine, and the input of the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from eks_audit_constructs.conditions.expression import Expression, Path

__all__ = ["Answer", "LogCounts", "Question", "Sample", "add"]


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to a `Question`. A minute is identified by its first second since 1970, UTC."""

    matched: int = 0
    minutes: Mapping[int, Sample] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
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


def add(counts: Sequence[LogCounts], questions: int) -> LogCounts:
    """Add the counts of several logs, in any order."""
    answers = tuple(
        Answer(
            matched=sum(count.answers[index].matched for count in counts),
            minutes=merge(count.answers[index].minutes for count in counts),
        )
        for index in range(questions)
    )
    one_in = max((count.one_in for count in counts), default=1)
    return LogCounts(
        events=sum(count.events for count in counts),
        unreadable=sum(count.unreadable for count in counts),
        untimed=sum(count.untimed for count in counts),
        undated=sum(count.undated for count in counts),
        first=min((count.first for count in counts if count.first), default=None),
        last=max((count.last for count in counts if count.last), default=None),
        lines=_total(count.lines for count in counts),
        sizes=_total(count.sizes for count in counts),
        answers=answers,
        identities=_identities(counts, one_in),
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


def _identities(counts: Sequence[LogCounts], one_in: int) -> dict[int, int]:
    total = Counter[int]()
    for count in counts:
        total.update(
            count.identities
            if count.one_in == one_in
            else {identity: times for identity, times in count.identities.items() if identity % one_in == 0}
        )
    return dict(total)


def _total(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for part in parts:
        for minute, number in part.items():
            total[minute] = total.get(minute, 0) + number
    return dict(sorted(total.items()))
