"""Audit logs of a real API server (Kubernetes 1.36) with the audit policy of EKS, one file per scenario.

`index.json` describes the scenarios. The accounts, names and keys in the logs are made up.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "event", "lines", "scenarios"]

FOLDER = Path(__file__).parent


@cache
def scenarios() -> dict[str, str]:
    """Return the descriptions of the scenarios, by name."""
    index = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return {entry["scenario"]: entry["what"] for entry in index}


@cache
def lines(scenario: str) -> tuple[bytes, ...]:
    """Return the lines of a scenario's log."""
    return tuple(gzip.decompress((FOLDER / f"{scenario}.jsonl.gz").read_bytes()).splitlines())


def event(scenario: str, line: int) -> dict[str, Any]:
    """Return one event, which may be modified; lines count from 1."""
    recorded: dict[str, Any] = json.loads(lines(scenario)[line - 1])
    return recorded
