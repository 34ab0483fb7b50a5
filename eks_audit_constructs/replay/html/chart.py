"""The chart of an alarm: its metric per minute, the values compared with its threshold, and its states.

Horizontal positions are percentages, so that a chart fills its container and its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import floor, log10

from eks_audit_constructs.replay import AlarmReplay, Replay, State
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.replay.html.text import clock
from eks_audit_constructs.reports import figure
from eks_audit_constructs.templates.items import COMPARISONS, Alarm

__all__ = ["Axis", "Bucket", "Chart", "Span", "axis", "chart", "spans"]

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_BUCKETS = 240
"""Maximum columns of a chart: on a phone, each is still wider than a pixel."""
_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
"""Minutes per column; beyond that, whole days."""
_TICKS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600)
_MOST_TICKS = 6
_HEIGHT = 100.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """The time range of all charts on a page, in seconds since 1970."""

    start: int
    log_end: int
    end: int

    def x(self, at: float) -> float:
        """Return the position of a time, 0 to 100."""
        return round(100 * (min(max(at, self.start), self.end) - self.start) / (self.end - self.start), 3)

    @property
    def form(self) -> str:
        """The strftime format of both ends."""
        return "%H:%M" if self.end - self.start <= _DAY else "%b %d"

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of the ticks, none so close to an end that its label would stick out."""
        length = self.end - self.start
        step = next((step for step in _TICKS if length / step <= _MOST_TICKS), -(-length // _MOST_TICKS // _DAY) * _DAY)
        first = -(-self.start // step) * step
        form = "%b %d" if step >= _DAY else "%H:%M" if length <= _DAY else "%d. %H:%M"
        return [(self.x(at), clock(at, form)) for at in range(first, self.end, step) if 6 <= self.x(at) <= 94]


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A time range in one state."""

    start: int
    end: int | None
    """None: beyond the end of the log."""
    state: State
    reason: str
    x: float
    width: float

    @property
    def alarming(self) -> bool:
        return self.state is State.ALARM


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A column of a chart."""

    start: int
    minute: float | None
    """The highest value of any of its minutes."""
    compared: float | None
    """The value compared with the threshold that comes closest to setting off the alarm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A chart for the page to draw. `bars` and `line` are paths in a box of 1000 by 100."""

    buckets: tuple[Bucket, ...]
    minutes: int
    """Minutes per column."""
    bars: str
    line: str
    threshold: float
    """Its position from the top, 0 to 100."""
    top: str
    """The value at the top edge."""
    worst: float | None
    """The value closest to the threshold, or farthest beyond it."""


def axis(result: Replay) -> Axis | None:
    """Return the axis from the first minute of the logs to about the last change of state; None without times."""
    lines = result.counted.lines
    if not lines:
        return None
    start, log_end = min(lines), max(lines) + _MINUTE
    changes = [int(change.at.timestamp()) for item in result.alarms if item.alarmed for change in item.transitions]
    latest = max(changes, default=log_end) + _MINUTE
    return Axis(start=start, log_end=log_end, end=max(log_end, min(latest, log_end + max(log_end - start, _HOUR))))


def spans(item: AlarmReplay, axis: Axis) -> tuple[Span, ...]:
    """Return the states of an alarm, in order of time."""
    found = []
    for change, following in pairwise([*item.transitions, None]):
        assert change is not None  # only the last is None
        start = int(change.at.timestamp())
        end = None if following is None else int(following.at.timestamp())
        x = axis.x(start)
        width = round(axis.x(axis.end if end is None else end) - x, 3)
        found.append(Span(start=start, end=end, state=change.state, reason=change.reason, x=x, width=width))
    return tuple(found)


def chart(alarm: Alarm, data: Data, axis: Axis) -> Chart:
    """Build the chart of an alarm's metric."""
    rising = COMPARISONS[alarm.comparison] in (">", "≥")
    nearest: Callable[[float, float], float] = max if rising else min
    minutes = -(-(axis.end - axis.start) // _MINUTE)
    width = next((width for width in _WIDTHS if minutes / width <= _BUCKETS), -(-minutes // _BUCKETS // 1440) * 1440)
    buckets = tuple(_buckets(alarm, data, axis, width * _MINUTE, nearest))
    compared = [bucket.compared for bucket in buckets if bucket.compared is not None]
    shown = [*compared, *(bucket.minute for bucket in buckets if bucket.minute is not None)]
    high, low = max([alarm.threshold, 0.0, *shown]), min([alarm.threshold, 0.0, *shown])
    high = _round_above(high + (high - low) * 0.04)
    low -= (high - low) * 0.02  # so that a line at 0 is fully visible

    def y(value: float) -> float:
        return round(_HEIGHT * (high - value) / (high - low), 2)

    return Chart(
        buckets=buckets,
        minutes=width,
        bars=_bars(buckets, axis, width * _MINUTE, y),
        line=_line(buckets, axis, width * _MINUTE, y),
        threshold=y(alarm.threshold),
        top=figure(high),
        worst=reduce(nearest, compared) if compared else None,
    )


def _round_above(value: float) -> float:
    """Round up to a number that suits the end of an axis."""
    if value <= 0:
        return 1.0
    size: float = 10.0 ** floor(log10(value))
    return next(
        float(f"{step * size:.6g}") for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * size >= value
    )


def _buckets(
    alarm: Alarm, data: Data, axis: Axis, width: int, nearest: Callable[[float, float], float]
) -> Iterator[Bucket]:
    """Yield the columns. Only changes are examined, as a log may span years and be mostly empty."""
    number = -(-(axis.log_end - axis.start) // width)
    period = max(alarm.period, _MINUTE)
    own: dict[int, float] = {}
    compared: dict[int, float] = {}
    for minute, following in _steady(alarm, data, axis):
        places = range((minute - axis.start) // width, min((following - 1 - axis.start) // width + 1, number))
        value, seen = data.of(minute, _MINUTE), data.of(minute + _MINUTE - period, period)
        for place in places:
            if value is not None:
                own[place] = max(value, own.get(place, value))
            if seen is not None:
                compared[place] = nearest(seen, compared.get(place, seen))
    for place in range(number):
        yield Bucket(start=axis.start + place * width, minute=own.get(place), compared=compared.get(place))


def _steady(alarm: Alarm, data: Data, axis: Axis) -> Iterator[tuple[int, int]]:
    """Yield the ranges of time in which no value changes, from one minute up to another."""
    period = max(alarm.period, _MINUTE)
    near = range(axis.start, min(axis.start + period, axis.log_end), _MINUTE)  # the log covers part of their period
    changes = {axis.start, *near}
    for minute in data.minutes:
        changes |= {minute, minute + _MINUTE, minute + period}
    inside = sorted(minute for minute in changes if axis.start <= minute < axis.log_end)
    yield from pairwise([*inside, axis.log_end])


def _bars(buckets: Sequence[Bucket], axis: Axis, width: int, y: Callable[[float], float]) -> str:
    zero, parts = y(0), []
    for bucket in buckets:
        if bucket.minute:
            left, right = axis.x(bucket.start) * 10, axis.x(min(bucket.start + width, axis.log_end)) * 10
            gap = (right - left) * 0.12
            parts.append(f"M{left + gap:.1f} {zero:g}V{y(bucket.minute):g}H{right - gap:.1f}V{zero:g}Z")
    return "".join(parts)


def _line(buckets: Sequence[Bucket], axis: Axis, width: int, y: Callable[[float], float]) -> str:
    parts, drawing = [], False
    for bucket in buckets:
        if bucket.compared is None:
            drawing = False
            continue
        left, right = axis.x(bucket.start) * 10, axis.x(min(bucket.start + width, axis.log_end)) * 10
        level = y(bucket.compared)
        parts.append(f"V{level:g}H{right:.1f}" if drawing else f"M{left:.1f} {level:g}H{right:.1f}")
        drawing = True
    return "".join(parts)
