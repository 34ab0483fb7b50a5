"""Check the metric filters of a template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import Checked, Fault
from eks_audit_constructs.errors import AuditConfigurationError, TemplateError
from eks_audit_constructs.templates.assembly import documents
from eks_audit_constructs.templates.items import MetricFilter, labels, reads_audit_events
from eks_audit_constructs.templates.template import read_template

__all__ = ["check"]

_REJECTED = "AWS rejects it: "


def check(path: Path, parameters: Mapping[str, str] | None) -> Checked:
    """Read a template and check its metric filters; see `eks_audit_constructs.check.check`."""
    template = read_template(path, parameters)
    files = {document.name: document.file for top in documents(path) for document in top.all()}
    names = labels(template.filters, several=template.several)
    faults: list[Fault] = []
    unchecked: list[str] = list(template.notes)
    asked = 0
    for item in template.filters:
        where, file = f"metric filter {names[item.key]!r}", files.get(item.template, path)
        reason = _unchecked(item)
        if reason is not None:
            unchecked.append(f"{where}: {reason}")
            continue
        asked += 1
        line = _line(file, item.logical_id)
        told = [(Rule.NEVER if found.certain else Rule.DOUBT, found.error(where)) for found in item.never]
        if item.error is not None:
            told = [(Rule.REFUSED, _rejected(item, item.error, where))]
        faults += [Fault(rule=rule, error=error, file=file, line=line) for rule, error in told]
    if not asked:
        raise TemplateError(
            str(path),
            value="; ".join(unchecked) or len(template.filters),
            limit="it has no metric filter that can be checked",
            way_out="Name a template with metric filters on the audit log of a cluster",
        )
    ordered = sorted(faults, key=lambda fault: (str(fault.file), fault.line))
    return Checked(path=path, asked=asked, faults=tuple(ordered), unchecked=tuple(unchecked))


def _unchecked(item: MetricFilter) -> str | None:
    """Return why a metric filter is not checked; None if it is."""
    if item.error is not None:
        return None if item.error.startswith(_REJECTED) and not item.absent else item.error
    if item.condition is not None and not reads_audit_events(item.condition, item.log_group):
        return f"nothing tells that its log group, {item.log_group or 'unknown'}, has audit events"
    return None


def _rejected(item: MetricFilter, reason: str, where: str) -> AuditConfigurationError:
    return AuditConfigurationError(where, value=item.pattern, limit=reason.rstrip("."), way_out="Correct the template")


def _line(file: Path, logical_id: str) -> int:
    """Return the line on which a resource begins; 1 if it cannot be found in the text."""
    text = file.read_text(encoding="utf-8-sig")
    start = max(text.find("Resources"), 0)
    key = re.escape(logical_id)
    found = re.compile(rf"""^\s*["']?{key}["']?\s*:""", re.MULTILINE).search(text, start)
    found = found or re.compile(rf"""["']{key}["']\s*:""").search(text, start)
    if found is None:
        return 1
    return text.count("\n", 0, found.end()) + 1
