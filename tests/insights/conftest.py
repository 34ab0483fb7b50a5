"""Runs queries over events that a test makes up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import recordings
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


@pytest.fixture(scope="session")
def recorded() -> list[tuple[bytes, Any]]:
    """All recorded events, with their lines."""
    lines = (line for scenario in recordings.scenarios() for line in recordings.lines(scenario))
    return [(line, json.loads(line)) for line in lines]


@pytest.fixture(scope="session")
def log(recorded: list[tuple[bytes, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All recorded events in one file."""
    path = tmp_path_factory.mktemp("recorded") / "all.jsonl"
    path.write_bytes(b"\n".join(line for line, _ in recorded) + b"\n")
    return path
