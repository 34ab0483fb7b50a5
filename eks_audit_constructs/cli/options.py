"""What several commands take and show: logs, wherever they are, and a progress bar."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import click

__all__ = ["Command", "Elsewhere", "Progress", "as_json", "elsewhere", "fetched", "profile", "region", "shown_progress"]

Command: TypeAlias = Callable[..., None]
Elsewhere: TypeAlias = Mapping[str, str | None]
"""Which log group to read, from when until when, and how to get at AWS."""
Progress: TypeAlias = Callable[[str, float], None]

as_json = click.option("--json", is_flag=True, help="Print the result as JSON.")
profile = click.option("--profile", metavar="NAME", help="A profile of your AWS configuration.")
region = click.option("--region", metavar="NAME", help="An AWS Region. Default: the profile's.")

_ELSEWHERE = (
    click.option("--log-group", metavar="NAME", help="Read this CloudWatch log group, such as /aws/eks/prod/cluster."),
    click.option("--since", metavar="TIME", help="From when on: 90m, 6h or 7d ago, or an ISO 8601 time (UTC)."),
    click.option("--until", metavar="TIME", help="Until when, likewise. Default: now."),
    profile,
    region,
)


def elsewhere(command: Command) -> Command:
    """Options for logs that are in AWS; the command takes them as `elsewhere`, for `fetched`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        where = {name: given.pop(name) for name in ("log_group", "since", "until", "profile", "region")}
        command(elsewhere=where, **given)

    return functools.reduce(lambda decorated, option: option(decorated), reversed(_ELSEWHERE), wrapped)


@contextmanager
def fetched(logs: Sequence[str], elsewhere: Elsewhere) -> Iterator[tuple[list[Path], Progress]]:
    """The logs as files, those elsewhere brought here, and a progress bar for what is done with them."""
    from eks_audit_constructs.audit_logs.sources import resolve

    with shown_progress() as (progress, say):
        yield resolve(logs, **elsewhere, progress=progress, say=say), progress


@contextmanager
def shown_progress() -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """A bar that takes what is done and the share of it, and a voice for what else is to be said; on stderr both."""

    def say(sentence: str) -> None:
        click.echo(f"eks-audit: {sentence}", err=True)

    if not sys.stderr.isatty():
        yield lambda what, share: None, say
        return

    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with Bars(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        yield progress, lambda sentence: errors.print(f"eks-audit: {sentence}", markup=False)
