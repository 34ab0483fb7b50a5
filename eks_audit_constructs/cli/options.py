"""What several commands take and show: logs, wherever they are, and a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["LogGroup", "Logs", "Profile", "Progress", "Region", "Since", "Until", "fetched", "shown_progress"]

Logs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LOG]...", help="Audit logs: files, folders, s3://bucket/prefix, or - for stdin."),
]
LogGroup = Annotated[
    str | None, typer.Option(metavar="NAME", help="Read this CloudWatch log group, such as /aws/eks/prod/cluster.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From when on: 90m, 6h or 7d ago, or an ISO 8601 time (UTC).")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Until when, likewise. Default: now.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of your AWS configuration.")]
Region = Annotated[str | None, typer.Option(metavar="NAME", help="An AWS Region. Default: the profile's.")]

Progress: TypeAlias = Callable[[str, float], None]


@contextmanager
def fetched(
    logs: list[str] | None,
    log_group: str | None,
    since: str | None,
    until: str | None,
    profile: str | None,
    region: str | None,
) -> Iterator[tuple[list[Path], Progress]]:
    """The logs as files, those elsewhere brought here, and a progress bar for what is done with them."""
    from eks_audit_constructs.inputs import resolve

    where = {"log_group": log_group, "since": since, "until": until, "profile": profile, "region": region}
    with shown_progress() as (progress, say):
        yield resolve(logs or [], **where, progress=progress, say=say), progress


@contextmanager
def shown_progress() -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """A bar that takes what is done and the share of it, and a voice for what else is to be said; on stderr both."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with Bars(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        yield progress, lambda sentence: errors.print(f"eks-audit: {sentence}", markup=False)
