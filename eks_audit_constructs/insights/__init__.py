"""CloudWatch Logs Insights queries, run over audit logs on a laptop.

from eks_audit_constructs import insights

table = insights.run('filter verb = "delete" | stats count(*) as deletions by user.username', ["audit.jsonl"])

Unsupported syntax is rejected, with its position in the query. Results match CloudWatch as far as its documentation
goes; where that is silent, `expressions`, `functions` and `events` document the behaviour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from eks_audit_constructs.audit_logs.logs import Source, opened
from eks_audit_constructs.insights.engine import Cell, Table, answer
from eks_audit_constructs.insights.saved import choose, find
from eks_audit_constructs.insights.syntax import Script

__all__ = ["Cell", "Table", "choose", "find", "run"]


def run(
    text: str,
    logs: Iterable[Source],
    *,
    where: str = "query",
    progress: Callable[[float], None] | None = None,
) -> Table:
    """Run a query over audit logs.

    Args:
        text: The query.
        logs: Audit logs: files, folders, or `-` for standard input.
        where: The name of the query in error messages.
        progress: Called with the fraction that is done, 0 to 1.

    Raises:
        QueryError: The text is not a query, CloudWatch would reject it, or it uses something that cannot be run
            offline (the error names line and column); or memory or disk space runs out.
        LogError: A log cannot be read.
    """
    notes: list[str] = []
    with opened(logs, say=notes.append) as found:
        table = answer(Script(text=text, where=where), found, progress=progress)
    return replace(table, notes=(*table.notes, *notes))
