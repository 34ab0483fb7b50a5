"""Alarms on several metrics: what CloudWatch rejects, and what is not evaluated, each with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.templates.items import Alarm
from eks_audit_constructs.templates.template import read_template
from tests.replay.builders import alarm, write_template


def stat(id: str, *, period: int = 60, **changes: Any) -> dict[str, Any]:
    metric = {"Namespace": "Audit", "MetricName": id}
    return {"Id": id, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}, **changes}


def read(folder: Path, *metrics: dict[str, Any]) -> Alarm:
    [found] = read_template(write_template(folder, A=alarm(Metrics=list(metrics)))).alarms
    return found


def formula(expression: Any, **changes: Any) -> dict[str, Any]:
    return {"Id": "e", "Expression": expression, **changes}


def test_a_formula(tmp_path: Path) -> None:
    found = read(tmp_path, formula("m1 / m2"), stat("m1"), stat("m2"))

    assert (found.error, found.metric, found.period) == (None, None, 60)
    assert (found.expression, [watched.id for watched in found.watched]) == ("m1 / m2", ["m1", "m2"])


def test_the_metric_that_returns_data(tmp_path: Path) -> None:
    found = read(tmp_path, formula("m1 / m2", ReturnData=False), stat("m1", ReturnData=True), stat("m2"))

    assert found.error is None
    assert found.metric is not None
    assert found.metric.name == "m1"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("m1 +", "syntax error at the end"),
        ("m1 $ m2", "syntax error at character 4"),
        ("m1 * 1e999", "a number is too large"),
        ("m3 * 2", "no metric or expression of the alarm has the Id m3"),
        ("e + 1", "the expression e leads back to itself"),
        ("[m1, m2]", "results in an array of time series"),
        ("1 + 1", "results in a number"),
        ("ABS(1)", "ABS takes a time series"),
        ("SUM(m1, m2)", "SUM takes 1 arguments"),
        ("[m1, 2]", "an array has time series"),
        ("m1" + " + m1" * 2000, "characters; CloudWatch takes"),
    ],
)
def test_rejected(tmp_path: Path, expression: str, reason: str) -> None:
    error = read(tmp_path, formula(expression), stat("m1"), stat("m2")).error

    assert error is not None
    assert error.startswith("AWS rejects it:")
    assert reason in error


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("RATE(m1)", "its function RATE is not evaluated"),
        ("m1 / SUM(m1)", "SUM of a single metric depends on how many data points"),
        ("SELECT SUM(m1) FROM Audit", "Metrics Insights"),
        ("ANOMALY_DETECTION_BAND(m1, 2)", "anomaly band"),
        ("SUM(METRICS() + METRICS())", "does not document"),
        ("IF(METRICS(), 1, 0)", "does not document"),
        ("(" * 101 + "m1" + "^2)" * 101, "more than 100 levels"),
        ({"Ref": "Unknown"}, "needs"),
        ({"Fn::ImportValue": "x"}, "needs"),
    ],
)
def test_not_evaluated(tmp_path: Path, expression: Any, reason: str) -> None:
    error = read(tmp_path, formula(expression), stat("m1"), stat("m2")).error

    assert error is not None
    assert reason in error


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ([stat("m1"), stat("m2")], "0 elements of Metrics return data"),
        ([formula("m1"), stat("m1", ReturnData=True)], "2 elements of Metrics return data"),
        ([formula("m1"), stat("m1"), stat("m1")], "the same Id"),
        ([formula("m1 + m2"), stat("m1"), stat("m2", period=300)], "different periods"),
        ([{"Expression": "m1"}, stat("m1")], "Id is required"),
        ([{"Id": "e"}, stat("m1")], "Expression is required"),
        ([formula("m1", ReturnData="maybe"), stat("m1")], "ReturnData maybe is not one"),
    ],
)
def test_metrics_that_do_not_fit_together(tmp_path: Path, metrics: list[dict[str, Any]], reason: str) -> None:
    assert reason in (read(tmp_path, *metrics).error or "")


def test_expressions_that_grow_fast_are_not_evaluated(tmp_path: Path) -> None:
    growing = [
        {"Id": f"e{number}", "Expression": " + ".join([f"e{number - 1}" if number else "m1"] * 50), "ReturnData": False}
        for number in range(8)
    ]

    error = read(tmp_path, formula("e7"), *growing, stat("m1")).error
    assert "more than 1,000 parts" in (error or "")
