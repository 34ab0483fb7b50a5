"""The logs that a command reads: LOG arguments, and options for a log group."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eks_audit_constructs.cli.options import Command, decorated, profile, region
from eks_audit_constructs.cli.output import Progress, shown_progress
from eks_audit_constructs.errors import LogError

if TYPE_CHECKING:
    from eks_audit_constructs.audit_logs.logs import Source

__all__ = ["Logs", "logs", "refuse_template"]

_OPTIONS = (
    click.argument("logs", metavar="[LOG]...", nargs=-1),
    click.option("--log-group", metavar="NAME", help="Read this CloudWatch log group, such as /aws/eks/prod/cluster."),
    click.option("--since", metavar="TIME", help="From when on: 90m, 6h or 7d ago, or an ISO 8601 time (UTC)."),
    click.option("--until", metavar="TIME", help="Until when, likewise. Default: now."),
    profile,
    region,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Logs:
    """Which logs to read."""

    names: tuple[str, ...]
    log_group: str | None
    since: str | None
    until: str | None
    profile: str | None
    region: str | None

    @contextmanager
    def fetched(self) -> Iterator[tuple[list[Source], Progress]]:
        """Fetch the logs that are in AWS; yields all logs, and a function that shows progress."""
        from eks_audit_constructs.audit_logs.sources import resolve

        for name in self.names:
            refuse_template(name)
        with shown_progress() as (progress, say):
            paths = resolve(
                self.names,
                log_group=self.log_group,
                since=self.since,
                until=self.until,
                profile=self.profile,
                region=self.region,
                progress=progress,
                say=say,
            )
            yield paths, progress


def logs(command: Command) -> Command:
    """Add LOG arguments and options for logs in AWS to a command, which takes them as `logs`."""

    @functools.wraps(command)
    def wrapped(
        *,
        logs: tuple[str, ...],
        log_group: str | None,
        since: str | None,
        until: str | None,
        profile: str | None,
        region: str | None,
        **others: Any,
    ) -> int | None:
        named = Logs(names=logs, log_group=log_group, since=since, until=until, profile=profile, region=region)
        return command(logs=named, **others)

    return decorated(wrapped, _OPTIONS)


def refuse_template(name: str) -> None:
    """Refuse a template in the place of a log, and name the option for it.

    Raises:
        LogError: This is a CloudFormation template or a `cdk.out` folder.
    """
    from eks_audit_constructs.templates.files import is_template

    if is_template(Path(name)):
        raise LogError(
            name,
            value=Path(name).name,
            limit="this is a CloudFormation template, not a log",
            way_out=f"Give it as --template {name}",
        )
