"""Periods of time, and the times that begin them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-operations-functions.html
"""

from __future__ import annotations

from eks_audit_constructs.insights.syntax import Period
from eks_audit_constructs.insights.values import UnsupportedInQueryError

__all__ = ["ceiling", "floor"]

_UNITS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("mo", "mon", "mons", "month", "months"), "month"),
    **dict.fromkeys(("q", "qtr", "qtrs", "quarter", "quarters"), "quarter"),
    **dict.fromkeys(("y", "yr", "yrs", "year", "years"), "year"),
}
_MICROSECONDS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_MOST_DAYS = 10_000
_CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}
"""CloudWatch takes a greater number for this one."""


def floor(instant: str, period: Period) -> str:
    """The beginning, in UTC, of the period that holds an instant, both as SQL.

    Raises:
        UnsupportedInQueryError: CloudWatch takes another period in its place, or does not say when one begins.
    """
    unit = _unit(period)
    if unit not in _MICROSECONDS:
        return f"calendar_floor({instant}, '{unit}')"
    return f"moment_floor({instant}, {period.count * _MICROSECONDS[unit]})"


def ceiling(instant: str, period: Period) -> str:
    """The end of that period; an instant that begins one stays.

    Raises:
        UnsupportedInQueryError: As for `floor`; also for months, quarters and years.
    """
    unit = _unit(period)
    if unit not in _MICROSECONDS:
        raise UnsupportedInQueryError("dateceil() takes milliseconds to days here", "Use datefloor().")
    length = period.count * _MICROSECONDS[unit]
    return f"moment_floor({instant} + {length - 1}, {length})"


def _unit(period: Period) -> str:
    unit = _UNITS.get(period.unit)
    if unit is None:
        raise UnsupportedInQueryError("CloudWatch does not say on which day a week begins", "Use days, as in 7d.")
    if period.count < 1:
        raise UnsupportedInQueryError("a period is not empty", "Write 1 or more.")
    if unit == "d" and period.count > _MOST_DAYS:
        raise UnsupportedInQueryError(f"a period has at most {_MOST_DAYS:,} days here", "Write fewer.")
    if unit not in _MICROSECONDS and period.count > 1:
        raise UnsupportedInQueryError("CloudWatch does not say when several of these begin", "Use one, or days.")
    if period.count > _CAPS.get(unit, period.count):
        raise UnsupportedInQueryError(
            f"CloudWatch takes no more than {_CAPS[unit]}{unit}, and counts that in place of it",
            "Use the next greater unit: 5m, not 300s.",
        )
    return unit
