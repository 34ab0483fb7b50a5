"""Parse points in time: a duration before now, or an ISO 8601 time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["moment"]

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, *, where: str, now: datetime) -> datetime:
    """Parse a point in time; the result is in UTC.

    Args:
        text: A duration before now, such as `90m`, `6h`, `7d` or `2w`, or an ISO 8601 date or time, by default in UTC.
        where: The subject of an error: the option.
        now: The current time.

    Raises:
        AuditConfigurationError: The text is neither.
    """
    try:
        if ago := _AGO.fullmatch(text.strip().lower()):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise AuditConfigurationError(
            where,
            value=text,
            limit="a time is a duration before now or an ISO 8601 time",
            way_out="Write 90m, 6h, 7d or 2026-11-23T06:00:00Z.",
        ) from error
