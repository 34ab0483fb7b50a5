"""eks-audit verify."""

from __future__ import annotations

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import FOUND
from eks_audit_constructs.cli.options import profile, region
from eks_audit_constructs.cli.output import as_json, console, shown_progress
from eks_audit_constructs.cli.selection import Selection, selection
from eks_audit_constructs.errors import TemplateError

__all__ = ["verify"]


@app.command()
@selection("all")
@profile
@region
@as_json
def verify(selected: Selection, profile: str | None, region: str | None, json: bool) -> int | None:
    """Ask CloudWatch whether patterns match what they should.

    Sends the pattern of each detection with its sample events to TestMetricFilter, and patterns that settle what the
    documentation leaves open. Verifies the whole catalogue, unless you choose detections or a template. It is free of
    charge, needs only the permission logs:TestMetricFilter, and neither reads nor writes anything in the account.
    """
    from contextlib import closing

    from eks_audit_constructs import aws, catalog
    from eks_audit_constructs.verify import checks, report
    from eks_audit_constructs.verify import verify as run

    if selected.template is None:
        patterns, skipped, doubts = list(checks.of_detections(selected.detections())), {}, {}
    else:
        read = selected.read()
        patterns, skipped = list(checks.of_template(read, catalog.ALL)), checks.skipped(read)
        doubts = checks.doubts(read)
    if not patterns:
        raise TemplateError(
            str(selected.template),
            value=len(skipped),
            limit="it has no metric filter that can be verified",
            way_out="Name a template with metric filters on JSON events",
        )
    with closing(aws.client("logs", profile=profile, region=region)) as client, shown_progress() as (progress, _):
        asked = [*patterns, *checks.probes()]
        result = run(asked, client, progress=lambda share: progress("Asking CloudWatch", share))
    if json:
        click.echo(report.as_json(result, skipped=skipped, doubts=doubts))
    else:
        report.print_report(result, console(), skipped=skipped, doubts=doubts)
    return None if result.agrees else FOUND
