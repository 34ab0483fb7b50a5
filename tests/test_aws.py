"""Clients for AWS."""

from __future__ import annotations

import pytest

from eks_audit_constructs import aws


def test_a_client_slows_down_and_tries_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    client = aws.client("logs", region="eu-west-1")
    try:
        retries = client.meta.config.retries
        assert (retries["mode"], retries["total_max_attempts"]) == ("adaptive", 10)
    finally:
        client.close()
