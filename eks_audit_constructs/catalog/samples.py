"""Sample events for each detection: what must match, and what comes close but must not. One file per theme.

Each is an event of a real API server under the audit policy of EKS, as recorded or changed by a JSON merge patch
(RFC 7386) in the file, in which null removes a field.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from eks_audit_constructs import recordings

__all__ = ["Sample", "samples"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An audit event, and whether a detection must match it.

    Args:
        detection: The detection's id.
        matches: Whether it must match.
        says: What happens in the event, in a few words.
        recorded: Where the event was recorded: scenario and line.
        change: What was changed in it; empty if it is as recorded.
        text: A line of another component, in place of an event.
    """

    detection: str
    matches: bool
    says: str
    recorded: str = ""
    change: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    @property
    def source(self) -> str:
        """Where the event comes from, in words."""
        if self.text is not None:
            return "a line of another component"
        return f"{'a variation of' if self.change else 'recorded,'} {self.recorded}"

    @property
    def event(self) -> dict[str, Any]:
        """The event itself; empty for a line of another component."""
        if self.text is not None:
            return {}
        scenario, line = self.recorded.split(":")
        changed = _patched(recordings.event(scenario, int(line)), self.change)
        assert isinstance(changed, dict)
        return changed

    @property
    def line(self) -> str:
        """The log line, written as the API server writes it."""
        return json.dumps(self.event, separators=(",", ":"), ensure_ascii=False) if self.text is None else self.text


def samples(id: str) -> list[Sample]:
    """Return the samples of a detection; none if it counts all log events."""
    return [sample for sample in _all() if sample.detection == id]


@cache
def _all() -> tuple[Sample, ...]:
    files = sorted((Path(__file__).parent / "themes").glob("*.json"))
    return tuple(Sample(**entry) for file in files for entry in json.loads(file.read_text(encoding="utf-8")))


def _patched(value: object, change: object) -> object:
    """Apply a merge patch: https://www.rfc-editor.org/rfc/rfc7386"""
    if not isinstance(change, dict):
        return change
    patched = dict(value) if isinstance(value, dict) else {}
    for key, part in change.items():
        if part is None:
            patched.pop(key, None)
        else:
            patched[key] = _patched(patched.get(key), part)
    return patched
