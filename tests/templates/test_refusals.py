"""What CloudWatch, CloudWatch Logs or CloudFormation would refuse is said, and not counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.templates.template import read_template
from tests.replay.builders import alarm, metric_filter, write_template

GET = '{ $.verb = "get" }'


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"Period": 45}, "Period 45 is not 10, 20, 30 or a multiple of 60"),
        ({"Period": 0}, "Period 0 is not a whole number"),
        ({"Period": True}, "Period true is not a finite number"),
        ({"Period": [60]}, "Period is not text"),
        ({"Period": 3000, "EvaluationPeriods": 30}, "at most 86,400"),
        ({"EvaluationPeriods": 1.5}, "EvaluationPeriods 1.5 is not a whole number"),
        ({"DatapointsToAlarm": 0}, "DatapointsToAlarm 0"),
        ({"Threshold": "NaN"}, "Threshold NaN is not a finite number"),
        ({"TreatMissingData": "notbreaching"}, "TreatMissingData notbreaching"),
        ({"ComparisonOperator": ">"}, "ComparisonOperator >"),
        ({"Statistic": "sum"}, "the statistic sum is not one"),
        ({"Statistic": None}, "Statistic is required"),
        ({"ExtendedStatistic": "p99"}, "either Statistic or ExtendedStatistic"),
        ({"Unit": "Events"}, "Unit Events is not one"),
        ({"MetricName": None}, "MetricName is required"),
        ({"Dimensions": {"a": "b"}}, "Dimensions is not a list"),
        ({"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}, "the same name"),
        ({"Metrics": [], "MetricName": "x"}, "either Metrics or MetricName"),
        ({"Metrics": []}, "0 elements of Metrics return data"),
        ({"Metrics": "x"}, "Metrics is not a list"),
        ({"AlarmDescription": "x" * 1025}, "at most 1,024"),
    ],
)
def test_alarms(tmp_path: Path, properties: dict[str, Any], reason: str) -> None:
    [found] = read_template(write_template(tmp_path, A=alarm(**properties))).alarms

    assert (found.error or "").startswith("AWS rejects it: ")
    assert reason in (found.error or "")


@pytest.mark.parametrize("period", [10, 20, 30, 60, 3600, "300"])
def test_periods_that_are_accepted(tmp_path: Path, period: Any) -> None:
    assert read_template(write_template(tmp_path, A=alarm(Period=period))).alarms[0].error is None


DIMENSIONS = [{"Key": name, "Value": f"$.{name}"} for name in "abcd"]


@pytest.mark.parametrize(
    ("pattern", "transformation", "reason"),
    [
        (GET, {"Dimensions": DIMENSIONS[:1], "DefaultValue": 0}, "cannot have a default value"),
        ("get", {"Dimensions": DIMENSIONS[:1]}, "a text pattern selects no fields"),
        (GET, {"Dimensions": DIMENSIONS}, "4 dimensions"),
        (GET, {"MetricValue": "many"}, "MetricValue many"),
        (GET, {"MetricValue": "inf"}, "MetricValue inf"),
        (GET, {"MetricValue": "$."}, "is not a field"),
        (GET, {"MetricValue": None}, "MetricValue is required"),
        (GET, {"DefaultValue": "1e999"}, "DefaultValue 1e999 is not a finite number"),
        (GET, {"Unit": "Hits"}, "Unit Hits"),
        (GET, {"MetricNamespace": "a:b"}, "MetricNamespace has ':'"),
        ("{ $.a = x y }", {}, "invalid from character"),
        ("{ $.a = %(x)% }", {}, "no parentheses"),
        (f'{{ $.a = "{"x" * 1020}" }}', {}, "at most 1024"),
    ],
)
def test_metric_filters(tmp_path: Path, pattern: str, transformation: dict[str, Any], reason: str) -> None:
    [found] = read_template(write_template(tmp_path, F=metric_filter(pattern, **transformation))).filters

    assert found.condition is None
    assert (found.error or "").startswith("AWS rejects it: ")
    assert reason in (found.error or "")


def test_one_transformation(tmp_path: Path) -> None:
    two = metric_filter(GET)
    two["Properties"]["MetricTransformations"] *= 2

    assert "exactly one" in (read_template(write_template(tmp_path, F=two)).filters[0].error or "")


@pytest.mark.parametrize(
    ("log_class", "refused"), [("DELIVERY", True), ("INFREQUENT_ACCESS", True), ("STANDARD", False)]
)
def test_log_classes(tmp_path: Path, log_class: str, refused: bool) -> None:
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupClass": log_class}}
    path = write_template(tmp_path, L=group, F=metric_filter(GET, group={"Ref": "L"}))

    assert bool(read_template(path).filters[0].error) is refused


@pytest.mark.parametrize("number", [5, 6])
def test_regular_expressions_of_a_group(tmp_path: Path, number: int) -> None:
    filters = {f"F{place}": metric_filter("{ $.a = %x% }") for place in range(number)}
    other = metric_filter("{ $.a = %x% }", group="/other")

    found = {item.logical_id: item for item in read_template(write_template(tmp_path, G=other, **filters)).filters}

    assert found["G"].error is None
    assert (found["F0"].error is None) is (number == 5)


def test_a_hundred_filters_of_a_group(tmp_path: Path) -> None:
    filters = {f"F{place}": metric_filter(GET) for place in range(101)}

    assert all(item.error for item in read_template(write_template(tmp_path, **filters)).filters)
    del filters["F0"]
    assert not any(item.error for item in read_template(write_template(tmp_path, **filters)).filters)


def test_a_fixed_dimension_value(tmp_path: Path) -> None:
    from eks_audit_constructs.replay import replay
    from tests.replay.builders import event, write_log

    fixed = metric_filter(GET, Dimensions=[{"Key": "Cluster", "Value": "prod"}])
    watching = {name: alarm(Dimensions=[{"Name": "Cluster", "Value": name}]) for name in ("prod", "dev")}
    log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 2)

    found = {
        item.alarm.logical_id: item for item in replay(write_template(tmp_path, F=fixed, **watching), [log]).alarms
    }

    assert found["prod"].alarmed
    assert "a fixed value" in found["prod"].caveats[0]
    assert "never gets data" in (found["dev"].error or "")
