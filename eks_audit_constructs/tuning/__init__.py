"""Tuning: what each threshold would have meant on a cluster's own logs, and what to change.

from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.subjects import of_catalogue

for advice in tune(of_catalogue(), ["audit.jsonl.gz"]).advice:
    print(advice.subject.id, advice.threshold, advice.grounds)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.audit_logs.logs import Source
from eks_audit_constructs.conditions.expression import field
from eks_audit_constructs.replay.counting.counts import Coverage, LogCounts
from eks_audit_constructs.replay.log_group import told
from eks_audit_constructs.replay.matches import Matches, matches
from eks_audit_constructs.replay.plan import Plan, plan
from eks_audit_constructs.templates.items import Key
from eks_audit_constructs.tuning.advice import Advice, Trial, advise
from eks_audit_constructs.tuning.subjects import Subject, Subjects

if TYPE_CHECKING:
    from eks_audit_constructs.replay.counted import Counted

__all__ = ["Advice", "Tuning", "tune"]

_DAY = 86_400
_HABIT = 10
"""Minimum events of a principal that look like a habit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuning:
    """Advice on all detections that were tried.

    Args:
        counted: The counts of the logs.
        days: Days from the first event to the last.
        advice: The advice on each detection, sorted by id.
        untried: Why other detections or alarms could not be tried, by name, with the template where there are several.
        several: Whether the detections are those of several templates.
        notes: Skipped and damaged input.
    """

    counted: LogCounts
    days: float
    advice: tuple[Advice, ...]
    untried: Mapping[str, str]
    several: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counts:
    """The counts of the logs for some subjects."""

    subjects: Subjects
    planned: Plan
    counted: Counted

    def matched(self, subject: Subject) -> int:
        """Return the number of events that a subject matches."""
        return self.planned.filters[subject.filter.key].matched(self.counted.whole)

    def trial(self, key: Key) -> Trial:
        """Return the trial of a subject; for long logs it is large, so do not keep many at a time."""
        [subject] = [subject for subject in self.subjects.subjects if subject.key == key]
        [metric] = self.planned.alarms[key].metrics
        counted = self.counted.groups[metric.group]
        return Trial(subject, self.matched(subject), metric.series(counted))


def tune(
    subjects: Subjects,
    logs_: Iterable[Source],
    *,
    alarms_a_week: float = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Tuning:
    """Try thresholds on audit logs, and exclusions of the principals that cause most of the events.

    The logs are read three times: to count the events, to find who caused them, and to count without these principals.

    Args:
        subjects: The detections to try; see `subjects`.
        logs_: Audit logs: files, folders, or `-` for standard input.
        alarms_a_week: How often each detection may go off before a change is suggested.
        progress: Called with a description and the fraction that is done, 0 to 1.

    Raises:
        LogError: A log cannot be read.
    """
    from eks_audit_constructs.replay import counted as counting  # DuckDB takes a while to load

    report = progress or (lambda what, share: None)

    notes: list[str] = []
    with logs.opened(logs_, say=notes.append) as found:

        def counts(of: Subjects, what: str) -> _Counts:
            planned = plan(of.template, of.reading)
            counted = counting.count(found, planned, progress=lambda share: report(what, share))
            return _Counts(subjects=of, planned=planned, counted=counted)

        subjects = subjects.of_logs(map(told, found))
        present = counts(subjects, "Counting events")
        seen = [subject for subject in subjects.subjects if present.matched(subject)]
        causes: dict[Key, Matches] = {}
        if seen:
            report("Finding who caused them", 0)
            conditions = subjects.template.conditions({subject.filter.key for subject in seen})
            causes = matches(conditions, found, read_by=present.planned.read_by, events=0)
        unwanted = {subject.key: who for subject in seen if (who := _most(causes[subject.filter.key])) is not None}
        without: _Counts | None = None
        if unwanted:
            narrowed = subjects.excluding({key: field("user.username") == who for key, who in unwanted.items()})
            without = counts(narrowed, "Trying exclusions")
    counted = present.counted.whole
    advice = [
        advise(
            trial := present.trial(subject.key),
            weeks=_weeks(trial.series.coverage),
            alarms_a_week=alarms_a_week,
            behind=causes.get(subject.filter.key, Matches()),
            principal=unwanted.get(subject.key),
            without=without.trial(subject.key) if without is not None and subject.key in unwanted else None,
        )
        for subject in subjects.subjects
    ]
    return Tuning(
        counted=counted,
        days=_weeks(counted.coverage) * 7,
        advice=tuple(advice),
        untried=subjects.untried,
        several=subjects.several,
        notes=(*subjects.reading.notes, *subjects.template.notes, *notes),
    )


def _weeks(coverage: Coverage) -> float:
    """Return the weeks from the first minute of logs to the last, 0 if there are none."""
    return (coverage.end - coverage.first) / (7 * _DAY)


def _most(found: Matches) -> str | None:
    """Return the principal that causes at least half of the events, and enough of them to be a habit.

    Anonymous and unnamed principals are never excluded, as they could be anyone; nor are names with a `*`, which would
    match others in a filter pattern.
    """
    if not found.by_principal.rows:
        return None
    who, events = found.by_principal.rows[0]
    named = who and who != "system:anonymous" and "*" not in who
    return who if named and events >= max(_HABIT, found.total / 2) else None
