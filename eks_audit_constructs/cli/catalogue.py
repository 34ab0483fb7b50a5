"""Commands about the catalogue: detections, explain, demo, verify."""

from __future__ import annotations

from pathlib import Path

import click

from eks_audit_constructs.cli.app import DIFFERS, app
from eks_audit_constructs.cli.options import as_json, profile, region, shown_progress

__all__ = ["detections", "explain_detection", "run_demo", "verify"]


@app.command()
@click.option("--tag", metavar="NAME", help="Only those with this tag, such as secrets.")
@click.option("--severity", type=click.Choice(["high", "medium", "low"]), help="Only those of it.")
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
    from rich.console import Console

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
        explain.print_detections(chosen, Console(highlight=False))


@app.command("explain")
@click.argument("id")
@as_json
def explain_detection(id: str, json: bool) -> None:
    """Say all about one detection.

    ID is one that `eks-audit detections` lists. Told are its pattern, query, SQL, sample events, and what to do when it
    goes off.
    """
    from rich.console import Console

    from eks_audit_constructs import catalog
    from eks_audit_constructs.cli import explain

    detection = catalog.get(id)
    if json:
        click.echo(explain.as_json([detection]))
    else:
        explain.print_detection(detection, Console(highlight=False))


@app.command("demo")
@click.option(
    "--folder",
    metavar="PATH",
    type=click.Path(path_type=Path),
    default=Path("cdk.out"),
    help="Where the template goes. Default: cdk.out.",
)
def run_demo(folder: Path) -> None:
    """Replay an attack through the default stack.

    The stack is synthesized, and an attack and an ordinary day are replayed through its template.
    """
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
@click.option(
    "--template",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Verify the metric filters of this template or cdk.out folder instead.",
)
@profile
@region
@as_json
def verify(template: Path | None, profile: str | None, region: str | None, json: bool) -> None:
    """Ask CloudWatch whether patterns match what they should.

    Sends every pattern of the catalogue with its sample events to TestMetricFilter, and patterns that settle what the
    documentation leaves open. It is free of charge, needs the permission logs:TestMetricFilter only, and neither reads
    nor writes anything in the account.

    Exit code: 0 when all agree, 1 when something differs, 2 when CloudWatch could not be asked.
    """
    from contextlib import closing

    from rich.console import Console

    from eks_audit_constructs import aws, catalog
    from eks_audit_constructs.verify import checks, report
    from eks_audit_constructs.verify import verify as run

    if template is None:
        patterns, skipped = list(checks.of_detections(catalog.ALL)), {}
    else:
        patterns, skipped = list(checks.of_template(template, catalog.ALL)), checks.skipped(template)
    with closing(aws.client("logs", profile=profile, region=region)) as client, shown_progress() as (progress, _):
        asked = [*patterns, *checks.probes()]
        result = run(asked, client, progress=lambda share: progress("Asking CloudWatch", share))
    if json:
        click.echo(report.as_json(result, skipped=skipped))
    else:
        report.print_report(result, Console(highlight=False), skipped=skipped)
    if not result.agrees:
        raise SystemExit(DIFFERS)
