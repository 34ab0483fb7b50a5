"""From a metric's minutes to advice: which threshold, whom to leave out, and why."""

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
from eks_audit_constructs.templates.template import COMPARISONS, Alarm
from eks_audit_constructs.tuning.subjects import Subject

__all__ = ["Advice", "Outcome", "Trial", "advise"]

_LADDER = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LONG = timedelta(hours=1)
_SHORTEST_WEEKS = 1 / 7
"""Below a day, a week's alarms are not told from what there is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What the logs hold for one metric filter.

    Args:
        matched: Events.
        history: Its metric.
        first: The logs' first minute, in seconds since 1970.
        last: Their last.
    """

    matched: int
    history: History
    first: int
    last: int

    def outcome(self, alarm: Alarm, threshold: int) -> Outcome:
        """What the alarm would have done if it went off at this many events."""
        # Of the two comparisons, "more than 9" and "10 or more" mean the same.
        limit = threshold if COMPARISONS[alarm.comparison] == "≥" else threshold - 1
        tried = replace(alarm, threshold=limit)
        changes = transitions(tried, self.history, first=self.first, last=self.last) if self.matched else ()
        ends = [*(change.at for change in changes[1:]), datetime.fromtimestamp(self.last + 60, UTC)]
        spans = [(change.at, end) for change, end in zip(changes, ends, strict=False) if change.state is State.ALARM]
        lasted = sum((max(end - start, timedelta()) for start, end in spans), timedelta())
        return Outcome(threshold=threshold, alarms=tuple(start for start, _ in spans), lasted=lasted)

    def peaks(self, period: int) -> list[int]:
        """The sums of all windows of a period (in seconds) that end with an event, each value once, in order."""
        minutes, totals = self.history.minutes, self.history.totals
        ends = (bisect_left(minutes, minute) + 1 for minute in self.history.eventful)
        return sorted({int(totals[end] - totals[bisect_left(minutes, minutes[end - 1] + 60 - period)]) for end in ends})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a threshold would have meant.

    Args:
        threshold: The number of events at which the alarm goes off.
        alarms: When it does.
        lasted: How long it is in alarm in all, until it calms down when the logs are over.
    """

    threshold: int
    alarms: tuple[datetime, ...]
    lasted: timedelta

    def is_quiet(self, allowed: int) -> bool:
        """It goes off no more often than allowed, and is over within the hour: an alarm that stays tells nothing."""
        return len(self.alarms) <= allowed and self.lasted <= allowed * _LONG

    @property
    def in_words(self) -> str:
        """`3 alarms`, with how long they last if that is long."""
        number = f"{len(self.alarms)} alarm{'' if len(self.alarms) == 1 else 's'}"
        return number if self.lasted <= _LONG else f"{number}, {duration(self.lasted.total_seconds())} in all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """What to do about one detection.

    Args:
        subject: The detection.
        events: How many events it matches in the logs.
        peak: The most of them within one period.
        outcomes: What some thresholds would have meant, the present one among them; in order.
        threshold: The threshold suggested; the present one if it is right.
        exclude: The principal whose events to leave out, if that is suggested.
        grounds: Why.
        behind: Who and where from.
        weeks: How long the logs are.
        noisy: It goes off more often, or for longer, than it may.
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
    def present(self) -> Outcome:
        """What the present threshold would have meant."""
        [outcome] = [one for one in self.outcomes if one.threshold == _threshold(self.subject.alarm)]
        return outcome

    @property
    def changes(self) -> bool:
        """Whether anything is to be changed."""
        return self.exclude is not None or self.threshold != _threshold(self.subject.alarm)

    def a_week(self, outcome: Outcome) -> float | None:
        """Alarms a week; None when the logs are shorter than a day."""
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
    """Advise on one detection.

    Args:
        subject: The detection.
        trial: What the logs hold for it.
        weeks: How long the logs are.
        alarms_a_week: How often it may go off.
        behind: Who and where from.
        principal: Who causes at least half of the events.
        without: The same without them.
    """
    peaks = trial.peaks(subject.alarm.period)
    peak = peaks[-1] if peaks else 0
    present = _threshold(subject.alarm)
    allowed = max(1, math.floor(alarms_a_week * weeks))  # a single alarm is no noise
    limits = sorted({present, *(step for step in _LADDER if step <= peak)})
    outcomes = tuple(trial.outcome(subject.alarm, limit) for limit in limits)
    now = next(one for one in outcomes if one.threshold == present)

    threshold, exclude = present, None
    if not trial.matched:
        grounds = "No such event in these logs."
    elif now.is_quiet(allowed):
        grounds = f"At most {peak} in a period, and {now.in_words}: leave it."
    else:
        rest = None if without is None else without.outcome(subject.alarm, present)
        if rest is not None and rest.is_quiet(allowed) and principal is not None:
            exclude = principal
            share = round(100 * behind.by_principal.rows[0][1] / max(behind.total, 1))
            grounds = f"{principal} causes {share} % of the events. Without it: {rest.in_words}. Is it what it seems?"
        elif subject.severity is Severity.HIGH:
            grounds = f"{now.in_words}. One event matters here, so no higher threshold: see who is behind them."
        else:
            quiet = _quiet(trial, subject.alarm, peaks, allowed)
            threshold = quiet.threshold
            grounds = f"{now.in_words} at {present}; at {threshold} it is {quiet.in_words}."
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
    """The number of events at which it goes off."""
    return math.ceil(alarm.threshold) if COMPARISONS[alarm.comparison] == "≥" else math.floor(alarm.threshold) + 1


def _quiet(trial: Trial, alarm: Alarm, peaks: Sequence[int], allowed: int) -> Outcome:
    """The lowest threshold, just above a sum that did occur, at which the alarm is quiet."""
    low, high = 0, len(peaks) - 1  # above the highest sum it is silent
    while low < high:
        middle = (low + high) // 2
        if trial.outcome(alarm, peaks[middle] + 1).is_quiet(allowed):
            high = middle
        else:
            low = middle + 1
    return trial.outcome(alarm, peaks[low] + 1)
