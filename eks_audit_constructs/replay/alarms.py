"""Evaluate an alarm over the minutes of a log, as CloudWatch does.

- An alarm is evaluated every minute over a sliding window; every 10 s if its period is below a minute; every hour if
  its periods add up to more than a day.
- More data points are fetched than the alarm needs (`EXTRA`), so that existing ones are used before missing ones. Where
  data are sparse, an old data point can therefore decide once more, after it had been replaced: as the window slides,
  it shares a period with other data at one minute and has one to itself at another. AWS advises shorter periods; with
  periods of a minute it cannot happen.
- Before and after the log, data are unknown rather than missing: they never set off an alarm.

Only those moments are evaluated at which a data point may differ from that of the moment before.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import heapq
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from itertools import groupby

from eks_audit_constructs.replay.counting.counts import MINUTE
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.reports import duration
from eks_audit_constructs.templates.items import COMPARISONS, Alarm

__all__ = ["EXTRA", "Datapoint", "State", "Transition", "judge", "transitions"]

EXTRA = 2
"""Data points fetched beyond the evaluation periods. AWS only documents examples: 5 data points for 3 periods."""

_HOUR, _DAY = 3600, 86_400
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


def transitions(alarm: Alarm, data: Data) -> Iterator[Transition]:
    """Yield an alarm's changes of state over a log, starting from INSUFFICIENT_DATA.

    Args:
        alarm: An alarm that can be evaluated.
        data: What it watches.
    """
    return _Evaluation(alarm, data).run()


class _Evaluation:
    def __init__(self, alarm: Alarm, data: Data) -> None:
        self.alarm, self.data = alarm, data
        self.first, self.end = data.coverage.first, data.coverage.end
        self.sign = COMPARISONS[alarm.comparison]
        self.breaches = _COMPARE[self.sign]
        self.fetched = alarm.evaluation_periods + EXTRA
        self.step = 10 if alarm.period < MINUTE else MINUTE
        if alarm.period * alarm.evaluation_periods > _DAY:
            self.step = _HOUR
        # A minute's data arrive when it is over; with shorter periods they belong to its beginning.
        self.delay = MINUTE - self.step if alarm.period < MINUTE else 0

    def run(self) -> Iterator[Transition]:
        state = State.INSUFFICIENT_DATA
        for at in self._moments():
            values = self._values(at)
            new = self._state(at, values, state)
            if new is not state:
                moment = datetime.fromtimestamp(at + self.delay, UTC)
                yield Transition(at=moment, state=new, reason=self._reason(new, at, values))
                state = new

    def _moments(self) -> Iterator[int]:
        """Yield the moments at which a data point may differ from the moment before, in order.

        That is when a minute that is not as usual enters or leaves one of the periods, and as long as the periods reach
        over an edge of the log.
        """
        reach = self.fetched * self.alarm.period
        last = self.end + reach + self.step
        edges = (self._from(self.first, reach), self._from(self.end, reach + self.step))
        inside = (self._crossings(self.alarm.period * number) for number in range(self.fetched + 1))
        for at, _ in groupby(heapq.merge(*edges, *inside)):
            if self.first < at <= last:
                yield at

    def _from(self, edge: int, reach: int) -> Iterable[int]:
        return range(edge // self.step * self.step, edge + reach + self.step, self.step)

    def _crossings(self, age: int) -> Iterator[int]:
        """Yield when each minute that is not as usual is first older than this age."""
        return ((minute + age) // self.step * self.step + self.step for minute in self.data.minutes)

    def _values(self, at: int) -> list[float | None]:
        """Return the value of each period fetched, the newest last; periods entirely before the log are skipped."""
        period = self.alarm.period
        starts = (at - period * number for number in range(self.fetched, 0, -1))
        return [self.data.point(start) for start in starts if start + period > self.first]

    def _state(self, at: int, values: Sequence[float | None], current: State) -> State:
        alarm = self.alarm
        points: list[Datapoint] = []
        for start, value in self._dated(at, values):
            cut = start < self.first or start + alarm.period > self.end
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
        # After the log, periods are not missing but unknown: only what breaches already can set off the alarm.
        if at <= self.end or new is State.OK:
            return new
        certain = new is State.ALARM and points[-periods:].count(Datapoint.BREACHING) >= to_alarm
        return new if certain else current

    def _dated(self, at: int, values: Sequence[float | None]) -> list[tuple[int, float | None]]:
        """Return when each period begins, with its value."""
        period = self.alarm.period
        return [(at - period * (len(values) - place), value) for place, value in enumerate(values)]

    def _reason(self, state: State, at: int, values: Sequence[float | None]) -> str:
        """Name the values that decided, and the periods that hold them if these are not simply the last."""
        alarm = self.alarm
        dated = [(start, value) for start, value in self._dated(at, values) if value is not None]
        real = dated[-alarm.evaluation_periods :]
        span, limit = duration(alarm.period), f"{self.sign} {_figure(alarm.threshold)}"
        if not real:
            return f"no data for {duration(alarm.period * alarm.evaluation_periods)}"
        if state is not State.ALARM:
            numbers = ", ".join(_figure(value) for _, value in real[-_SHOWN:])
            return f"{numbers}: not {limit} in {span}"
        breaching = [(start, value) for start, value in real if self.breaches(value, alarm.threshold)] or real
        if alarm.datapoints_to_alarm == 1:
            start, value = breaching[-1]
            end = start + alarm.period
            where = f"in {span}" if end == at else f"from {_clock(start + self.delay)} to {_clock(end + self.delay)}"
            return f"{_figure(value)} {limit} {where}"
        numbers = ", ".join(f"{_figure(value)} ({_clock(start + self.delay)})" for start, value in breaching[-_SHOWN:])
        return f"{len(breaching)} of {alarm.evaluation_periods} periods: {numbers} {limit} in {span}"


_SHOWN = 5
"""Maximum values in a reason."""


def _clock(at: int) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%H:%M}" if moment.second == 0 else f"{moment:%H:%M:%S}"


def _figure(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e6 and value != int(value) else f"{int(value)}"
