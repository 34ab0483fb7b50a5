"""A metric over the minutes of a log, stored as the sample that most minutes have and those of the others."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain, repeat

from eks_audit_constructs.replay.counting.counts import MINUTE, Coverage, Sample

__all__ = ["Series", "added_up", "total"]


class Series:
    """A metric over the minutes of a log. Outside the log it has no data.

    Args:
        coverage: The minutes of the log.
        usual: The sample of each minute that is not among the others; None: no data.
        others: The samples of the other minutes; None: no data.
    """

    def __init__(self, coverage: Coverage, usual: Sample | None, others: Mapping[int, Sample | None]) -> None:
        self.coverage, self.usual = coverage, usual
        self.minutes = sorted(others)
        """The minutes that are not as usual."""
        self._samples = [others[minute] for minute in self.minutes]

    @classmethod
    def written(cls, coverage: Coverage, samples: Mapping[int, Sample], default: Sample | None) -> Series:
        """Return what is written to a metric.

        Args:
            coverage: The minutes of the log.
            samples: What is written in some minutes with log events.
            default: What is written in the other minutes with log events; None: nothing.
        """
        if default is None:
            return cls(coverage, None, samples)
        if coverage.silent is None:
            return cls(coverage, None, {**dict.fromkeys(coverage.lines, default), **samples})
        return cls(coverage, default, {**dict.fromkeys(coverage.silent), **samples})

    @classmethod
    def numbers(cls, coverage: Coverage, values: Mapping[int, int]) -> Series:
        """Return a metric with one value for each minute with log events."""
        samples = {minute: Sample(1, value, value, value) for minute, value in values.items()}
        if coverage.silent is None or not values:
            return cls(coverage, None, samples)
        [(usual, _)] = Counter(values.values()).most_common(1)
        others = {minute: sample for minute, sample in samples.items() if sample.total != usual}
        return cls(coverage, Sample(1, usual, usual, usual), dict.fromkeys(coverage.silent) | others)

    def at(self, minute: int) -> Sample | None:
        """Return the sample of a minute; None without data."""
        place = bisect_left(self.minutes, minute)
        if place < len(self.minutes) and self.minutes[place] == minute:
            return self._samples[place]
        return self.usual if self.coverage.first <= minute < self.coverage.end else None

    def value(self, statistic: str, start: int, end: int) -> float | None:
        """Return a statistic of the minutes that begin from a time up to another, which is excluded.

        None without data.
        """
        low, high = bisect_left(self.minutes, start), bisect_left(self.minutes, end)
        samples = [sample for sample in self._samples[low:high] if sample is not None]
        usual = 0
        if self.usual is not None:
            start, end = max(start, self.coverage.first), min(end, self.coverage.end)
            usual = max(-(-end // MINUTE) + -start // MINUTE, 0) - (high - low)
            if usual and statistic in ("Minimum", "Maximum"):
                samples.append(self.usual)
        if not samples and not usual:
            return None
        match statistic:
            case "Sum":
                return self._total(samples, usual)
            case "SampleCount":
                return float(self._count(samples, usual))
            case "Average":
                return self._total(samples, usual) / self._count(samples, usual)
            case "Minimum":
                return min(sample.low for sample in samples)
            case _:
                return max(sample.high for sample in samples)

    def _total(self, samples: Iterable[Sample], usual: int) -> float:
        totals = (sample.total for sample in samples)
        if self.usual is None or not self.usual.total:
            return total(totals)
        return total(chain(totals, repeat(self.usual.total, usual)))

    def _count(self, samples: Iterable[Sample], usual: int) -> int:
        return sum(sample.count for sample in samples) + (usual * self.usual.count if self.usual else 0)

    def spelled_out(self) -> Series:
        """Return the same with nothing as usual: each minute with data is among `minutes`."""
        if self.usual is None:
            return self
        minutes = range(self.coverage.first, self.coverage.end, MINUTE)
        return Series(self.coverage, None, {minute: self.at(minute) for minute in minutes})


def added_up(series: Iterable[Series]) -> Series:
    """Return the metric that several writers write to."""
    first, *others = series
    if not others:
        return first
    writers = [first, *others]
    usual = _added(writer.usual for writer in writers)
    minutes = {minute for writer in writers for minute in writer.minutes}
    return Series(
        first.coverage, usual, {minute: _added(writer.at(minute) for writer in writers) for minute in minutes}
    )


def _added(samples: Iterable[Sample | None]) -> Sample | None:
    present = [sample for sample in samples if sample is not None]
    return sum(present[1:], present[0]) if present else None


def total(values: Iterable[float]) -> float:
    """Add up without rounding errors; too large a sum is infinite."""
    values = list(values)
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)
