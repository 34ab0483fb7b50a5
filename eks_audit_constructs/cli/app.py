"""The application that the commands are added to."""

from __future__ import annotations

import click

from eks_audit_constructs.cli.exit_codes import MEANINGS

__all__ = ["app"]

_EPILOG = "\n".join(["\b", "Exit codes:", *(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())])


@click.group(
    name="eks-audit",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
@click.version_option(None, "--version", package_name="eks-audit-constructs", message="eks-audit %(version)s")
def app() -> None:
    """Audit logging for Amazon EKS: see what it would catch before you deploy it."""
