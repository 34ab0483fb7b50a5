"""How long something lasts, in words."""

from __future__ import annotations

import pytest

from eks_audit_constructs.reports import duration


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (10, "10 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (900, "15 min"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_duration(seconds: int, said: str) -> None:
    assert duration(seconds) == said
