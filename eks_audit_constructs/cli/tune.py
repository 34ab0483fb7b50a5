"""eks-audit tune."""

from __future__ import annotations

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.logs import Logs, logs
from eks_audit_constructs.cli.options import assume_log_group
from eks_audit_constructs.cli.output import as_json, console
from eks_audit_constructs.cli.selection import Selection, selection

__all__ = ["tune"]


@app.command()
@selection("all")
@logs
@click.option(
    "--alarms-a-week", metavar="NUMBER", type=float, default=1, help="How often each detection may go off. Default: 1."
)
@assume_log_group
@as_json
def tune(logs: Logs, selected: Selection, alarms_a_week: float, assume_log_group: str | None, json: bool) -> None:
    """Show what each threshold would have meant, and what to change.

    Tries the whole catalogue, to show also what you could switch on, unless you choose detections or a template.
    """
    from eks_audit_constructs.tuning import report, subjects
    from eks_audit_constructs.tuning import tune as run

    if selected.template is None:
        tried = subjects.of_catalogue(selected.detections())
    else:
        tried = subjects.of_template(selected.read(), assume_log_group=assume_log_group)
    with logs.fetched() as (paths, progress):
        result = run(tried, paths, alarms_a_week=alarms_a_week, progress=progress)
    if json:
        click.echo(report.as_json(result))
    else:
        report.print_tuning(result, console())
