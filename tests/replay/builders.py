"""Logs with given events, and templates of a filter and an alarm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["alarm", "event", "metric_filter", "write_log", "write_template"]

_SINGLE = ("Namespace", "MetricName", "Statistic", "Period")
"""What an alarm on several metrics must not have."""


def event(clock: str, **fields: Any) -> str:
    """An audit event of a time such as 06:02:30, as a log line."""
    return json.dumps({"kind": "Event", "stageTimestamp": f"2026-11-23T{clock}.000000Z", **fields})


def write_log(folder: Path, *lines: str | bytes, name: str = "audit.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
    return path


def write_template(folder: Path, **resources: Any) -> Path:
    path = folder / "template.json"
    path.write_text(json.dumps({"Resources": resources}))
    return path


def metric_filter(pattern: str, *, group: Any = "/aws/eks/x/cluster", **transformation: Any) -> dict[str, Any]:
    """A metric filter that counts hits, unless told otherwise."""
    written = {"MetricNamespace": "Audit", "MetricName": "Hits", "MetricValue": "1", **transformation}
    properties = {"LogGroupName": group, "FilterPattern": pattern, "MetricTransformations": [written]}
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}


def alarm(**properties: Any) -> dict[str, Any]:
    """An alarm on 2 hits in a minute, unless told otherwise."""
    defaults = {
        "Namespace": "Audit",
        "MetricName": "Hits",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 2,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    if "Metrics" in properties:
        defaults = {name: value for name, value in defaults.items() if name not in _SINGLE}
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": defaults | properties}
