"""Turn the inputs of a command into files on this machine.

paths = resolve(["s3://audit-archive/2026/11/", "yesterday.jsonl"])
paths = resolve([], log_group="/aws/eks/prod/cluster", since="7d")
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from eks_audit_constructs import aws
from eks_audit_constructs.audit_logs import cloudwatch, s3
from eks_audit_constructs.audit_logs.cloudwatch import Range
from eks_audit_constructs.audit_logs.durations import moment
from eks_audit_constructs.audit_logs.log_files import Source
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["resolve"]


def resolve(
    logs: Sequence[str],
    *,
    log_group: str | None = None,
    since: str | None = None,
    until: str | None = None,
    profile: str | None = None,
    region: str | None = None,
    progress: Callable[[str, float], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Source]:
    """Fetch S3 URIs and a log group into the cache, and return all logs; others are returned as paths.

    Args:
        logs: Files, folders, `-` and S3 URIs (`s3://bucket/prefix`).
        log_group: A CloudWatch log group, by name or ARN; only its audit streams are read.
        since: Start of the time range: a duration before now, such as `90m`, `6h` or `7d`, or an ISO 8601 time.
        until: End of the time range, in the same form. Default: now.
        profile: A profile of the AWS configuration. Default: the default profile.
        region: A Region. Default: the Region of the profile.
        progress: Called with a description and the fraction that is done, 0 to 1.
        say: Called with each skipped object, and with a summary of what was fetched. Default: log it.

    Raises:
        AuditConfigurationError: The arguments do not go together, or a time is invalid.
        LogError: There is no such object or log event, or it cannot be stored.
        AwsError: AWS did not answer. What was fetched until then stays in the cache, and the next run resumes there.
    """
    report = progress or (lambda what, share: None)
    notify = say or logging.getLogger(__name__).info
    _check(logs, log_group, since, until)
    paths: list[Source] = []
    for name in logs:
        if name.startswith(s3.SCHEME):
            with closing(aws.client("s3", profile=profile, region=region)) as client:
                paths += s3.fetch(name, client, progress=report, say=notify)
        else:
            paths.append(Path(name))
    if log_group is not None and since is not None:
        now = datetime.now(UTC)
        span, group = _span(since, until, now), log_group.removesuffix(":*")
        home = _arn_part(group, 3) or region
        account = _arn_part(group, 4) or _caller(profile, home)
        with closing(aws.client("logs", profile=profile, region=home)) as client:
            paths += cloudwatch.fetch(group, span, client, account, now=now, progress=report, say=notify)
    return paths


def _check(logs: Sequence[str], log_group: str | None, since: str | None, until: str | None) -> None:
    if log_group is None and (since is not None or until is not None):
        raise AuditConfigurationError(
            "--since, --until",
            value=since or until,
            limit="a time range requires a log group; files and S3 objects are read whole",
            way_out="Add --log-group, or leave the time range out.",
        )
    if log_group is not None and since is None:
        raise AuditConfigurationError(
            "--log-group",
            value=log_group,
            limit="a log group requires a start time",
            way_out="Add --since, such as --since 7d.",
        )
    if not logs and log_group is None:
        raise AuditConfigurationError(
            "logs",
            value="",
            limit="at least one log is needed",
            way_out="Name a file, a folder, an S3 URI or - for stdin, or give --log-group and --since.",
        )


def _span(since: str, until: str | None, now: datetime) -> Range:
    start = moment(since, where="--since", now=now)
    end = now if until is None else min(now, moment(until, where="--until", now=now))
    if start >= end:
        raise AuditConfigurationError(
            "--since, --until",
            value=f"{since} to {until or 'now'}",
            limit="the time range ends before it begins, or is in the future",
            way_out="Give an earlier --since.",
        )
    return Range(start=start, end=end)


def _arn_part(group: str, position: int) -> str | None:
    """Return a part of the ARN `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`, counted from 0; None for a name."""
    return group.split(":")[position] if group.startswith("arn:") and group.count(":") > position else None


def _caller(profile: str | None, region: str | None) -> str:
    """Return the account that the credentials belong to."""
    with (
        closing(aws.client("sts", profile=profile, region=region)) as client,
        aws.asking("aws", permission="sts:GetCallerIdentity"),
    ):
        return str(client.get_caller_identity()["Account"])
