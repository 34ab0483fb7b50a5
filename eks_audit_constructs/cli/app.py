"""The application that the commands are added to."""

from __future__ import annotations

import click

__all__ = ["ALARMED", "BAD_INPUT", "DIFFERS", "app"]

ALARMED = 1
DIFFERS = 1
BAD_INPUT = 2


@click.group(name="eks-audit")
def app() -> None:
    """Audit logging for Amazon EKS: see what it would catch before you deploy it."""
