"""Metrics and alarms in the plainest way: a sample for each minute, and an evaluation at each moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from eks_audit_constructs.replay.alarms import Transition, _Evaluation
from eks_audit_constructs.replay.counting.counts import Coverage, Sample
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.replay.series import Series
from eks_audit_constructs.templates.items import Alarm

__all__ = ["PlainData", "every_moment", "statistic_of"]


def statistic_of(samples: list[Sample], statistic: str) -> float | None:
    """A statistic of all samples of a period."""
    if not samples:
        return None
    return {
        "Sum": math.fsum(sample.total for sample in samples),
        "SampleCount": float(sum(sample.count for sample in samples)),
        "Average": math.fsum(sample.total for sample in samples) / sum(sample.count for sample in samples),
        "Minimum": min(sample.low for sample in samples),
        "Maximum": max(sample.high for sample in samples),
    }[statistic]


class PlainData(Data):
    """What an alarm watches, looked up minute by minute."""

    def __init__(self, alarm: Alarm, samples: Mapping[int, Sample], coverage: Coverage) -> None:
        super().__init__(alarm, {"": Series(coverage, None, {})})
        self.samples, self.statistic = samples, alarm.watched[0].statistic

    def of(self, start: int, length: int) -> float | None:
        inside = [self.samples[minute] for minute in sorted(self.samples) if start <= minute < start + length]
        return statistic_of(inside, self.statistic)


class _EveryMoment(_Evaluation):
    def _moments(self) -> Iterator[int]:
        first = self.first // self.step * self.step + self.step
        return iter(range(first, self.end + self.fetched * self.alarm.period + 2 * self.step, self.step))


def every_moment(alarm: Alarm, data: Data) -> Iterator[Transition]:
    """An alarm's changes of state, evaluated at every moment."""
    return _EveryMoment(alarm, data).run()
