"""Runs queries over events that a test makes up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.insights import Table, run
from tests.insights.builders import Ask, written


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Runs a query over lines."""

    def run_over(text: str, *lines: str | bytes | dict[str, Any], name: str = "audit.jsonl") -> Table:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(written(line) + b"\n" for line in lines))
        return run(text, [path])

    return run_over
