"""The services that inputs come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_aws import FakeAws, serving


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAws]:
    with serving(monkeypatch, tmp_path) as fake:
        yield fake
