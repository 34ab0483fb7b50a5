"""What a log holds, minute by minute: the answer of an engine, and the input of the metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from eks_audit_constructs.conditions.expression import Expression, Path

__all__ = ["Answer", "LogCounts", "Question", "Sample", "add"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What an engine counts: the events that match, and the numbers they hold at `value` if that is given."""

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
    """The answer to a `Question`. A minute is named by its first second since 1970, UTC."""

    matched: int = 0
    minutes: Mapping[int, Sample] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogCounts:
    """What some logs hold.

    Attributes:
        events: Lines that are not blank.
        unreadable: Events that are no JSON object; only text patterns can match them.
        untimed: Events without a time of their own; they count in the minute of the event before them.
        undated: Of these, events of a log in which no event has a time; they are in no minute.
        first, last: The earliest and the latest time of an event.
        lines: Events in each minute.
        sizes: Their bytes in each minute.
        answers: One for each question, in its order.
        identities: How often events came that have the same `auditID` and `stage`, by a hash of the two.
        one_in: Of how many identities one is remembered; 1 is all of them, and only small logs have them all.
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
        """Events that are copies of one before them: the same `auditID` and `stage`. They count like any other."""
        return min(self.events, self.one_in * sum(times - 1 for times in self.identities.values()))

    @property
    def duplicates_estimated(self) -> bool:
        """Whether their number is an estimate, as it is for large logs."""
        return self.one_in > 1 and self.duplicates > 0

    @property
    def duplicates_in_words(self) -> str:
        """Their number for people: `1,234`, or `about 1,200`."""
        if not self.duplicates_estimated:
            return f"{self.duplicates:,}"
        return f"about {float(f'{self.duplicates:.2g}'):,.0f}"


def add(counts: Sequence[LogCounts], questions: int) -> LogCounts:
    """Several logs as one: the order in which they are given does not matter."""
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
        identities=_remembered(counts, one_in),
        one_in=one_in,
    )


def merge(series: Iterable[Mapping[int, Sample]]) -> dict[int, Sample]:
    """Several writers of one metric; of one alone, the minutes stay in their order, for a year takes long to sort."""
    first, *others = [*series] or [{}]
    merged = dict(first)
    for samples in others:
        for minute, sample in samples.items():
            merged[minute] = merged[minute] + sample if minute in merged else sample
    return dict(sorted(merged.items())) if others else merged


def _remembered(counts: Sequence[LogCounts], one_in: int) -> dict[int, int]:
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
