"""How deep the tests go: `make test` takes minutes, `make test-all` has time for more."""

from __future__ import annotations

import os

import pytest

__all__ = ["examples", "only_in_depth"]

DEPTH = int(os.environ.get("TEST_DEPTH", "1"))
"""How many times as many examples a property is tried on."""

only_in_depth = pytest.mark.skipif(DEPTH == 1, reason="`make test-all` runs it")


def examples(number: int) -> int:
    """The number of examples for a property, at this depth."""
    return number * DEPTH
