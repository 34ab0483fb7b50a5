"""What every test stands on: the environment that CDK reads when it is imported, and the project's own data."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

# CDK's own validation costs seconds in each process: one test turns it on, for whole apps.
os.environ["CDK_VALIDATION"] = "false"
# `make` links a Node that CDK supports beside Python: jsii finds it also where .venv is not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """The audit logs of a real API server, one file a scenario; `index.json` says what happens in each."""
    return ROOT / "tests" / "data" / "audit-logs"


@pytest.fixture(scope="session")
def recommended_flags() -> dict[str, Any]:
    """The feature flags that a new CDK app has, as cdk.json gives them to ours; tests see none unless they pass them."""
    flags: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return flags
