"""The command line: `eks-audit`.

What a command needs is imported inside it, so that `--help` is quick.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

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
BAD_INPUT = 2


@app.command()
def replay(
    template: Annotated[Path, typer.Argument(help="A CloudFormation template (JSON or YAML) or a cdk.out folder.")],
    logs: Annotated[list[str], typer.Argument(metavar="LOG...", help="Audit logs: files, folders, or - for stdin.")],
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    fail_on_alarm: Annotated[bool, typer.Option(help=f"Exit with {ALARMED} when an alarm went off.")] = False,
) -> None:
    """Say which alarms of a template would have gone off on these audit logs, and when.

    Logs may be JSONL, gzip, CloudWatch export files, or the output of `aws logs filter-log-events`.

    Exit code: 0 when the logs were replayed, 1 when an alarm went off and --fail-on-alarm was given, 2 when the
    template or a log cannot be read.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from eks_audit_constructs.replay import replay as run
    from eks_audit_constructs.replay.report import as_json, print_report

    columns = (TextColumn("Reading the logs"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("", total=1.0)
        result = run(template, logs, progress=lambda share: bar.update(task, completed=share))
    if json:
        typer.echo(as_json(result))
    else:
        print_report(result, Console(highlight=False, soft_wrap=False))
    if fail_on_alarm and any(item.alarmed for item in result.alarms):
        raise typer.Exit(ALARMED)


@app.command()
def detections(
    json: Annotated[bool, typer.Option("--json", help="Print everything about each, as JSON.")] = False,
) -> None:
    """List the detections of the catalogue."""
    from rich.console import Console

    from eks_audit_constructs import catalog, explain

    if json:
        typer.echo(explain.as_json(catalog.DEFAULT))
    else:
        explain.print_detections(catalog.DEFAULT, Console(highlight=False))


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
