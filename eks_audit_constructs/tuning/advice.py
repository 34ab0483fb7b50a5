"""Turn the metric of a detection into advice: which threshold to set, whom to exclude, and why."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.replay.alarms import State, transitions
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.replay.matches import Matches
from eks_audit_constructs.replay.series import Series
from eks_audit_constructs.reports import duration
from eks_audit_constructs.templates.items import Alarm
from eks_audit_constructs.tuning.subjects import Subject

__all__ = ["Advice", "Outcome", "Trial", "advise"]

_LADDER = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_LONG = timedelta(hours=1)
_SHORTEST_WEEKS = 1 / 7
"""Logs shorter than a day are not extrapolated to a week."""


class Trial:
    """The matches of a metric filter in the logs, on which thresholds are tried.

    Args:
        subject: The alarm and its filter.
        matched: Number of events.
        series: Its metric.
    """

    def __init__(self, subject: Subject, matched: int, series: Series) -> None:
        self.subject, self.matched, self.series = subject, matched, series
        self._data: dict[int, Data] = {}

    def outcome(self, threshold: int) -> Outcome:
        """Return what the alarm would have done with this threshold, a number of events."""
        return _outcome(threshold, self._alarms(threshold))

    def quiet(self, allowed: int) -> Outcome | None:
        """Return the outcome of the lowest quiet threshold above the present one; see `Outcome.is_quiet`.

        Alarms do not become fewer with each higher threshold: one that lasts may turn into several short ones. So all
        thresholds are tried at which anything changes, each only until it is too loud.
        """
        present = self.subject.threshold
        for threshold in sorted({present + 1, *(value + 1 for value in self.values() if value > present)}):
            spans: list[tuple[datetime, datetime]] = []
            for span in self._alarms(threshold):
                spans.append(span)
                if not _outcome(threshold, spans).is_quiet(allowed):
                    break
            else:
                return _outcome(threshold, spans)
        return None

    def values(self) -> list[int]:
        """Return the numbers of events in the periods that are evaluated, rounded down, distinct and ascending."""
        if not self.matched:
            return []
        alarm = self.subject.at(max(self.subject.threshold, 2))  # see `Subject.looks_back`
        data = self._of(alarm)
        deque(transitions(alarm, data), maxlen=0)
        # Every threshold is evaluated at the same moments, so these are all values that it can be compared with.
        return sorted({math.floor(value) for value in data.points.values() if value and math.isfinite(value)})

    def _of(self, alarm: Alarm) -> Data:
        """Return what an alarm watches; all thresholds share the data points of their period."""
        if alarm.period not in self._data:
            self._data[alarm.period] = Data(alarm, {"": self.series})
        return self._data[alarm.period]

    def _alarms(self, threshold: int) -> Iterator[tuple[datetime, datetime]]:
        """Yield from when to when the alarm is in ALARM, at most until the logs end."""
        if not self.matched:
            return
        alarm, end = self.subject.at(threshold), datetime.fromtimestamp(self.series.coverage.end, UTC)
        since: datetime | None = None
        for change in transitions(alarm, self._of(alarm)):
            if since is not None:
                yield since, max(since, min(change.at, end))
            since = change.at if change.state is State.ALARM else None
        if since is not None:
            yield since, max(since, end)


def _outcome(threshold: int, spans: Iterable[tuple[datetime, datetime]]) -> Outcome:
    alarms = list(spans)
    lasted = sum((end - start for start, end in alarms), timedelta())
    return Outcome(threshold=threshold, alarms=tuple(start for start, _ in alarms), lasted=lasted)


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
        [present] = [outcome for outcome in self.outcomes if outcome.threshold == self.subject.threshold]
        return present

    @property
    def changes(self) -> bool:
        """Whether a change is suggested."""
        return self.exclude is not None or self.threshold != self.subject.threshold

    def a_week(self, outcome: Outcome) -> float | None:
        """Return the alarms per week; None if the logs are shorter than a day."""
        return len(outcome.alarms) / self.weeks if self.weeks >= _SHORTEST_WEEKS else None


def advise(
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
        trial: Its trial.
        weeks: Length of the logs in weeks.
        alarms_a_week: How often it may go off.
        behind: The principals and addresses that cause its events.
        principal: The principal that could be excluded, if any.
        without: The trial without this principal's events.
    """
    subject = trial.subject
    peak = max(trial.values(), default=0)
    present = subject.threshold
    allowed = max(1, math.floor(alarms_a_week * weeks))  # a single alarm is not noise
    outcomes = {limit: trial.outcome(limit) for limit in {present, *(step for step in _LADDER if step <= peak)}}
    now = outcomes[present]

    threshold, exclude = present, None
    if not trial.matched:
        grounds = "No events in these logs."
    elif now.is_quiet(allowed):
        grounds = f"At most {peak} in a period, and {now.in_words}: no change needed."
    else:
        rest = None if without is None else without.outcome(present)
        if rest is not None and rest.is_quiet(allowed) and principal is not None:
            exclude = principal
            share = round(100 * behind.by_principal.rows[0][1] / max(behind.total, 1))
            grounds = f"{principal} causes {share}% of the events. Without it: {rest.in_words}. Is it legitimate?"
        elif subject.severity is Severity.HIGH:
            grounds = f"{now.in_words}. A single event matters here, so keep the threshold and check who causes them."
        elif (quiet := trial.quiet(allowed)) is not None:
            threshold = quiet.threshold
            outcomes[threshold] = quiet
            grounds = f"At {present}: {now.in_words}. At {threshold}: {quiet.in_words}."
        else:
            grounds = f"{now.in_words}, and no threshold is quiet."
    return Advice(
        subject=subject,
        events=trial.matched,
        peak=peak,
        outcomes=tuple(outcomes[limit] for limit in sorted(outcomes)),
        threshold=threshold,
        exclude=exclude,
        grounds=grounds,
        behind=behind,
        weeks=weeks,
        noisy=not now.is_quiet(allowed),
    )
