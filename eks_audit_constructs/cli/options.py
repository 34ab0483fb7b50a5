"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import click

__all__ = ["Command", "assume_log_group", "decorated", "profile", "region", "severity"]

Command: TypeAlias = Callable[..., "int | None"]
"""Returns an exit code; None is 0."""

profile = click.option("--profile", metavar="NAME", help="A profile of your AWS configuration.")
region = click.option("--region", metavar="NAME", help="An AWS Region. Default: the profile's.")
assume_log_group = click.option(
    "--assume-log-group",
    metavar="NAME",
    help="The log group of logs that do not tell theirs, if the template's filters read several.",
)
severity = click.option(
    "--severity", type=click.Choice(["high", "medium", "low"]), help="Only detections of this severity."
)


def decorated(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """Add options to a command, in this order."""
    return functools.reduce(lambda command, option: option(command), reversed(options), command)
