"""The apps that every gate looks at: the default app, and each example."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from eks_audit_constructs.cdk.app import build as build_default

ROOT = Path(__file__).parent.parent
EXAMPLES = {path.parent.name: path for path in sorted((ROOT / "examples").glob("*/app.py"))}
CONTEXT: dict[str, Any] = {"cluster": "demo", "alarm_email": "security@example.com"}


def builders() -> dict[str, Callable[[App], Any]]:
    """How to add each app's stacks to an `App`."""
    return {"default": build_default, **{name: _load(name, path).build for name, path in EXAMPLES.items()}}


def build_wrong(app: App) -> None:
    """What no gate may let pass: an alarm on a period that CloudWatch does not have."""
    cloudwatch.CfnAlarm(
        Stack(app, "Wrong"),
        "Alarm",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        metric_name="Errors",
        namespace="Mine",
        period=45,
        statistic="Sum",
        threshold=1,
    )


def _load(name: str, path: Path) -> Any:
    specification = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module
