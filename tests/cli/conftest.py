from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

import pytest

from eks_audit_constructs.cli import main

Run: TypeAlias = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `eks-audit` with arguments; its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["eks-audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return left.value.code

    return run
