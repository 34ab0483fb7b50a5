"""Evaluate an alarm over the minutes of a log, as CloudWatch does.

- An alarm is evaluated every minute over a sliding window; every 10 s if its period is below a minute; every hour if
  its periods add up to more than a day.
- More data points are fetched than the alarm needs (`EXTRA`), so that existing ones are used before missing ones.
- Before and after the log, data are unknown rather than missing: they never set off an alarm.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import accumulate

from eks_audit_constructs.replay.counting.counts import Sample
from eks_audit_constructs.reports import duration
from eks_audit_constructs.templates.items import COMPARISONS, Alarm

__all__ = ["EXTRA", "Datapoint", "History", "State", "Transition", "judge", "transitions"]

EXTRA = 2
"""Data points fetched beyond the evaluation periods. AWS only documents examples: 5 data points for 3 periods."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "≥": operator.ge,
    "<": operator.lt,
    "≤": operator.le,
}


class State(Enum):
    """The states of an alarm."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Datapoint(Enum):
    """The evaluation of one period."""

    WITHIN = "0"
    BREACHING = "X"
    MISSING = "-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A change of an alarm's state."""

    at: datetime
    state: State
    reason: str


def judge(points: Sequence[Datapoint], *, periods: int, to_alarm: int, missing: str, current: State) -> State:
    """Return the new state of an alarm.

    Args:
        points: The data points fetched, the newest last.
        periods: How many of them are evaluated (N).
        to_alarm: How many of these must be breaching (M).
        missing: How to treat missing data: `breaching`, `notBreaching`, `ignore` or `missing`.
        current: The current state.
    """
    real = [point for point in points if point is not Datapoint.MISSING]
    if len(real) >= periods:
        breaching = real[-periods:].count(Datapoint.BREACHING)
        return State.ALARM if breaching >= to_alarm else State.OK
    breaching = real.count(Datapoint.BREACHING)
    if missing == "breaching":
        breaching += min(periods, len(points)) - len(real)
    if breaching >= to_alarm:
        return State.ALARM
    if missing in ("breaching", "notBreaching"):
        return State.OK
    if not real:
        return State.INSUFFICIENT_DATA if missing == "missing" else current
    if Datapoint.WITHIN in real:
        return State.OK
    # All existing points breach: once the oldest is M periods old, the alarm no longer waits for the rest.
    if missing == "ignore":
        return current
    return State.ALARM if len(points) - points.index(Datapoint.BREACHING) >= to_alarm else State.OK


class History:
    """A metric, indexed for lookups over any time range; one index serves all thresholds that are tried on it.

    Args:
        series: The values written in each minute, by the minute's first second.
    """

    def __init__(self, series: Mapping[int, Sample]) -> None:
        self.minutes = sorted(series)
        self.samples = [series[minute] for minute in self.minutes]
        self.counts = [0, *accumulate(sample.count for sample in self.samples)]
        self.totals = [0.0, *accumulate(sample.total for sample in self.samples)]
        self.eventful = [
            minute for minute, sample in zip(self.minutes, self.samples, strict=True) if sample.low or sample.high
        ]

    def value(self, statistic: str, start: int, end: int) -> float | None:
        """Return a statistic of the minutes from a time up to another, which is excluded; None without data."""
        low, high = bisect_left(self.minutes, start), bisect_left(self.minutes, end)
        if low == high:
            return None
        count, total = self.counts[high] - self.counts[low], self.totals[high] - self.totals[low]
        match statistic:
            case "Sum":
                return total
            case "SampleCount":
                return float(count)
            case "Average":
                return total / count
            case "Minimum":
                return min(sample.low for sample in self.samples[low:high])
            case _:
                return max(sample.high for sample in self.samples[low:high])


def transitions(alarm: Alarm, history: History, *, first: int, last: int) -> tuple[Transition, ...]:
    """Return an alarm's changes of state over a log, starting from INSUFFICIENT_DATA.

    Args:
        alarm: An alarm that can be evaluated.
        history: Its metric.
        first: The log's first minute, in seconds since 1970.
        last: The log's last minute.
    """
    return tuple(_Evaluation(alarm, history, first, last + _MINUTE).run())


class _Evaluation:
    def __init__(self, alarm: Alarm, history: History, first: int, end: int) -> None:
        self.alarm, self.history, self.first, self.end = alarm, history, first, end
        self.sign = COMPARISONS[alarm.comparison]
        self.breaches = _COMPARE[self.sign]
        self.fetched = alarm.evaluation_periods + EXTRA
        self.step = 10 if alarm.period < _MINUTE else _MINUTE
        if alarm.period * alarm.evaluation_periods > _DAY:
            self.step = _HOUR
        # A minute's data arrive when it is over; with shorter periods they belong to its beginning.
        self.delay = _MINUTE - self.step if alarm.period < _MINUTE else 0
        # Neither zeros nor missing data can set it off, so only other values matter.
        self.calm = alarm.missing_data == "notBreaching" and not self.breaches(0, alarm.threshold)

    def run(self) -> list[Transition]:
        found: list[Transition] = []
        state = State.INSUFFICIENT_DATA
        at = -(-(self.first + 1) // self.step) * self.step
        settled = self.end + self.fetched * self.alarm.period + self.step
        while at <= settled:
            values = self._values(at)
            new = self._state(at, values, state)
            if new is not state:
                moment = datetime.fromtimestamp(at + self.delay, UTC)
                found.append(Transition(at=moment, state=new, reason=self._reason(new, values)))
                state = new
            elif all(value is None for value in values):
                at = self._before(self.history.minutes, at)
            elif state is State.OK and self.calm and not any(values):
                at = self._before(self.history.eventful, at)
            at += self.step
        return found

    def _before(self, minutes: Sequence[int], at: int) -> int:
        """Skip ahead to just before the next of these minutes, as nothing changes until then."""
        position = bisect_left(minutes, at)
        until = minutes[position] if position < len(minutes) else self.end
        return max(at, until // self.step * self.step - self.step)

    def _values(self, at: int) -> list[float | None]:
        """Return the value of each period fetched, the newest last; periods entirely before the log are skipped."""
        period = self.alarm.period
        bounds = [at - period * number for number in range(self.fetched, -1, -1)]
        values = (self.history.value(self.alarm.statistic, start, start + period) for start in bounds[:-1])
        return [value for start, value in zip(bounds, values, strict=False) if start + period > self.first]

    def _state(self, at: int, values: list[float | None], current: State) -> State:
        alarm = self.alarm
        points: list[Datapoint] = []
        for age, value in zip(range(len(values) - 1, -1, -1), values, strict=True):
            start, end = at - alarm.period * (age + 1), at - alarm.period * age
            cut = start < self.first or end > self.end
            if value is None and start < self.first and alarm.missing_data == "breaching":
                continue  # the data may lie before the log
            if value is None:
                points.append(Datapoint.MISSING)
            elif not self.breaches(value, alarm.threshold):
                points.append(Datapoint.WITHIN)
            elif cut and self.sign in ("<", "≤"):
                continue  # a low value may only mean that the log covers part of the period
            else:
                points.append(Datapoint.BREACHING)
        if not points:
            return current
        periods, to_alarm = alarm.evaluation_periods, alarm.datapoints_to_alarm
        new = judge(points, periods=periods, to_alarm=to_alarm, missing=alarm.missing_data, current=current)
        if (
            at > self.end
            and new is not State.OK
            and not (new is State.ALARM and points.count(Datapoint.BREACHING) >= to_alarm)
        ):
            return current
        return new

    def _reason(self, state: State, values: list[float | None]) -> str:
        alarm = self.alarm
        real = [value for value in values if value is not None][-alarm.evaluation_periods :]
        span = duration(alarm.period)
        if not real:
            return f"no data for {duration(alarm.period * alarm.evaluation_periods)}"
        if state is State.ALARM:
            shown = [value for value in real if self.breaches(value, alarm.threshold)] or real
        else:
            shown = real
        numbers = ", ".join(_figure(value) for value in shown[-5:])
        breach = f"{self.sign} {_figure(alarm.threshold)} in {span}"
        if state is State.ALARM:
            if alarm.datapoints_to_alarm == 1:
                return f"{numbers} {breach}"
            return f"{len(shown)} of {alarm.evaluation_periods} periods: {numbers} {breach}"
        return f"{numbers}: not {breach}"


def _figure(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 and value != int(value) else f"{int(value)}"
