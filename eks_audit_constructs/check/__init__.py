"""Check a file of detections, or a template, as a pull request needs it: every fault, each with its place.

checked = check(Path("detections.py"))
for fault in checked.faults:
    print(fault.file, fault.line, fault.error)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Checked", "Fault", "check"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong, and where it is written."""

    rule: Rule
    error: AuditConfigurationError
    file: Path
    line: int
    """Counts from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """The result of a check."""

    path: Path
    asked: int
    """The number of conditions that were checked: of detections, exclusions, guards, queries, or metric filters."""
    faults: tuple[Fault, ...]
    """In the order of files and lines."""
    unchecked: tuple[str, ...] = ()
    """What was not checked, a sentence each."""


def check(path: Path, parameters: Mapping[str, str] | None = None) -> Checked:
    """Check a Python file, whose name ends with `.py`, or a template or `cdk.out` folder.

    A Python file is run: what it makes is checked as it is made. A template is only read.

    Args:
        path: The file or folder.
        parameters: For a template: values of what only a deployment knows.

    Raises:
        AuditConfigurationError: The Python file cannot be run, or makes nothing that could be checked.
        TemplateError: The template cannot be read, or has nothing that could be checked.
    """
    from eks_audit_constructs.check import python_file, template

    if path.suffix == ".py":
        return python_file.check(path)
    return template.check(path, parameters)
