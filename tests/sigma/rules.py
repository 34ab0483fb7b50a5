"""Rules written by tests, and what they find in the recorded events."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from eks_audit_constructs import recordings
from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.sigma import read

__all__ = ["DATA", "condition", "matched", "pattern", "read_one", "rule"]

DATA = Path(__file__).parent / "data"


def condition(detection: Detection) -> Expression:
    assert isinstance(detection.condition, Expression)
    return detection.condition


def matched(detection: Detection) -> Counter[str]:
    matches = predicate(condition(detection))
    return Counter(
        scenario
        for scenario in recordings.scenarios()
        for line in recordings.lines(scenario)
        if matches(line, json.loads(line))
    )


def rule(folder: Path, detection: str, *, head: str = "") -> Path:
    path = folder / "rule.yml"
    indented = "\n".join(f"  {line}" for line in detection.strip("\n").splitlines())
    path.write_text(f"title: Mine\n{head}logsource:\n  product: kubernetes\n  service: audit\ndetection:\n{indented}\n")
    return path


def pattern(folder: Path, items: str, *, condition: str = "it") -> str | None:
    searches = "\n".join(f"  {line}" for line in items.splitlines())
    return read_one(rule(folder, f"it:\n{searches}\ncondition: {condition}\n")).pattern


def read_one(path: Path) -> Detection:
    """The detection of a file that holds one."""
    [detection] = read(path)
    return detection
