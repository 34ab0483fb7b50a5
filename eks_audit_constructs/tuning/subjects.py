"""What can be tuned: detections of the catalogue, or alarms of a template, with their metric filters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Severity
from eks_audit_constructs.catalog.detection import PERIODS
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.replay.log_group import Reading, Told, read_as
from eks_audit_constructs.replay.plan import plan
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Key, MetricFilter, Template, labels

__all__ = ["Subject", "Subjects", "of_catalogue", "of_template"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """An alarm that can be tuned.

    Args:
        id: The detection's id, otherwise the metric filter's name.
        alarm: The alarm.
        filter: The metric filter that writes its metric.
        detection: The detection of the catalogue with this id, if any.
        on: Whether the alarm is in use, not only available.
    """

    id: str
    alarm: Alarm
    filter: MetricFilter
    detection: Detection | None
    on: bool

    @property
    def key(self) -> Key:
        """The alarm's key: the id alone is not unique over several templates."""
        return self.alarm.key

    @property
    def looks_back(self) -> tuple[int, int]:
        """The minutes over which events are counted, and how many such periods the alarm looks back.

        An alarm of `EksAudit` on a single event has a minute for each of both; see `Detection.evaluation`.
        """
        alarm, detection = self.alarm, self.detection
        minutes, periods = max(alarm.period // 60, 1), alarm.evaluation_periods
        if detection is None or (minutes, alarm.datapoints_to_alarm, self.threshold) != (1, 1, 1):
            return minutes, periods
        if periods == detection.period * detection.evaluation_periods:
            return detection.period, detection.evaluation_periods
        minutes = max(each for each in PERIODS if periods % each == 0)
        return minutes, periods // minutes

    @property
    def threshold(self) -> int:
        """The number of events at which the alarm goes off."""
        limit = self.alarm.threshold
        return math.ceil(limit) if COMPARISONS[self.alarm.comparison] == "≥" else math.floor(limit) + 1

    def at(self, threshold: int) -> Alarm:
        """Return the alarm with another threshold, a number of events; one of `EksAudit` as it would make it."""
        # "More than 9" and "10 or more" mean the same.
        limit = threshold if COMPARISONS[self.alarm.comparison] == "≥" else threshold - 1
        alarm = replace(self.alarm, threshold=limit)
        if self.detection is None or self.alarm.period % 60 or threshold == self.threshold:
            return alarm
        minutes, periods = self.looks_back
        if threshold == alarm.datapoints_to_alarm == 1:
            minutes, periods = 1, minutes * periods
        return replace(alarm, period=minutes * 60, evaluation_periods=periods)

    @property
    def severity(self) -> Severity | None:
        """The detection's severity; None without a detection."""
        return None if self.detection is None else self.detection.severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Subjects:
    """Alarms to try, their template, and why others cannot be tried."""

    subjects: tuple[Subject, ...]
    template: Template
    reading: Reading
    """The log groups as whose log each log is read."""
    untried: Mapping[str, str]
    of_logs: Callable[[Iterable[Told]], Subjects]
    """Returns the subjects for logs that tell these log groups."""

    @property
    def several(self) -> bool:
        """Whether the subjects are those of several templates, so that each needs its template."""
        return len({subject.key.template for subject in self.subjects}) > 1

    def excluding(self, unwanted: Mapping[Key, Expression]) -> Subjects:
        """Return the subjects with these keys, with metric filters that exclude these events."""
        chosen = [subject for subject in self.subjects if subject.key in unwanted]
        narrowed = []
        for subject in chosen:
            assert subject.filter.condition is not None  # or it could not be tried
            condition = subject.filter.condition & ~unwanted[subject.key]
            narrowed.append(replace(subject, filter=replace(subject.filter, condition=condition)))
        template = replace(
            self.template,
            filters=tuple(subject.filter for subject in narrowed),
            alarms=tuple(subject.alarm for subject in narrowed),
        )
        return Subjects(
            subjects=tuple(narrowed), template=template, reading=self.reading, untried={}, of_logs=self.of_logs
        )


def _counts_events(alarm: Alarm) -> bool:
    """Return whether an alarm goes off at a number of events."""
    simple = alarm.formula is None and [watched.statistic for watched in alarm.watched] == ["Sum"]
    return simple and COMPARISONS[alarm.comparison] in ("≥", ">")


def of_catalogue(detections: Iterable[Detection] = catalog.ALL) -> Subjects:
    """Return subjects for detections, as `EksAudit` would watch them; those of the default tier are on."""
    by_id = {detection.id: detection for detection in detections}
    template = from_catalog(by_id.values())

    def of_logs(groups: Iterable[Told]) -> Subjects:
        found = of_template(template, groups=groups)
        subjects = (
            replace(subject, detection=by_id[subject.id], on=subject.id in catalog.DEFAULT)
            for subject in found.subjects
        )
        return replace(found, subjects=tuple(subjects), of_logs=of_logs)

    return of_logs([None])


def of_template(
    template: Template, *, assume_log_group: str | None = None, groups: Iterable[Told] = (None,)
) -> Subjects:
    """Return subjects for the alarms of a template that go off at a number of events.

    Args:
        template: The template.
        assume_log_group: The log group of the logs that do not tell theirs, or tell one that no metric filter reads.
        groups: The log groups that the logs tell; `tune` asks again with those of the logs that it reads.

    Raises:
        AuditConfigurationError: No metric filter reads the log group.
    """
    reading = read_as(template, assumed=assume_log_group, names=groups)
    planned = plan(template, reading)
    names = labels(template.alarms, several=template.several)
    subjects: dict[Key, Subject] = {}
    untried: dict[str, str] = {}
    for item in planned.alarms.values():
        alarm, writers = item.alarm, item.filters
        if item.error is not None:
            untried[names[alarm.key]] = item.error
        elif alarm.rule is not None:
            untried[names[alarm.key]] = "a composite alarm has no threshold"
        elif not _counts_events(alarm):
            untried[names[alarm.key]] = "it does not go off at a number of events"
        elif len(writers) != 1:
            untried[names[alarm.key]] = f"{len(writers)} metric filters of this template write its metric"
        elif writers[0].key in subjects:
            untried[names[alarm.key]] = "another alarm watches the same metric"
        else:
            id = writers[0].filter_name
            detection = catalog.get(id) if id in catalog.ALL else None
            subjects[writers[0].key] = Subject(id=id, alarm=alarm, filter=writers[0], detection=detection, on=True)
    chosen = sorted(subjects.values(), key=lambda subject: (subject.id, subject.key))
    return Subjects(
        subjects=tuple(chosen),
        template=template,
        reading=reading,
        untried=untried,
        of_logs=lambda told: of_template(template, assume_log_group=assume_log_group, groups=told),
    )
