"""Synthesizes every app with CDK's own validation and preflight checks on, in a process of its own.

    python -m tests.validated_synthesis FOLDER

CDK reads the switch when it is imported, and the other tests have it off. Prints, as JSON, what refused each app.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aws_cdk import App
from cdk_preflight import Preflight

from tests.apps import CONTEXT, ROOT, build_wrong, builders


def main(folder: Path) -> None:
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    refusals: dict[str, str | None] = {}
    for name, build in {**builders(), "wrong": build_wrong}.items():
        app = App(context={**flags, **CONTEXT}, outdir=str(folder / name), analytics_reporting=False)
        Preflight.apply(app, strict=True)
        build(app)
        try:
            app.synth()
        except RuntimeError as error:
            refusals[name] = str(error)
        else:
            refusals[name] = None
    print(json.dumps(refusals))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
