"""Print the result of a check, or format it as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import Checked, Fault

__all__ = ["as_json", "level", "place", "print_report"]

_STYLES = {"error": "red", "warning": "yellow"}


def level(rule: Rule) -> str:
    """Return `error` for what is certain, and `warning` for what is likely."""
    return "error" if rule.certain else "warning"


def place(file: Path) -> str:
    """Return a file's path with slashes, from the current folder on if it is in it."""
    here, path = Path.cwd(), file.resolve()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


def print_report(checked: Checked, console: Console) -> None:
    """Print a line for each fault, what was not checked, and how much was."""
    for fault in checked.faults:
        line = Text(f"{place(fault.file)}:{fault.line}: ")
        line.append(level(fault.rule), style=_STYLES[level(fault.rule)])
        console.print(line.append(f": {fault.error} [{fault.rule.value}]"), soft_wrap=True)
    reports.print_notes((f"Not checked: {sentence}." for sentence in checked.unchecked), console)
    asked = reports.number(checked.asked, "condition")
    if checked.faults:
        console.print(f"{reports.number(len(checked.faults), 'finding')}; {asked} checked.")
    else:
        console.print(f"No findings; {asked} checked.", style="green")


def as_json(checked: Checked) -> str:
    """Format the result of a check as JSON."""
    document = {
        "path": str(checked.path),
        "asked": checked.asked,
        "findings": [_document(fault) for fault in checked.faults],
        "unchecked": list(checked.unchecked),
    }
    return reports.as_json(document)


def _document(fault: Fault) -> dict[str, Any]:
    return {
        "rule": fault.rule.value,
        "level": level(fault.rule),
        "file": place(fault.file),
        "line": fault.line,
        "where": fault.error.where,
        "value": str(fault.error.value),
        "limit": fault.error.limit,
        "way_out": fault.error.way_out,
    }
