"""eks-audit replay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import BAD_INPUT, FOUND
from eks_audit_constructs.cli.logs import Logs, logs
from eks_audit_constructs.cli.options import assume_log_group
from eks_audit_constructs.cli.output import as_json, console, refuse_input_as_output
from eks_audit_constructs.cli.selection import Selection, selection
from eks_audit_constructs.errors import LogError

if TYPE_CHECKING:
    from eks_audit_constructs.replay import Replay

__all__ = ["replay"]


@app.command()
@selection("default")
@logs
@click.option(
    "--html", metavar="PATH", type=click.Path(path_type=Path), help="Also write a page with charts and events."
)
@assume_log_group
@click.option(
    "--fail-on-alarm",
    is_flag=True,
    help=f"Exit with {FOUND} if an alarm went off, and with {BAD_INPUT} if one could not be evaluated.",
)
@click.option("--allow-unevaluated", is_flag=True, help="Let --fail-on-alarm pass over alarms that it cannot evaluate.")
@as_json
def replay(
    logs: Logs,
    selected: Selection,
    html: Path | None,
    assume_log_group: str | None,
    fail_on_alarm: bool,
    allow_unevaluated: bool,
    json: bool,
) -> int | None:
    """Show which alarms would have gone off, and when.

    Each LOG is a file, a folder, s3://bucket/prefix, or - for standard input: JSONL, gzip, CloudWatch export files,
    Firehose objects, or the output of `aws logs filter-log-events`.

    Replays the alarms of the catalogue's default tier, unless you choose others or a template.
    """
    from eks_audit_constructs.replay import replayed, report

    if html is not None:
        refuse_input_as_output(html, logs.names, selected.template)
    template = selected.read()
    with (
        logs.fetched() as (paths, progress),
        replayed(
            template,
            paths,
            assume_log_group=assume_log_group,
            progress=lambda share: progress("Reading the logs", share),
        ) as (result, found),
    ):
        if html is not None:
            from eks_audit_constructs.replay.html import write

            progress("Writing the report", 0)
            write(result, found, html)
    if json:
        click.echo(report.as_json(result))
    else:
        report.print_report(result, console())
    if fail_on_alarm:
        if any(item.alarmed for item in result.alarms):
            return FOUND
        if (reason := _doubt(result, allow_unevaluated=allow_unevaluated)) is not None:
            raise LogError(
                "--fail-on-alarm",
                value=", ".join(logs.names) or logs.log_group,
                limit=reason,
                way_out="Check that the logs hold audit events, and that the alarms can be evaluated",
            )
    return None


def _doubt(result: Replay, *, allow_unevaluated: bool) -> str | None:
    """Return why silence does not mean that no alarm would have gone off; None if it does."""
    if result.unjudged is not None:
        return f"no alarm could be judged: {result.unjudged}"
    if allow_unevaluated:
        return None
    if result.unevaluated:
        first, number = result.unevaluated[0], len(result.unevaluated)
        others = f" and {number - 1} more" if number > 1 else ""
        return f"not evaluated: {first.alarm.alarm_name} ({first.error}){others}; --allow-unevaluated accepts that"
    return f"{result.template.unread[0]}; --allow-unevaluated accepts that" if result.template.unread else None
