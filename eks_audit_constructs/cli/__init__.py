"""The command line: `eks-audit`.

What a command needs is imported inside it, so that `--help` is quick.
"""

from __future__ import annotations

import io
import sys

from eks_audit_constructs.cli import catalogue, logs
from eks_audit_constructs.cli.app import BAD_INPUT, app
from eks_audit_constructs.errors import EksAuditError

__all__ = ["app", "catalogue", "logs", "main"]


def main() -> None:
    """Run the command line; what is wrong with its input is said in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no ≥ is no reason to stop
    try:
        app()
    except EksAuditError as error:
        print(f"eks-audit: {error}", file=sys.stderr)
        raise SystemExit(BAD_INPUT) from None
