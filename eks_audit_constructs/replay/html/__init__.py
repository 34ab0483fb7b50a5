"""Write a replay as an HTML page that needs no network: which alarms went off, when, who caused it, and the events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eks_audit_constructs import files
from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay import Replay
from eks_audit_constructs.replay.html.page import render
from eks_audit_constructs.replay.matches import matches

__all__ = ["render", "write"]

_EVENTS = 200
"""Maximum events shown for a metric filter."""
_EVENTS_IN_ALL = 4_000
"""Approximate maximum events on a page: some 10 MB, which a phone still opens at once."""


def write(result: Replay, logs: Sequence[Log], path: Path) -> None:
    """Write the page. It contains log events, so only those who may read the logs should read it.

    Args:
        result: The replay.
        logs: The logs that were replayed, still open: they are read once more, for the events.
        path: The file to write.

    Raises:
        AuditConfigurationError: The file cannot be written.
        LogError: A log cannot be read.
    """
    matching = {item.filter.key for item in result.filters if item.matched}
    limit = min(_EVENTS, max(1, _EVENTS_IN_ALL // max(1, len(matching))))
    matched = matches(result.template.conditions(matching), logs, read_by=result.planned.read_by, events=limit)
    page = render(result, matched, list(dict.fromkeys(log.name for log in logs)))
    try:
        with files.written(path) as file:
            file.write(page.encode())
    except OSError as error:
        raise AuditConfigurationError(
            str(path),
            value=path.name,
            limit=f"the report cannot be written: {error.strerror or error}",
            way_out="Name a file in a folder that exists and is writable.",
        ) from error
