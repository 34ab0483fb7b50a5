"""eks-audit query and eks-audit queries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.logs import Logs, logs, refuse_template
from eks_audit_constructs.cli.output import as_json, console
from eks_audit_constructs.cli.selection import parameters, parsed_parameters, template

__all__ = ["queries", "query"]


@app.command()
@click.argument("name", required=False)
@template
@parameters
@click.option("--text", metavar="QUERY", help="Run this query instead of a saved one; then NAME is left out.")
@logs
@as_json
def query(
    name: str | None, logs: Logs, text: str | None, template: Path | None, parameters: tuple[str, ...], json: bool
) -> None:
    """Run a Logs Insights query over audit logs, offline.

    NAME is the id or title of a saved query of the catalogue, or of a template. `eks-audit queries` lists them.
    """
    from eks_audit_constructs import insights
    from eks_audit_constructs.insights import show

    if name is not None and text is not None:
        logs, name = replace(logs, names=(name, *logs.names)), None
    if name is not None:
        refuse_template(name)
    where, wanted = insights.choose(
        name, text=text, template=template, parameters=parsed_parameters(parameters, template)
    )
    with logs.fetched() as (paths, progress):
        answer = insights.run(wanted, paths, where=where, progress=lambda share: progress("Reading the logs", share))
    if json:
        click.echo(show.as_json(answer))
    else:
        show.print_answer(answer, console())


@app.command()
@template
@parameters
@as_json
def queries(template: Path | None, parameters: tuple[str, ...], json: bool) -> None:
    """List the saved queries of the catalogue, or of a template.

    `eks-audit query` runs one.
    """
    from eks_audit_constructs.insights import saved, show

    offers = saved.offers(saved.saved(template, parsed_parameters(parameters, template)))
    if json:
        click.echo(show.offers_as_json(offers))
    else:
        show.print_offers(offers, console())
