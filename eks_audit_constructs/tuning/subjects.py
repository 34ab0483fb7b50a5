"""What can be tuned: detections of the catalogue, or alarms of a template, with their metric filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Severity
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.template import COMPARISONS, Alarm, Template

__all__ = ["Subject", "Subjects", "of_catalogue", "of_template"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """An alarm that can be tuned.

    Args:
        id: The detection's id, otherwise the metric filter's name.
        alarm: The alarm.
        filter: The logical id of the metric filter that writes its metric.
        detection: The detection of the catalogue with this id, if any.
        on: Whether the alarm is in use, not only available.
    """

    id: str
    alarm: Alarm
    filter: str
    detection: Detection | None
    on: bool

    @property
    def severity(self) -> Severity | None:
        """The detection's severity; None without a detection."""
        return None if self.detection is None else self.detection.severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Subjects:
    """Alarms to try, their template, and why others cannot be tried."""

    subjects: tuple[Subject, ...]
    template: Template
    untried: Mapping[str, str]

    def excluding(self, unwanted: Mapping[str, Expression]) -> Subjects:
        """Return the subjects with these ids, with metric filters that exclude these events."""
        chosen = [subject for subject in self.subjects if subject.id in unwanted]
        by_filter = {subject.filter: unwanted[subject.id] for subject in chosen}
        filters = tuple(
            replace(item, condition=item.condition & ~by_filter[item.logical_id])
            for item in self.template.filters
            if item.logical_id in by_filter and item.condition is not None
        )
        alarms = tuple(subject.alarm for subject in chosen)
        return Subjects(
            subjects=tuple(chosen), template=replace(self.template, filters=filters, alarms=alarms), untried={}
        )


def of_catalogue(detections: Iterable[Detection] = catalog.ALL) -> Subjects:
    """Return subjects for detections, as `EksAudit` would watch them; those of the default tier are on."""
    by_id = {detection.id: detection for detection in detections}
    found = of_template(from_catalog(by_id.values()))
    subjects = (
        replace(subject, detection=by_id[subject.id], on=subject.id in catalog.DEFAULT) for subject in found.subjects
    )
    return replace(found, subjects=tuple(subjects))


def of_template(template: Template) -> Subjects:
    """Return subjects for the alarms of a template that go off at a number of events."""
    subjects: dict[str, Subject] = {}
    untried: dict[str, str] = {}
    for alarm in template.alarms:
        writers = [item for item in template.filters if item.metric is not None and item.metric == alarm.metric]
        if alarm.error is not None:
            untried[alarm.alarm_name] = alarm.error
        elif alarm.statistic != "Sum" or COMPARISONS[alarm.comparison] not in ("≥", ">"):
            untried[alarm.alarm_name] = "it does not go off at a number of events"
        elif len(writers) != 1:
            untried[alarm.alarm_name] = f"{len(writers)} metric filters of this template write its metric"
        elif writers[0].filter_name in subjects:
            untried[alarm.alarm_name] = "another alarm watches the same metric"
        else:
            id = writers[0].filter_name
            detection = catalog.get(id) if id in catalog.ALL else None
            subjects[id] = Subject(id=id, alarm=alarm, filter=writers[0].logical_id, detection=detection, on=True)
    return Subjects(subjects=tuple(subjects[id] for id in sorted(subjects)), template=template, untried=untried)
