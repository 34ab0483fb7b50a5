"""The application that the commands are added to."""

from __future__ import annotations

import typer

__all__ = ["ALARMED", "BAD_INPUT", "DIFFERS", "app"]

app = typer.Typer(
    name="eks-audit",
    help="Audit logging for Amazon EKS: see what it would catch before you deploy it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ALARMED = 1
DIFFERS = 1
BAD_INPUT = 2
