"""Sample events: what a detection must match, and what comes close but must not.

Those of the catalogue are in one file per theme. Each is an event of a real API server under the audit policy of EKS,
as recorded or changed by a JSON merge patch (RFC 7386) in the file, in which null removes a field. Files of your own
have the same form (`read`), with events of your own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

from eks_audit_constructs import recordings
from eks_audit_constructs.audit_events.findings import Rule, tell
from eks_audit_constructs.audit_events.never import shown
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import And, Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Sample", "parsed", "read", "samples", "try_out"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An audit event, and whether a detection must match it.

    It is given as `event`, as `recorded`, or as `text`.

    Args:
        matches: Whether it must match.
        says: What happens in the event, in a few words.
        detection: The detection's id. Default: that of the detection that has it, or any, in a file.
        event: The event, as the API server writes it.
        recorded: Where the event was recorded: scenario and line of this library's recordings, as in `benign_day:8`.
        change: What is changed in the event, as a JSON merge patch: null removes a field. Default: nothing.
        text: A line of another component, in place of an event.

    Raises:
        AuditConfigurationError: The event is given in none of these ways, or in several; it was not recorded.
    """

    matches: bool
    says: str = ""
    detection: str = ""
    event: Mapping[str, Any] | None = None
    recorded: str = ""
    change: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None

    def __post_init__(self) -> None:
        given = [self.event is not None, bool(self.recorded), self.text is not None]
        checks: list[tuple[bool, object, str, str]] = [
            (type(self.matches) is bool, self.matches, "matches is true or false", "Say which."),
            (isinstance(self.says, str), self.says, "says is text", "Say what happens in the event."),
            (isinstance(self.detection, str), self.detection, "detection is text", "Give a detection's id."),
            (isinstance(self.recorded, str), self.recorded, "recorded is text", "Write it as in 'benign_day:8'."),
            (
                sum(given) == 1,
                self.says,
                "a sample is given as an event, or as recorded, or as text",
                'Give one of them: event={"kind": "Event", …}.',
            ),
            (
                self.event is None or _is_json_object(self.event),
                self.event,
                "an event is a JSON object",
                "Give the event as a dictionary of JSON values.",
            ),
            (_is_json_object(self.change), self.change, "a change is a JSON object", "Give it as a dictionary."),
            (
                self.text is None or (isinstance(self.text, str) and not self.change),
                self.text,
                "a line of text cannot be changed",
                "Give the text as it is.",
            ),
        ]
        for holds, value, limit, way_out in checks:
            if not holds:
                raise AuditConfigurationError("sample", value=value, limit=limit, way_out=way_out)

    @property
    def source(self) -> str:
        """Where the event comes from, in words."""
        if self.text is not None:
            return "a line of another component"
        origin = self.recorded or "an event of your own"
        return f"a variation of {origin}" if self.change else f"recorded, {origin}" if self.recorded else origin

    @property
    def logged(self) -> dict[str, Any]:
        """The event itself; empty for a line of another component.

        Raises:
            AuditConfigurationError: There is no such recording.
        """
        if self.text is not None:
            return {}
        changed = _patched(_recorded(self.recorded) if self.event is None else self.event, self.change)
        assert isinstance(changed, dict)
        return changed

    @property
    def line(self) -> str:
        """The log line, written as the API server writes it."""
        return json.dumps(self.logged, separators=(",", ":"), ensure_ascii=False) if self.text is None else self.text

    def meets(self, condition: Expression) -> bool:
        """Return whether the event meets a condition."""
        return predicate(condition)(self.line.encode(), self.logged if self.text is None else parsed(self.text))


def parsed(line: str) -> object:
    """Return the JSON object in a log line, or `MISSING`."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return MISSING
    return value if isinstance(value, dict) else MISSING


def try_out(tried: Sequence[Sample], condition: Expression | None, where: str) -> None:
    """Try samples on a condition.

    Args:
        tried: The samples.
        condition: What a detection counts; None for all log events.
        where: The detection.

    Raises:
        AuditConfigurationError: One of them says otherwise.
    """
    if tried and condition is None:
        limit, way_out = "it counts all log events, so samples say nothing", "Leave them out."
        raise AuditConfigurationError(where, value=len(tried), limit=limit, way_out=way_out)
    for number, sample in enumerate(tried, start=1):
        if condition is not None and sample.meets(condition) is not sample.matches:
            tell(Rule.SAMPLE, _differs(sample, condition, where, number))


def _differs(sample: Sample, condition: Expression, where: str, number: int) -> AuditConfigurationError:
    value = sample.says or f"sample {number}"
    if not sample.matches:
        limit = "this sample must not match, and it does"
        return AuditConfigurationError(
            where, value=value, limit=limit, way_out="Narrow the condition, or correct the sample."
        )
    terms = condition.terms if isinstance(condition, And) else (condition,)
    missed = next((term for term in terms if not sample.meets(term)), condition)
    limit = f"this sample must match, and it does not meet {shown(missed)}"
    return AuditConfigurationError(where, value=value, limit=limit, way_out="Correct the condition, or the sample.")


def samples(id: str) -> list[Sample]:
    """Return the samples of a detection of the catalogue; none if it counts all log events."""
    return [sample for sample in _all() if sample.detection == id]


def read(path: str | PathLike[str]) -> tuple[Sample, ...]:
    """Read a file of samples: a JSON array, or JSON Lines, of objects with the fields of `Sample`.

    Raises:
        AuditConfigurationError: The file cannot be read, or an entry is no sample; the message has its number.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        entries = json.loads(text) if text.lstrip().startswith("[") else list(map(json.loads, _lines(text)))
    except (OSError, ValueError, RecursionError) as error:
        raise AuditConfigurationError(
            str(path),
            value=str(path),
            limit=f"the file cannot be read as samples: {error}",
            way_out="Write a JSON array, or JSON Lines, of objects with the fields of a Sample",
        ) from error
    return tuple(_sample(entry, f"{path}, sample {number}") for number, entry in enumerate(entries, start=1))


def _lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _sample(entry: object, where: str) -> Sample:
    known = Sample.__dataclass_fields__
    if not isinstance(entry, dict) or "matches" not in entry or not entry.keys() <= known.keys():
        limit, way_out = f"a sample has matches, and of {', '.join(known)} what it needs", "Correct the entry"
        raise AuditConfigurationError(where, value=entry, limit=limit, way_out=way_out)
    try:
        return Sample(**entry)
    except AuditConfigurationError as error:
        raise AuditConfigurationError(where, value=error.value, limit=error.limit, way_out=error.way_out) from None


@cache
def _all() -> tuple[Sample, ...]:
    files = sorted((Path(__file__).parent / "themes").glob("*.json"))
    return tuple(sample for file in files for sample in read(file))


def _is_json_object(value: object) -> bool:
    try:
        return isinstance(value, dict) and bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return False


def _recorded(place: str) -> dict[str, Any]:
    scenario, _, line = place.partition(":")
    if scenario in recordings.scenarios() and line.isdecimal() and 1 <= int(line) <= len(recordings.lines(scenario)):
        return recordings.event(scenario, int(line))
    raise AuditConfigurationError(
        "sample",
        value=place,
        limit="nothing was recorded there",
        way_out=f"Write scenario:line, with one of {', '.join(recordings.scenarios())}",
    )


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
