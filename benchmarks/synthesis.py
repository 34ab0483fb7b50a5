"""How much the library adds to synthesis, and how synthesis scales with the number of clusters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ratio import Ratio, medians, timed, whole_process

__all__ = ["default_template", "ratios"]

ROOT = Path(__file__).parent.parent
DEFAULT_APP = [sys.executable, str(ROOT / "app.py")]
TWIN = [sys.executable, "-m", "benchmarks.twin"]


def default_template(directory: Path) -> Path:
    """Synthesize the default app for one cluster, and return its template's path."""
    subprocess.run(DEFAULT_APP, env=_environment(directory, validate=False), stderr=subprocess.DEVNULL, check=True)
    [template] = directory.glob("*.template.json")
    return template


def ratios(rounds: int, template: Path, directory: Path) -> Iterator[Ratio]:
    """The three ratios of synthesis times. Output goes into the directory."""
    twin = [*TWIN, str(template)]
    checked = _environment(directory / "checked", validate=True)
    ours, theirs = medians(rounds, lambda: whole_process(DEFAULT_APP, checked), lambda: whole_process(twin, checked))
    yield Ratio(
        name="app / L1 twin, whole process",
        value=ours / theirs,
        target=1.1,
        at_most=True,
        detail=f"{ours:.2f} s / {theirs:.2f} s",
    )

    alone = _environment(directory / "alone", validate=False)
    ours, theirs = medians(rounds, lambda: timed(["default"], alone), lambda: timed(["twin", str(template)], alone))
    yield Ratio(
        name="app / L1 twin, build and synth",
        value=ours / theirs,
        target=1.6,
        at_most=True,
        detail=f"{ours:.2f} s / {theirs:.2f} s",
    )

    ten, hundred = (
        _environment(directory / str(clusters), validate=False, clusters=clusters) for clusters in (10, 100)
    )
    few, many = medians(rounds, lambda: timed(["default"], ten) / 10, lambda: timed(["default"], hundred) / 100)
    yield Ratio(
        name="each of 100 stacks / each of 10 stacks",
        value=many / few,
        target=1.2,
        at_most=True,
        detail=f"{many * 1000:.0f} ms / {few * 1000:.0f} ms",
    )


def _environment(directory: Path, *, validate: bool, clusters: int = 1) -> dict[str, str]:
    """The environment that the CDK CLI would set: context and output directory."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    names = [f"cluster-{number}" for number in range(1, clusters + 1)]
    return os.environ | {
        "CDK_CONTEXT_JSON": json.dumps(flags | {"cluster": names}),
        "CDK_OUTDIR": str(directory),
        "CDK_VALIDATION": "true" if validate else "false",
        "PYTHONPATH": str(ROOT),
    }
