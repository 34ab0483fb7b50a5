"""Sets of detections, chosen, tuned and switched off by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import TypedDict, Unpack

from eks_audit_constructs.arguments import check
from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.guards import Guard
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Detections", "Numbers"]


class Numbers(TypedDict, total=False):
    """The numbers that can be tuned; see `Detection`."""

    threshold: int
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    severity: Severity


def _choices(id: object, ids: list[str]) -> str:
    near = difflib.get_close_matches(id, ids, n=3) if isinstance(id, str) else []
    return f"Did you mean {' or '.join(near)}?" if near else f"Choose one of {', '.join(ids)}."


def _only(detections: Iterable[Detection]) -> Sequence[Detection]:
    """The values if all are detections."""
    return tuple(check(detections, Iterable[Detection], name="detections", where="detections"))


class Detections:
    """An immutable set of detections, sorted by id.

    `detections[id]` returns one of them, and `id in detections` tests for one.

    Raises:
        AuditConfigurationError: One of the arguments is not a detection, or two detections share an id or the name of
            a metric.
    """

    def __init__(self, detections: Iterable[Detection]) -> None:
        by_id: dict[str, Detection] = {}
        by_metric: dict[str, str] = {}
        for detection in _only(detections):
            if detection.id in by_id:
                raise AuditConfigurationError(
                    f"detection {detection.id!r}",
                    value=detection.title,
                    limit="two detections have this id; metrics, alarms and logical ids are named after it",
                    way_out="Give one another id, or replace the first with .replacing(...).",
                )
            if detection.metric_name in by_metric:
                raise AuditConfigurationError(
                    f"detection {detection.id!r}",
                    value=detection.metric_name,
                    limit=f"the metric of {by_metric[detection.metric_name]!r} has this name too",
                    way_out="Give one another id: hyphens alone do not tell them apart.",
                )
            by_id[detection.id] = detection
            by_metric[detection.metric_name] = detection.id
        self._by_id = dict(sorted(by_id.items()))

    def __getitem__(self, id: str) -> Detection:
        if id not in self:
            raise AuditConfigurationError(
                "detections",
                value=id,
                limit="there is no such detection",
                way_out=_choices(id, list(self._by_id)),
            )
        return self._by_id[id]

    def __contains__(self, id: str) -> bool:
        return isinstance(id, str) and id in self._by_id

    def __iter__(self) -> Iterator[Detection]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"Detections({', '.join(self._by_id)})"

    def adding(self, *detections: Detection) -> Detections:
        """Return these detections and more."""
        return Detections([*self, *detections])

    def replacing(self, *detections: Detection) -> Detections:
        """Return these detections, with the given ones in place of those with the same ids."""
        for detection in _only(detections):
            self[detection.id]
        return self.without(*(detection.id for detection in detections)).adding(*detections)

    def tuned(self, id: str, **numbers: Unpack[Numbers]) -> Detections:
        """Return these detections, one with other numbers: `.tuned("forbidden-requests", threshold=25)`."""
        return self.replacing(self[id].tuned(**numbers))

    def excluding(self, id: str, unwanted: Expression | Guard) -> Detections:
        """Exclude events from one of these detections: `.excluding("pod-exec", field("user.username") == "ci")`."""
        return self.replacing(self[id].excluding(unwanted))

    def select(self, *, severity: Severity | None = None, tag: str | None = None) -> Detections:
        """Return those with this severity and this tag. Default: any severity, any tag.

        Raises:
            AuditConfigurationError: None of these detections has this tag; the message lists the tags.
        """
        check(severity, Severity | None, name="severity", where="detections")
        tags = sorted({word for detection in self for word in detection.tags})
        if tag is not None and tag not in tags:
            raise AuditConfigurationError(
                "detections", value=tag, limit="no detection has this tag", way_out=f"Choose one of {', '.join(tags)}."
            )
        return Detections(
            detection
            for detection in self
            if (severity is None or detection.severity is severity) and (tag is None or tag in detection.tags)
        )

    def without(self, *ids: str) -> Detections:
        """Return these detections without those with these ids."""
        for id in ids:
            self[id]
        return Detections(detection for detection in self if detection.id not in ids)
