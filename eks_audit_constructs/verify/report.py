"""A verification, printed for people or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.verify import Verdict, Verification
from eks_audit_constructs.verify.checks import Kind

__all__ = ["as_json", "print_report"]


def as_json(result: Verification, *, skipped: Mapping[str, str]) -> str:
    """The verification as JSON.

    Args:
        result: The verification.
        skipped: Metric filters that nobody was asked about, with the reasons.
    """
    document = {
        "agrees": result.agrees,
        "region": result.region,
        "patterns": len(result.verdicts),
        "lines": sum(len(verdict.check.lines) for verdict in result.verdicts),
        "differences": [_document(verdict) for verdict in result.differences],
        "facts": [_document(verdict) for verdict in result.facts],
        "skipped": dict(skipped),
    }
    return reports.as_json(document)


def print_report(result: Verification, console: Console, *, skipped: Mapping[str, str]) -> None:
    """Print where CloudWatch and our evaluation differ, or that they do not."""
    asked = [verdict.check.kind for verdict in result.verdicts]
    probes = asked.count(Kind.PROBE)
    lines = sum(len(verdict.check.lines) for verdict in result.verdicts)
    console.print(
        f"Asked CloudWatch in {result.region} about {reports.number(len(asked) - probes, 'pattern')} "
        f"and {reports.number(probes, 'probe')}, {reports.number(lines, 'line')}."
    )
    reports.print_notes((f"Not asked about {logical_id}: {reason}" for logical_id, reason in skipped.items()), console)
    _section(console, "Differences", result.differences)
    _section(console, "Facts: CloudWatch does otherwise than this library reads the documentation", result.facts)
    if result.agrees:
        console.print("It matches what our own evaluation matches, on every line.", style="green")


def _section(console: Console, title: str, verdicts: tuple[Verdict, ...]) -> None:
    if not verdicts:
        return
    console.print()
    console.print(Text(title, style="bold red"))
    for verdict in verdicts:
        console.print(Text(f"{verdict.check.id}: {verdict.check.about}", style="bold"))
        told = [Text(verdict.check.pattern, style="cyan")]
        if verdict.refused is not None:
            told.append(Text(f"CloudWatch refuses the pattern: {verdict.refused}"))
        for difference in verdict.differences:
            theirs = "does not match" if difference.ours else "matches"
            told.append(Text(f"CloudWatch {theirs}, we say the opposite: {difference.line.says}"))
        for text in told:
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
