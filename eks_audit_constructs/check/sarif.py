"""Format the result of a check as SARIF 2.1.0, which code hosts show beside the lines of a pull request.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from eks_audit_constructs import reports
from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import Checked, Fault
from eks_audit_constructs.check.report import level, place

__all__ = ["as_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {
    Rule.NEVER: ("NeverMatches", "No audit event of EKS can match this condition, or a part of it."),
    Rule.DOUBT: ("MayNeverMatch", "A part of this condition likely never matches, or leaves nothing out."),
    Rule.SAMPLE: ("SampleDiffers", "A sample event matches and must not, or must match and does not."),
    Rule.REFUSED: ("Refused", "AWS or this library would reject this detection or metric filter."),
}


def as_sarif(checked: Checked) -> str:
    """Format the result of a check as a SARIF log with one run."""
    run = {
        "tool": {
            "driver": {
                "name": "eks-audit",
                "version": version("eks-audit-constructs"),
                "rules": [_rule(rule) for rule in _RULES],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": f"Not checked: {sentence}."}}
                    for sentence in checked.unchecked
                ],
            }
        ],
        "results": [_result(fault) for fault in checked.faults],
    }
    return reports.as_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, Any]:
    name, says = _RULES[rule]
    return {
        "id": rule.value,
        "name": name,
        "shortDescription": {"text": says},
        "defaultConfiguration": {"level": level(rule)},
    }


def _result(fault: Fault) -> dict[str, Any]:
    path = place(fault.file)
    # Lines move, so what is wrong identifies a result from one commit to the next.
    about = "\n".join((fault.rule.value, path, fault.error.where, str(fault.error.value), fault.error.limit))
    return {
        "ruleId": fault.rule.value,
        "ruleIndex": list(_RULES).index(fault.rule),
        "level": level(fault.rule),
        "message": {"text": str(fault.error)},
        "locations": [{"physicalLocation": {"artifactLocation": _artifact(path), "region": {"startLine": fault.line}}}],
        "partialFingerprints": {"eksAudit/v1": hashlib.sha256(about.encode("utf-8", "backslashreplace")).hexdigest()},
    }


def _artifact(path: str) -> dict[str, str]:
    """Return the location of a file: from the root of the sources on, which is the current folder, or absolute."""
    uri = quote(path.encode("utf-8", "surrogateescape"))
    return {"uri": f"file://{uri}"} if path.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
