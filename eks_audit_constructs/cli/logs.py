"""Commands that read audit logs: replay, query, tune."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eks_audit_constructs.cli.app import ALARMED, app
from eks_audit_constructs.cli.options import LogGroup, Logs, Profile, Region, Since, Until, fetched

__all__ = ["query", "replay", "tune"]


@app.command()
def replay(
    template: Annotated[Path, typer.Argument(help="A CloudFormation template (JSON or YAML) or a cdk.out folder.")],
    logs: Logs = None,
    log_group: LogGroup = None,
    since: Since = None,
    until: Until = None,
    profile: Profile = None,
    region: Region = None,
    html: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Write a page to look at, with charts and events.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on_alarm: Annotated[bool, typer.Option(help=f"Exit with {ALARMED} when an alarm went off.")] = False,
) -> None:
    """Say which alarms of a template would have gone off on these audit logs, and when.

    Logs may be JSONL, gzip, CloudWatch export files, or the output of `aws logs filter-log-events`.

    Exit code: 0 when the logs were replayed, 1 when an alarm went off and --fail-on-alarm was given, 2 when the
    template or a log cannot be read.
    """
    from rich.console import Console

    from eks_audit_constructs.replay import replayed
    from eks_audit_constructs.replay.report import as_json, print_report

    with (
        fetched(logs, log_group, since, until, profile, region) as (paths, progress),
        replayed(template, paths, progress=lambda share: progress("Reading the logs", share)) as (result, found),
    ):
        if html is not None:
            from eks_audit_constructs.replay.html import write

            progress("Writing the report", 0)
            write(result, found, html)
    if json:
        typer.echo(as_json(result))
    else:
        print_report(result, Console(highlight=False, soft_wrap=False))
    if fail_on_alarm and any(item.alarmed for item in result.alarms):
        raise typer.Exit(ALARMED)


@app.command()
def query(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEMPLATE [LOG]... NAME", help="A template, audit logs, and the name or id of a saved query."
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(metavar="QUERY", help="A query in place of a saved one; then only logs are named.")
    ] = None,
    log_group: LogGroup = None,
    since: Since = None,
    until: Until = None,
    profile: Profile = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Run a saved Logs Insights query of a template over audit logs, offline.

    Exit code: 0, or 2 when the query is not understood, or the template or a log cannot be read.
    """
    from rich.console import Console

    from eks_audit_constructs import insights
    from eks_audit_constructs.insights.show import as_json, print_answer

    where, wanted, logs = insights.choose(arguments or [], text)
    with fetched(logs, log_group, since, until, profile, region) as (paths, progress):
        answer = insights.run(wanted, paths, where=where, progress=lambda share: progress("Reading the logs", share))
    if json:
        typer.echo(as_json(answer))
    else:
        print_answer(answer, Console(highlight=False))


@app.command()
def tune(
    logs: Logs = None,
    template: Annotated[
        Path | None, typer.Option(help="Try the alarms of this template. Default: the whole catalogue.")
    ] = None,
    alarms_a_week: Annotated[float, typer.Option(help="How often each detection may go off.")] = 1,
    log_group: LogGroup = None,
    since: Since = None,
    until: Until = None,
    profile: Profile = None,
    region: Region = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what each threshold would have meant on these logs, and what to change.

    Exit code: 0, or 2 when the template or a log cannot be read.
    """
    from rich.console import Console

    from eks_audit_constructs.replay.template import read_template
    from eks_audit_constructs.tuning import subjects
    from eks_audit_constructs.tuning import tune as run
    from eks_audit_constructs.tuning.report import as_json, print_tuning

    tried = subjects.of_catalogue() if template is None else subjects.of_template(read_template(template))
    with fetched(logs, log_group, since, until, profile, region) as (paths, progress):
        result = run(tried, paths, alarms_a_week=alarms_a_week, progress=progress)
    if json:
        typer.echo(as_json(result))
    else:
        print_tuning(result, Console(highlight=False))
