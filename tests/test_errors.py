"""The message of an error."""

from __future__ import annotations

import pytest

from eks_audit_constructs.errors import AuditConfigurationError


@pytest.mark.parametrize(
    ("way_out", "end"),
    [
        ("Remove it", "Remove it."),
        ("Remove it.", "Remove it."),
        ("Did you mean pod-exec?", "Did you mean pod-exec?"),
        ("Stop!", "Stop!"),
    ],
)
def test_ends_like_a_sentence(way_out: str, end: str) -> None:
    error = AuditConfigurationError("detections", value="pod-exce", limit="unknown id", way_out=way_out)
    assert str(error) == f"detections: 'pod-exce': unknown id. {end}"


def test_a_long_value_is_cut() -> None:
    error = AuditConfigurationError("detections", value="x" * 121, limit="too long", way_out="Shorten it")
    assert str(error) == f"detections: '{'x' * 120}… (121 characters)': too long. Shorten it."
