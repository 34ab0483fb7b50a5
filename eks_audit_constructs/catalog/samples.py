"""Sample events for each detection: what must match, and what comes close and must not. One file a theme.

Each is an event of a real API server under the audit policy of EKS, as it was recorded, or with the changes the file
says: a JSON merge patch (RFC 7386), in which null takes a field out.
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
    """An audit event and whether a detection has to match it.

    Args:
        detection: The detection's id.
        matches: Whether it has to match.
        says: What happens in the event, in a few words.
        recorded: Where the event was recorded: scenario and line.
        change: What was changed in it; nothing where it is as recorded.
        text: A line of another component in place of an event.
    """

    detection: str
    matches: bool
    says: str
    recorded: str = ""
    change: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    @property
    def source(self) -> str:
        """Where the event is from, in words."""
        if self.text is not None:
            return "a line of another component"
        return f"{'a variation of' if self.change else 'recorded,'} {self.recorded}"

    @property
    def event(self) -> dict[str, Any]:
        """The event itself; empty for a line that is none."""
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
    """The samples of a detection; none for silence."""
    return [sample for sample in _all() if sample.detection == id]


@cache
def _all() -> tuple[Sample, ...]:
    files = sorted((Path(__file__).parent / "themes").glob("*.json"))
    return tuple(Sample(**entry) for file in files for entry in json.loads(file.read_text(encoding="utf-8")))


def _patched(value: object, change: object) -> object:
    """RFC 7386, https://www.rfc-editor.org/rfc/rfc7386"""
    if not isinstance(change, dict):
        return change
    patched = dict(value) if isinstance(value, dict) else {}
    for key, part in change.items():
        if part is None:
            patched.pop(key, None)
        else:
            patched[key] = _patched(patched.get(key), part)
    return patched
