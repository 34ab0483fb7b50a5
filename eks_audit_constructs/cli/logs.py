"""Commands that read audit logs: replay, query, tune."""

from __future__ import annotations

from pathlib import Path

import click

from eks_audit_constructs.cli.app import ALARMED, app
from eks_audit_constructs.cli.options import Elsewhere, as_json, elsewhere, fetched

__all__ = ["query", "replay", "tune"]

logs = click.argument("logs", metavar="[LOG]...", nargs=-1)


@app.command()
@click.argument("template", type=click.Path(path_type=Path))
@logs
@elsewhere
@click.option(
    "--html", metavar="PATH", type=click.Path(path_type=Path), help="Write a page to look at, with charts and events."
)
@as_json
@click.option("--fail-on-alarm", is_flag=True, help=f"Exit with {ALARMED} when an alarm went off.")
def replay(
    template: Path, logs: tuple[str, ...], elsewhere: Elsewhere, html: Path | None, json: bool, fail_on_alarm: bool
) -> None:
    """Say which alarms of a template would have gone off, and when.

    TEMPLATE is a CloudFormation template (JSON or YAML) or a cdk.out folder. Each LOG is a file, a folder,
    s3://bucket/prefix, or - for standard input: JSONL, gzip, CloudWatch export files, Firehose objects, or the output
    of `aws logs filter-log-events`.

    Exit code: 0 when the logs were replayed, 1 when an alarm went off and --fail-on-alarm was given, 2 when the
    template or a log cannot be read.
    """
    from eks_audit_constructs.replay import replayed, report

    with (
        fetched(logs, elsewhere) as (paths, progress),
        replayed(template, paths, progress=lambda share: progress("Reading the logs", share)) as (result, found),
    ):
        if html is not None:
            from eks_audit_constructs.replay.html import write

            progress("Writing the report", 0)
            write(result, found, html)
    if json:
        click.echo(report.as_json(result))
    else:
        from rich.console import Console

        report.print_report(result, Console(highlight=False, soft_wrap=False))
    if fail_on_alarm and any(item.alarmed for item in result.alarms):
        raise SystemExit(ALARMED)


@app.command()
@click.argument("arguments", metavar="TEMPLATE [LOG]... NAME", nargs=-1)
@click.option("--text", metavar="QUERY", help="A query in place of a saved one; then only logs are named.")
@elsewhere
@as_json
def query(arguments: tuple[str, ...], text: str | None, elsewhere: Elsewhere, json: bool) -> None:
    """Run a saved Logs Insights query over audit logs, offline.

    NAME is the name or id of a query that TEMPLATE saves.

    Exit code: 0, or 2 when the query is not understood, or the template or a log cannot be read.
    """
    from eks_audit_constructs import insights
    from eks_audit_constructs.insights import show

    where, wanted, named = insights.choose(list(arguments), text)
    with fetched(named, elsewhere) as (paths, progress):
        answer = insights.run(wanted, paths, where=where, progress=lambda share: progress("Reading the logs", share))
    if json:
        click.echo(show.as_json(answer))
    else:
        from rich.console import Console

        show.print_answer(answer, Console(highlight=False))


@app.command()
@logs
@click.option(
    "--template",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Try the alarms of this template. Default: the whole catalogue.",
)
@click.option(
    "--alarms-a-week", metavar="NUMBER", type=float, default=1, help="How often each detection may go off. Default: 1."
)
@elsewhere
@as_json
def tune(logs: tuple[str, ...], template: Path | None, alarms_a_week: float, elsewhere: Elsewhere, json: bool) -> None:
    """Say what each threshold would have meant, and what to change.

    Exit code: 0, or 2 when the template or a log cannot be read.
    """
    from eks_audit_constructs.templates.template import read_template
    from eks_audit_constructs.tuning import report, subjects
    from eks_audit_constructs.tuning import tune as run

    tried = subjects.of_catalogue() if template is None else subjects.of_template(read_template(template))
    with fetched(logs, elsewhere) as (paths, progress):
        result = run(tried, paths, alarms_a_week=alarms_a_week, progress=progress)
    if json:
        click.echo(report.as_json(result))
    else:
        from rich.console import Console

        report.print_tuning(result, Console(highlight=False))
