"""Print a verification, or format it as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.verify import Verdict, Verification
from eks_audit_constructs.verify.checks import Kind

__all__ = ["as_json", "print_report"]


def as_json(result: Verification, *, skipped: Mapping[str, str], doubts: Mapping[str, Sequence[str]]) -> str:
    """Format a verification as JSON.

    Args:
        result: The verification.
        skipped: Metric filters not sent to CloudWatch, by logical id, and the reasons.
        doubts: What matches no audit event, or likely none, by logical id.
    """
    document = {
        "agrees": result.agrees,
        "region": result.region,
        "patterns": len(result.verdicts),
        "lines": sum(len(verdict.check.lines) for verdict in result.verdicts),
        "differences": [_document(verdict) for verdict in result.differences],
        "facts": [_document(verdict) for verdict in result.facts],
        "skipped": dict(skipped),
        "doubts": {id: list(sentences) for id, sentences in doubts.items()},
    }
    return reports.as_json(document)


def print_report(
    result: Verification, console: Console, *, skipped: Mapping[str, str], doubts: Mapping[str, Sequence[str]]
) -> None:
    """Print where CloudWatch and our evaluation differ, or that they agree."""
    kinds = [verdict.check.kind for verdict in result.verdicts]
    probes = kinds.count(Kind.PROBE)
    lines = sum(len(verdict.check.lines) for verdict in result.verdicts)
    console.print(
        f"Sent {reports.number(len(kinds) - probes, 'pattern')} and {reports.number(probes, 'probe')} "
        f"with {reports.number(lines, 'line')} to CloudWatch in {result.region}."
    )
    reports.print_notes((f"{logical_id} was not sent: {reason}" for logical_id, reason in skipped.items()), console)
    reports.print_notes((f"{id}: {doubt}" for id, sentences in doubts.items() for doubt in sentences), console)
    _section(console, "Differences", result.differences)
    _section(console, "Facts: CloudWatch differs from how this library reads the documentation", result.facts)
    if result.agrees:
        console.print("CloudWatch and our own evaluation agree on every line.", style="green")


def _section(console: Console, title: str, verdicts: tuple[Verdict, ...]) -> None:
    if not verdicts:
        return
    console.print()
    console.print(Text(title, style="bold red"))
    for verdict in verdicts:
        console.print(Text(f"{verdict.check.id}: {verdict.check.about}", style="bold"))
        details = [Text(verdict.check.pattern, style="cyan")]
        if verdict.refused is not None:
            details.append(Text(f"CloudWatch rejects the pattern: {verdict.refused}"))
        for difference in verdict.differences:
            theirs, ours = ("does not match", "does") if difference.ours else ("matches", "does not")
            details.append(Text(f"CloudWatch {theirs}, our evaluation {ours}: {difference.line.says}"))
        for text in details:
            console.print(reports.indented(text))


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": verdict.check.kind.value,
        "id": verdict.check.id,
        "about": verdict.check.about,
        "pattern": verdict.check.pattern,
        **({"refused": verdict.refused} if verdict.refused is not None else {}),
        "lines": [
            {
                "line": difference.line.text,
                "says": difference.line.says,
                "ours": difference.ours,
                "cloudwatch": not difference.ours,
            }
            for difference in verdict.differences
        ],
    }
