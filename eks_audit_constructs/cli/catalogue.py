"""Commands about the catalogue: detections, explain, demo, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from eks_audit_constructs.cli.app import DIFFERS, app
from eks_audit_constructs.cli.options import Profile, Region, shown_progress

__all__ = ["detections", "explain_detection", "run_demo", "verify"]


@app.command()
def detections(
    tag: Annotated[str | None, typer.Option(help="Only those with this tag, such as secrets.")] = None,
    severity: Annotated[Literal["high", "medium", "low"] | None, typer.Option(help="Only those of it.")] = None,
    format: Annotated[Literal["table", "json", "sigma"], typer.Option(help="How to print them.")] = "table",
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """List the detections of the catalogue: as a table, with everything about each as JSON, or as Sigma rules."""
    from rich.console import Console

    from eks_audit_constructs import catalog, explain

    chosen = catalog.select(severity=None if severity is None else catalog.Severity(severity), tag=tag)
    if json or format == "json":
        typer.echo(explain.as_json(chosen))
    elif format == "sigma":
        from eks_audit_constructs.catalog import sigma

        text, left_out = sigma.write(chosen)
        typer.echo(text, nl=False)
        for id, reason in left_out:
            typer.echo(f"{id}: left out: {reason}", err=True)
    else:
        explain.print_detections(chosen, Console(highlight=False))


@app.command("explain")
def explain_detection(
    id: Annotated[str, typer.Argument(metavar="ID", help="A detection's id, as `eks-audit detections` lists them.")],
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say all about one detection: pattern, query, SQL, sample events, and what to do when it goes off."""
    from rich.console import Console

    from eks_audit_constructs import catalog, explain

    detection = catalog.get(id)
    if json:
        typer.echo(explain.as_json([detection]))
    else:
        explain.print_detection(detection, Console(highlight=False))


@app.command("demo")
def run_demo(
    folder: Annotated[Path, typer.Option(help="Where the template goes.")] = Path("cdk.out"),
) -> None:
    """Synthesize the default stack, and replay an attack and an ordinary day through its template."""
    from rich.console import Console

    from eks_audit_constructs import demo
    from eks_audit_constructs.replay import replay as run
    from eks_audit_constructs.replay.report import print_report

    console = Console(highlight=False)
    with Console(stderr=True).status("Synthesizing the default stack"):
        template = demo.synthesize(folder)
    for title, log in (("An attack", demo.ATTACK), ("An ordinary day", demo.ORDINARY_DAY)):
        console.rule(title, align="left")
        print_report(run(template, [log]), console)
        console.print()


@app.command()
def verify(
    template: Annotated[
        Path | None, typer.Option(help="Verify the metric filters of this template or cdk.out folder instead.")
    ] = None,
    profile: Profile = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Ask CloudWatch whether it matches what this library says a filter pattern matches.

    Sends every pattern of the catalogue with its sample events to TestMetricFilter, and patterns that settle what the
    documentation leaves open. It is free of charge, needs the permission logs:TestMetricFilter only, and neither reads
    nor writes anything in the account.

    Exit code: 0 when all agree, 1 when something differs, 2 when CloudWatch could not be asked.
    """
    from contextlib import closing

    from rich.console import Console

    from eks_audit_constructs import aws, catalog
    from eks_audit_constructs.verify import checks
    from eks_audit_constructs.verify import verify as run
    from eks_audit_constructs.verify.report import as_json, print_report

    if template is None:
        patterns, skipped = list(checks.of_detections(catalog.ALL)), {}
    else:
        patterns, skipped = list(checks.of_template(template, catalog.ALL)), checks.skipped(template)
    with closing(aws.client("logs", profile=profile, region=region)) as client, shown_progress() as (progress, _):
        asked = [*patterns, *checks.probes()]
        result = run(asked, client, progress=lambda share: progress("Asking CloudWatch", share))
    if json:
        typer.echo(as_json(result, skipped=skipped))
    else:
        print_report(result, Console(highlight=False), skipped=skipped)
    if not result.agrees:
        raise typer.Exit(DIFFERS)
