"""eks-audit detections and eks-audit explain."""

from __future__ import annotations

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.options import severity
from eks_audit_constructs.cli.output import as_json, console

__all__ = ["detections", "explain_detection"]


@app.command()
@click.option("--tag", metavar="NAME", help="Only detections with this tag, such as secrets.")
@severity
@click.option(
    "--format",
    type=click.Choice(["table", "json", "sigma"]),
    default="table",
    help="How to print them. Default: table.",
)
@click.option("--json", is_flag=True, help="The same as --format json.")
def detections(tag: str | None, severity: str | None, format: str, json: bool) -> None:
    """List the detections of the catalogue.

    As a table, with everything about each as JSON, or as Sigma rules.
    """
    from eks_audit_constructs import catalog
    from eks_audit_constructs.cli import explain

    chosen = catalog.select(severity=None if severity is None else catalog.Severity(severity), tag=tag)
    if json or format == "json":
        click.echo(explain.as_json(chosen))
    elif format == "sigma":
        from eks_audit_constructs import sigma

        text, left_out = sigma.write(chosen)
        click.echo(text, nl=False)
        for id, reason in left_out:
            click.echo(f"{id}: left out: {reason}", err=True)
    else:
        explain.print_detections(chosen, console())


@app.command("explain")
@click.argument("id")
@as_json
def explain_detection(id: str, json: bool) -> None:
    """Show everything about one detection.

    ID is one that `eks-audit detections` lists. Shows its pattern, query, SQL and sample events, and what to do when
    it goes off.
    """
    from eks_audit_constructs import catalog
    from eks_audit_constructs.cli import explain

    detection = catalog.get(id)
    if json:
        click.echo(explain.as_json([detection]))
    else:
        explain.print_detection(detection, console())
