"""Fetch logs from CloudWatch into the cache, hour by hour.

A completed hour is fetched once, so an interrupted run resumes at the hour it was in. The current hour and partial
hours are fetched again each time. This requires logs:FilterLogEvents on the log group.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from eks_audit_constructs.audit_logs import cache
from eks_audit_constructs.audit_logs.log_files import Fetched, group_name
from eks_audit_constructs.audit_logs.shapes.entry import log_line
from eks_audit_constructs.aws import asking
from eks_audit_constructs.errors import LogError

__all__ = ["AUDIT_STREAMS", "Range", "fetch"]

AUDIT_STREAMS = "kube-apiserver-audit-"
"""Name prefix of audit log streams; the log group also holds those of other components."""
_HOUR = timedelta(hours=1)
_LATE = timedelta(minutes=30)
"""How long an hour may still grow after its end: EKS delivers some minutes late."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A time range that excludes its end."""

    start: datetime
    end: datetime


@dataclass(kw_only=True, slots=True)
class _Fetched:
    events: int = 0
    size: int = 0
    kept: int = 0
    """Hours that were in the cache."""


def fetch(
    group: str,
    span: Range,
    client: Any,
    account: str,
    *,
    now: datetime,
    progress: Callable[[str, float], None],
    say: Callable[[str], None],
) -> list[Fetched]:
    """Fetch the audit events of a log group, as CloudWatch export files of one hour each.

    Args:
        group: The log group's name, or its ARN if it is in a linked account.
        span: The time range to fetch.
        client: A boto3 client for CloudWatch Logs, with adaptive retries: a Region allows few calls per second.
        account: The account that owns the log group.
        now: The current time; hours that ended half an hour before are complete.
        progress: Called with a description and the fraction of the time range that is done, 0 to 1.
        say: Called with a summary of what was fetched.

    Raises:
        LogError: There are no log events.
        AwsError: CloudWatch did not answer. Hours fetched until then stay in the cache.
    """
    folder = cache.folder("cloudwatch", account, client.meta.region_name, group)
    fetched, paths = _Fetched(), []

    def covered(at: datetime) -> None:
        events = f"{fetched.events:,} events, {fetched.size:,} bytes"
        progress(f"Fetching {group}: {events}", (at - span.start) / (span.end - span.start))

    for part in _hours(span):
        whole = folder / f"{part.start:%Y-%m-%dT%H}.gz"
        partly = folder / f"{part.start:%Y-%m-%dT%H}.partly.gz"
        complete = part.end - part.start == _HOUR and part.end + _LATE <= now
        if complete and whole.exists():
            fetched.kept += 1
        else:
            with cache.written(whole if complete else partly) as file:
                size = fetched.size
                with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
                    for event in _events(group, part, client):
                        line = log_line(event["message"], event["timestamp"])
                        packed.write(line)
                        fetched.events += 1
                        fetched.size += len(line)
                        if fetched.events % 1000 == 0:
                            covered(_EPOCH + timedelta(milliseconds=event["timestamp"]))
                if size == fetched.size:
                    file.truncate(0)  # an hour without events is an empty file
            if complete:
                partly.unlink(missing_ok=True)
        covered(part.end)
        paths.append(whole if complete else partly)
    say(
        f"{group}: fetched {fetched.events:,} event(s), {fetched.size:,} bytes; "
        f"{fetched.kept:,} of {len(paths):,} hour(s) were in the cache"
    )
    filled = [path for path in paths if path.stat().st_size]
    if not filled:
        raise LogError(
            "--log-group",
            value=group,
            limit=f"no log event in streams {AUDIT_STREAMS}* from {span.start:%F %T} to {span.end:%F %T} UTC",
            way_out="Check that audit logging is on, or choose another time range.",
        )
    return [Fetched(path, f"{account}:{group_name(group)}") for path in filled]


def _hours(span: Range) -> Iterator[Range]:
    start = span.start
    while start < span.end:
        end = min(start.replace(minute=0, second=0, microsecond=0) + _HOUR, span.end)
        yield Range(start=start, end=end)
        start = end


def _events(group: str, part: Range, client: Any) -> Iterator[dict[str, Any]]:
    identifier = "logGroupIdentifier" if group.startswith("arn:") else "logGroupName"
    with asking(group, permission="logs:FilterLogEvents"):
        pages = client.get_paginator("filter_log_events").paginate(
            **{identifier: group},
            logStreamNamePrefix=AUDIT_STREAMS,
            startTime=_milliseconds(part.start),
            endTime=_milliseconds(part.end) - 1,  # this endTime is inclusive
        )
        for page in pages:
            yield from page["events"]


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
