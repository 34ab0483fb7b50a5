"""Turn the metric of a detection into advice: which threshold to set, whom to exclude, and why."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.replay.alarms import History, State, transitions
from eks_audit_constructs.replay.matches import Matches
from eks_audit_constructs.reports import duration
from eks_audit_constructs.templates.items import COMPARISONS, Alarm
from eks_audit_constructs.tuning.subjects import Subject

__all__ = ["Advice", "Outcome", "Trial", "advise"]

_LADDER = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LONG = timedelta(hours=1)
_SHORTEST_WEEKS = 1 / 7
"""Logs shorter than a day are not extrapolated to a week."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The matches of a metric filter in the logs, on which thresholds are tried.

    Args:
        matched: Number of events.
        history: Its metric.
        first: The logs' first minute, in seconds since 1970.
        last: The logs' last minute, in seconds since 1970.
    """

    matched: int
    history: History
    first: int
    last: int

    def outcome(self, alarm: Alarm, threshold: int) -> Outcome:
        """Return what the alarm would have done with this threshold, a number of events."""
        # "More than 9" and "10 or more" mean the same.
        limit = threshold if COMPARISONS[alarm.comparison] == "≥" else threshold - 1
        tried = replace(alarm, threshold=limit)
        changes = transitions(tried, self.history, first=self.first, last=self.last) if self.matched else ()
        ends = [*(change.at for change in changes[1:]), datetime.fromtimestamp(self.last + 60, UTC)]
        spans = [(change.at, end) for change, end in zip(changes, ends, strict=False) if change.state is State.ALARM]
        lasted = sum((max(end - start, timedelta()) for start, end in spans), timedelta())
        return Outcome(threshold=threshold, alarms=tuple(start for start, _ in spans), lasted=lasted)

    def peaks(self, period: int) -> list[int]:
        """Return the sums of all windows of a period (in seconds) that end with an event, distinct and ascending."""
        minutes, totals = self.history.minutes, self.history.totals
        ends = (bisect_left(minutes, minute) + 1 for minute in self.history.eventful)
        return sorted({int(totals[end] - totals[bisect_left(minutes, minutes[end - 1] + 60 - period)]) for end in ends})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an alarm would have done with some threshold.

    Args:
        threshold: The number of events at which the alarm goes off.
        alarms: When it goes off.
        lasted: Total time in alarm, at most until the logs end.
    """

    threshold: int
    alarms: tuple[datetime, ...]
    lasted: timedelta

    def is_quiet(self, allowed: int) -> bool:
        """Return whether it goes off `allowed` times at most, for as many hours: a lasting alarm says nothing."""
        return len(self.alarms) <= allowed and self.lasted <= allowed * _LONG

    @property
    def in_words(self) -> str:
        """`3 alarms`, with their duration if it is more than an hour."""
        number = f"{len(self.alarms)} alarm{'' if len(self.alarms) == 1 else 's'}"
        return number if self.lasted <= _LONG else f"{number}, {duration(self.lasted.total_seconds())} in all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What to do about one detection.

    Args:
        subject: The detection.
        events: Number of events that it matches.
        peak: Maximum number of events within one period.
        outcomes: The outcomes of several thresholds, including the present one, in ascending order.
        threshold: The suggested threshold; the present one if no other is suggested.
        exclude: The principal to exclude, if that is suggested.
        grounds: Why.
        behind: The principals and addresses that cause the events.
        weeks: Length of the logs in weeks.
        noisy: Whether it goes off more often, or for longer, than allowed.
    """

    subject: Subject
    events: int
    peak: int
    outcomes: tuple[Outcome, ...]
    threshold: int
    exclude: str | None
    grounds: str
    behind: Matches
    weeks: float
    noisy: bool

    @property
    def template(self) -> str:
        """The name of the template that has the alarm."""
        return self.subject.key.template

    @property
    def present(self) -> Outcome:
        """The outcome of the present threshold."""
        [present] = [outcome for outcome in self.outcomes if outcome.threshold == _threshold(self.subject.alarm)]
        return present

    @property
    def changes(self) -> bool:
        """Whether a change is suggested."""
        return self.exclude is not None or self.threshold != _threshold(self.subject.alarm)

    def a_week(self, outcome: Outcome) -> float | None:
        """Return the alarms per week; None if the logs are shorter than a day."""
        return len(outcome.alarms) / self.weeks if self.weeks >= _SHORTEST_WEEKS else None


def advise(
    subject: Subject,
    trial: Trial,
    *,
    weeks: float,
    alarms_a_week: float,
    behind: Matches,
    principal: str | None,
    without: Trial | None,
) -> Advice:
    """Return advice on one detection.

    Args:
        subject: The detection.
        trial: Its trial.
        weeks: Length of the logs in weeks.
        alarms_a_week: How often it may go off.
        behind: The principals and addresses that cause its events.
        principal: The principal that could be excluded, if any.
        without: The trial without this principal's events.
    """
    peaks = trial.peaks(subject.alarm.period)
    peak = peaks[-1] if peaks else 0
    present = _threshold(subject.alarm)
    allowed = max(1, math.floor(alarms_a_week * weeks))  # a single alarm is not noise
    limits = sorted({present, *(step for step in _LADDER if step <= peak)})
    outcomes = tuple(trial.outcome(subject.alarm, limit) for limit in limits)
    now = next(outcome for outcome in outcomes if outcome.threshold == present)

    threshold, exclude = present, None
    if not trial.matched:
        grounds = "No events in these logs."
    elif now.is_quiet(allowed):
        grounds = f"At most {peak} in a period, and {now.in_words}: no change needed."
    else:
        rest = None if without is None else without.outcome(subject.alarm, present)
        if rest is not None and rest.is_quiet(allowed) and principal is not None:
            exclude = principal
            share = round(100 * behind.by_principal.rows[0][1] / max(behind.total, 1))
            grounds = f"{principal} causes {share}% of the events. Without it: {rest.in_words}. Is it legitimate?"
        elif subject.severity is Severity.HIGH:
            grounds = f"{now.in_words}. A single event matters here, so keep the threshold and check who causes them."
        else:
            quiet = _quiet(trial, subject.alarm, peaks, allowed)
            threshold = quiet.threshold
            grounds = f"At {present}: {now.in_words}. At {threshold}: {quiet.in_words}."
    if threshold != present:
        limits = sorted({*limits, threshold})
        outcomes = tuple(trial.outcome(subject.alarm, limit) for limit in limits)
    return Advice(
        subject=subject,
        events=trial.matched,
        peak=peak,
        outcomes=outcomes,
        threshold=threshold,
        exclude=exclude,
        grounds=grounds,
        behind=behind,
        weeks=weeks,
        noisy=not now.is_quiet(allowed),
    )


def _threshold(alarm: Alarm) -> int:
    """Return the number of events at which an alarm goes off."""
    return math.ceil(alarm.threshold) if COMPARISONS[alarm.comparison] == "≥" else math.floor(alarm.threshold) + 1


def _quiet(trial: Trial, alarm: Alarm, peaks: Sequence[int], allowed: int) -> Outcome:
    """Return the outcome of the lowest quiet threshold, of those just above a sum that occurred."""
    low, high = 0, len(peaks) - 1  # above the highest sum it is silent
    while low < high:
        middle = (low + high) // 2
        if trial.outcome(alarm, peaks[middle] + 1).is_quiet(allowed):
            high = middle
        else:
            low = middle + 1
    return trial.outcome(alarm, peaks[low] + 1)
