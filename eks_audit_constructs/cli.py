"""The command line: `eks-audit`.

What a command needs is imported inside it, so that `--help` is quick.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["app", "main"]

app = typer.Typer(
    name="eks-audit",
    help="Audit logging for Amazon EKS: see what it would catch before you deploy it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ALARMED = 1
DIFFERS = 1
BAD_INPUT = 2

Logs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LOG]...", help="Audit logs: files, folders, s3://bucket/prefix, or - for stdin."),
]
LogGroup = Annotated[
    str | None, typer.Option(metavar="NAME", help="Read this CloudWatch log group, such as /aws/eks/prod/cluster.")
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="From when on: 90m, 6h or 7d ago, or an ISO 8601 time (UTC).")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Until when, likewise. Default: now.")]
Profile = Annotated[str | None, typer.Option(metavar="NAME", help="A profile of your AWS configuration.")]
Region = Annotated[str | None, typer.Option(metavar="NAME", help="An AWS Region. Default: the profile's.")]


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
        _fetched(logs, log_group, since, until, profile, region) as (paths, progress),
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
    with _fetched(logs, log_group, since, until, profile, region) as (paths, progress):
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
    with _fetched(logs, log_group, since, until, profile, region) as (paths, progress):
        result = run(tried, paths, alarms_a_week=alarms_a_week, progress=progress)
    if json:
        typer.echo(as_json(result))
    else:
        print_tuning(result, Console(highlight=False))


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
    from eks_audit_constructs.catalog import sigma

    chosen = catalog.select(severity=None if severity is None else catalog.Severity(severity), tag=tag)
    if json or format == "json":
        typer.echo(explain.as_json(chosen))
    elif format == "sigma":
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
    with closing(aws.client("logs", profile=profile, region=region)) as client, _progress() as (progress, _):
        asked = [*patterns, *checks.probes()]
        result = run(asked, client, progress=lambda share: progress("Asking CloudWatch", share))
    if json:
        typer.echo(as_json(result, skipped=skipped))
    else:
        print_report(result, Console(highlight=False), skipped=skipped)
    if not result.agrees:
        raise typer.Exit(DIFFERS)


Progress: TypeAlias = Callable[[str, float], None]


@contextmanager
def _fetched(
    logs: list[str] | None,
    log_group: str | None,
    since: str | None,
    until: str | None,
    profile: str | None,
    region: str | None,
) -> Iterator[tuple[list[Path], Progress]]:
    """The logs as files, those elsewhere brought here, and a progress bar for what is done with them."""
    from eks_audit_constructs.inputs import resolve

    where = {"log_group": log_group, "since": since, "until": until, "profile": profile, "region": region}
    with _progress() as (progress, say):
        yield resolve(logs or [], **where, progress=progress, say=say), progress


@contextmanager
def _progress() -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """A bar that takes what is done and the share of it, and a voice for what else is to be said; on stderr both."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with Bars(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=1.0)

        def progress(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        yield progress, lambda sentence: errors.print(f"eks-audit: {sentence}", markup=False)


def main() -> None:
    """Run the command line; what is wrong with its input is said in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no ≥ is no reason to stop
    try:
        app()
    except AuditConfigurationError as error:
        print(f"eks-audit: {error}", file=sys.stderr)
        raise SystemExit(BAD_INPUT) from None


if __name__ == "__main__":
    main()
