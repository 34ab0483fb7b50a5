"""Points in time as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.audit_logs.durations import moment
from eks_audit_constructs.errors import AuditConfigurationError

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("6h", NOW - timedelta(hours=6)),
        (" 7D ", NOW - timedelta(days=7)),
        ("2w", NOW - timedelta(days=14)),
        ("30 s", NOW - timedelta(seconds=30)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T06:00", datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ("2026-11-23T06:00:00Z", datetime(2026, 11, 23, 6, tzinfo=UTC)),
        ("2026-11-23 07:00:00+01:00", datetime(2026, 11, 23, 6, tzinfo=UTC)),
    ],
)
def test_what_people_write(text: str, at: datetime) -> None:
    assert moment(text, where="--since", now=NOW) == at


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 days", "1.5h", "yesterday", "999999w", "2026-13-01", "7d6h"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(AuditConfigurationError, match=r"--since.*90m"):
        moment(text, where="--since", now=NOW)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-14, 14))
def test_an_iso_time_is_that_time(at: datetime, offset: int) -> None:
    local = at.replace(tzinfo=timezone(timedelta(hours=offset)))

    assert moment(local.isoformat(), where="--since", now=NOW) == local
