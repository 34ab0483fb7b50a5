"""What every test stands on: the environment that CDK reads when it is imported, and the project's own data."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from eks_audit_constructs import recordings

ROOT = Path(__file__).parent.parent

# CDK's own validation costs seconds in each process: one test turns it on, for whole apps.
os.environ["CDK_VALIDATION"] = "false"
# `make` links a Node that CDK supports beside Python: jsii finds it also where .venv is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def real_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The audit logs of a real API server, one file a scenario: `benign_day.jsonl` and so on."""
    folder = tmp_path_factory.mktemp("real-logs")
    for scenario in recordings.scenarios():
        (folder / f"{scenario}.jsonl").write_bytes(b"\n".join([*recordings.lines(scenario), b""]))
    return folder


@pytest.fixture(scope="session")
def recommended_flags() -> dict[str, Any]:
    """cdk.json's feature flags, which only the CDK CLI reads: an app in a test has those it is given, or none."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return flags


@pytest.fixture(scope="session")
def default_template() -> dict[str, Any]:
    """What `cdk synth -c cluster=demo` makes: the default stack."""
    from aws_cdk import App

    from eks_audit_constructs.cdk.app import build

    app = App(context={"cluster": "demo"}, analytics_reporting=False)
    [stack] = build(app)
    template: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template
    return template
