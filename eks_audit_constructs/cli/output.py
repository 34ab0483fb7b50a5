"""What commands print: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import click

from eks_audit_constructs.cli.terminal import console, escaped

__all__ = ["Progress", "as_json", "console", "refuse_input_as_output", "shown_progress"]

Progress: TypeAlias = Callable[[str, float], None]

as_json = click.option("--json", is_flag=True, help="Print the result as JSON.")


@contextmanager
def shown_progress() -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """Show progress on stderr: yields a function for the task and its share done, and one for notes."""

    def say(sentence: str) -> None:
        click.echo(escaped(f"eks-audit: {sentence}"), err=True)

    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda what, share: None, say
        return

    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = console(stderr=True)
    with Bars(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=escaped(what), completed=share)

        yield progress, lambda sentence: errors.print(f"eks-audit: {sentence}", soft_wrap=True)


def refuse_input_as_output(output: Path, logs: Sequence[str], template: Path | None) -> None:
    """Refuse an output that would overwrite an input, or be read as a log by the next replay.

    Raises:
        AuditConfigurationError: The output is the template, a log, or in a folder of logs.
    """
    from eks_audit_constructs.files import exists, is_folder
    from eks_audit_constructs.templates.assembly import template_files

    inputs = [Path("/dev/stdin") if name == "-" else Path(name) for name in logs]
    if template is not None:
        inputs += template_files(template)
    for path in inputs:
        if is_folder(path):
            place = Path(os.path.realpath(output))
            if place.is_relative_to(os.path.realpath(path)) and not place.name.startswith("."):
                raise _refused(output, f"this file would be one of the logs in {str(path)!r}")
        elif exists(output) and exists(path) and output.samefile(path):
            raise _refused(output, "this file is an input and would be overwritten")


def _refused(output: Path, limit: str) -> Exception:
    from eks_audit_constructs.errors import AuditConfigurationError

    return AuditConfigurationError("--html", value=str(output), limit=limit, way_out="Name another file")
