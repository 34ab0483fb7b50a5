"""Sample events for each detection: what must match, and what comes close and must not.

They are events of a real API server under the EKS audit policy (less `managedFields`), or variations of such an
event; `source` says which.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Sample", "samples"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """An audit event and whether a detection has to match it."""

    detection: str
    matches: bool
    says: str
    source: str
    event: dict[str, Any]


def samples(id: str) -> list[Sample]:
    """The samples of a detection; none for silence."""
    return [sample for sample in _all() if sample.detection == id]


@cache
def _all() -> tuple[Sample, ...]:
    text = Path(__file__).with_suffix(".jsonl").read_text(encoding="utf-8")
    return tuple(Sample(**json.loads(line)) for line in text.splitlines())
