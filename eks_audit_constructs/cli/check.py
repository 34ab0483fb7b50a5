"""eks-audit check."""

from __future__ import annotations

from pathlib import Path

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import FOUND
from eks_audit_constructs.cli.output import console
from eks_audit_constructs.cli.selection import parameters, parsed_parameters

__all__ = ["check"]


@app.command()
@click.argument("path", metavar="FILE.py|TEMPLATE", type=click.Path(path_type=Path))
@parameters
@click.option(
    "--format",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    help="How to print the findings. Default: text.",
)
def check(path: Path, parameters: tuple[str, ...], format: str) -> int | None:
    """Find conditions that can never match, and samples that say otherwise.

    FILE.py is a Python file that makes detections; its code is run, as an import would run it. TEMPLATE is a
    CloudFormation template (JSON or YAML) or a cdk.out folder; it is only read.
    """
    from eks_audit_constructs.check import check as run
    from eks_audit_constructs.check import report, sarif

    checked = run(path, parsed_parameters(parameters, None if path.suffix == ".py" else path))
    if format == "json":
        click.echo(report.as_json(checked))
    elif format == "sarif":
        click.echo(sarif.as_sarif(checked))
    else:
        report.print_report(checked, console())
    return FOUND if checked.faults else None
