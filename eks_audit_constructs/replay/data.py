"""The data points that an alarm watches: a statistic of a metric, or what metric math makes of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eks_audit_constructs.replay.counting.counts import MINUTE
from eks_audit_constructs.replay.metric_math import calculated
from eks_audit_constructs.replay.series import Series
from eks_audit_constructs.templates.items import Alarm
from eks_audit_constructs.templates.metric_math import Variable

__all__ = ["Data"]


class Data:
    """The data points that an alarm watches.

    Args:
        alarm: The alarm.
        series: The metrics that it watches, by their Ids.
    """

    def __init__(self, alarm: Alarm, series: Mapping[str, Series]) -> None:
        self.period = alarm.period
        # In a period under a minute, minutes with data alternate with those parts of it that have none.
        whole = alarm.period % MINUTE == 0
        self.series = {id: each if whole else each.spelled_out() for id, each in series.items()}
        self._statistics = {watched.id: watched.statistic for watched in alarm.watched}
        self._formula = Variable(alarm.watched[0].id) if alarm.formula is None else alarm.formula
        self.points: dict[int, float | None] = {}
        """The data points that were asked for, by when their periods begin."""
        self.coverage = next(iter(series.values())).coverage

    @property
    def minutes(self) -> Sequence[int]:
        """The minutes that are not as usual. Without one, data points change only at the edges of the log."""
        first, *others = [series.minutes for series in self.series.values()]
        return sorted({minute for minutes in (first, *others) for minute in minutes}) if others else first

    def point(self, start: int) -> float | None:
        """Return the data point of the period that begins at a time, in seconds since 1970; None if there is none."""
        if start not in self.points:
            self.points[start] = self.of(start, self.period)
        return self.points[start]

    def of(self, start: int, length: int) -> float | None:
        """Return what the data point of a period of another length would be, in seconds."""
        end = start + length
        if start >= self.coverage.end or end <= self.coverage.first:
            return None  # not even FILL has a value for what is not known
        values = {id: each.value(self._statistics[id], start, end) for id, each in self.series.items()}
        return calculated(self._formula, values)
