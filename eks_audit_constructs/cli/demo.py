"""eks-audit demo."""

from __future__ import annotations

from pathlib import Path

import click

from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.output import console

__all__ = ["run_demo"]


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
    from rich.rule import Rule

    from eks_audit_constructs import demo
    from eks_audit_constructs.replay import replay
    from eks_audit_constructs.replay.report import print_report

    out = console()
    with Console(stderr=True).status("Synthesizing the default stack"):
        template = demo.synthesize(folder)
    for title, log in (("An attack", demo.ATTACK), ("An ordinary day", demo.ORDINARY_DAY)):
        out.print(Rule(title, align="left"), width=min(out.width, 80))
        print_report(replay(template, [log]), out)
        out.print()
