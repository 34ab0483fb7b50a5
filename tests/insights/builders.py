"""Events, and how to ask for them."""

from __future__ import annotations

import json
from typing import Any, Protocol

from eks_audit_constructs.insights import Table

__all__ = ["Ask", "at", "written"]


class Ask(Protocol):
    """Runs a query over the lines of a log, each given as text, bytes or an object."""

    def __call__(self, text: str, *lines: str | bytes | dict[str, Any], name: str = "audit.jsonl") -> Table: ...


def at(clock: str, **fields: Any) -> dict[str, Any]:
    """An audit event of a time such as 06:02:30."""
    return {"kind": "Event", "stageTimestamp": f"2026-11-23T{clock}.000000Z", **fields}


def written(line: str | bytes | dict[str, Any]) -> bytes:
    """The line as it stands in the log."""
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))).encode()
