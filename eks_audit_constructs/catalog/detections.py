"""Several detections, chosen, tuned and switched off by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TypedDict, Unpack

from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.catalog.guards import Guard
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Detections", "Numbers"]


class Numbers(TypedDict, total=False):
    """What can be tuned; see `Detection`."""

    threshold: int
    period: int
    evaluation_periods: int
    datapoints_to_alarm: int
    severity: Severity


def _choices(id: object, ids: list[str]) -> str:
    near = difflib.get_close_matches(id, ids, n=3) if isinstance(id, str) else []
    return f"Did you mean {' or '.join(near)}?" if near else f"Choose one of {', '.join(ids)}."


class Detections:
    """An immutable set of detections, always in the order of their ids; `detections[id]` is one of them,
    and `id in detections` says whether it is.

    Raises:
        AuditConfigurationError: Something is no detection, or two share an id.
    """

    def __init__(self, detections: Iterable[Detection]) -> None:
        by_id: dict[str, Detection] = {}
        for detection in detections:
            if not isinstance(detection, Detection):
                raise AuditConfigurationError(
                    "detections",
                    value=detection,
                    limit="this is no Detection",
                    way_out="Take one from the catalog, as in catalog.get('forbidden-requests'), or make your own.",
                )
            if detection.id in by_id:
                raise AuditConfigurationError(
                    f"detection {detection.id!r}",
                    value=detection.title,
                    limit="two detections have this id; metrics, alarms and logical ids come from it",
                    way_out="Give one another id, or exchange the first with .replacing(...).",
                )
            by_id[detection.id] = detection
        self._by_id = dict(sorted(by_id.items()))

    def __getitem__(self, id: str) -> Detection:
        if id not in self._by_id:
            raise AuditConfigurationError(
                "detections",
                value=id,
                limit="there is no such detection",
                way_out=_choices(id, list(self._by_id)),
            )
        return self._by_id[id]

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __iter__(self) -> Iterator[Detection]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __repr__(self) -> str:
        return f"Detections({', '.join(self._by_id)})"

    def adding(self, *detections: Detection) -> Detections:
        """These and more."""
        return Detections([*self, *detections])

    def replacing(self, *detections: Detection) -> Detections:
        """These, with each of the given in place of the one of its id."""
        for detection in detections:
            self[detection.id]
        return self.without(*(detection.id for detection in detections)).adding(*detections)

    def tuned(self, id: str, **numbers: Unpack[Numbers]) -> Detections:
        """These, one of them with other numbers: `.tuned("forbidden-requests", threshold=25)`."""
        return self.replacing(self[id].tuned(**numbers))

    def excluding(self, id: str, unwanted: Expression | Guard) -> Detections:
        """These, one of them not counting these events: `.excluding("pod-exec", field("user.username") == "ci")`."""
        return self.replacing(self[id].excluding(unwanted))

    def select(self, *, severity: Severity | None = None, tag: str | None = None) -> Detections:
        """Those of this severity and with this tag; what is not given does not matter.

        Raises:
            AuditConfigurationError: None of these has this tag; the message names the tags there are.
        """
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
        """These, less the ones of these ids."""
        for id in ids:
            self[id]
        return Detections(detection for detection in self if detection.id not in ids)
