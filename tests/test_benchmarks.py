"""What is measured is what it is said to be."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from benchmarks import growth, ratio, replay, twin
from eks_audit_constructs.audit_logs.events import events
from eks_audit_constructs.audit_logs.logs import opened
from eks_audit_constructs.templates.template import read_template


def moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["stageTimestamp"])


def test_the_twin_has_what_the_default_stack_has(default_template: dict[str, Any]) -> None:
    app = App(analytics_reporting=False)
    stack = twin.build(app, default_template)
    written = app.synth().get_stack_by_name(stack.stack_name).template

    def types(template: dict[str, Any]) -> Counter[str]:
        return Counter(resource["Type"] for resource in template["Resources"].values())

    assert types(written) == types(default_template)
    assert written["Resources"] == default_template["Resources"]
    assert written["Outputs"] == default_template["Outputs"]


def test_a_twin_that_cannot_write_a_resource_says_so(default_template: dict[str, Any]) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {}}
    with pytest.raises(KeyError, match="AWS::SQS::Queue"):
        twin.build(App(), {**default_template, "Resources": {**default_template["Resources"], "Queue": queue}})


def test_the_replayed_log_is_the_real_one_minute_after_minute(real_logs: Path, tmp_path: Path) -> None:
    source = real_logs / "unauthorized_spike.jsonl"
    log = tmp_path / "audit.jsonl"
    replay.write_log(log, source.read_bytes().splitlines(), size=source.stat().st_size + 1)
    real = [json.loads(line) for line in source.read_text().splitlines()]
    written = [json.loads(line) for line in log.read_text().splitlines()]
    assert written[: len(real)] == real
    assert len(written) == 2 * len(real)
    assert [moment(event) - moment(before) for before, event in zip(real, written[len(real) :], strict=True)] == [
        timedelta(minutes=1)
    ] * len(real)


@pytest.mark.parametrize(
    ("value", "at_most", "met"),
    [(1.0, True, True), (1.2, True, False), (1.2, False, True), (1.0, False, False), (None, True, None)],
)
def test_a_target_is_a_bound_of_its_own_side(value: float | None, at_most: bool, met: bool | None) -> None:
    assert ratio.Ratio(name="", value=value, target=1.1, at_most=at_most, detail="").met is met
    assert ratio.Ratio(name="", value=value, target=None, at_most=at_most, detail="").met is None


def test_measurements_take_turns() -> None:
    turns: list[str] = []

    def measurement(name: str) -> float:
        turns.append(name)
        return len(turns)

    assert ratio.medians(3, lambda: measurement("a"), lambda: measurement("b")) == [3, 4]
    assert turns == ["a", "b"] * 3


def test_the_catalogue_has_a_filter_for_each_detection_that_can_be_one(tmp_path: Path) -> None:
    path = tmp_path / "template.json"

    number = replay.catalogue_template(path)

    read = read_template(path)
    assert len(read.filters) == number > 80
    assert [item.error for item in read.filters if item.error] == []


def test_the_memory_of_a_process_is_told_in_bytes(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    log.write_text("{}\n")

    seconds, peak = ratio.peaked(["scan", str(log)], {**os.environ, "PYTHONPATH": str(replay.ROOT)})

    assert seconds > 0
    assert peak > 10_000_000


def test_a_year_has_an_event_each_minute(tmp_path: Path, real_logs: Path) -> None:
    log = tmp_path / "year.jsonl"
    growth.write_year(log, (real_logs / "unauthorized_spike.jsonl").read_bytes().splitlines(), minutes=2000)

    times = [moment(json.loads(line)) for line in log.read_text().splitlines()]

    assert times == [times[0] + timedelta(minutes=minute) for minute in range(2000)]


def test_each_object_has_the_next_events(tmp_path: Path, real_logs: Path) -> None:
    lines = (real_logs / "unauthorized_spike.jsonl").read_bytes().splitlines()
    growth.write_objects(tmp_path / "objects", lines, 3)

    with opened([tmp_path / "objects"]) as logs:
        read = [[event.line for event in events(log)] for log in logs]

    assert [len(log) for log in read] == [5, 5, 5]
    assert [line for log in read for line in log] == lines[:15]
    assert {log.group for log in logs} == {"111122223333:/aws/eks/demo/cluster"}


def test_counting_can_be_timed_alone(tmp_path: Path, real_logs: Path) -> None:
    log, template = str(real_logs / "unauthorized_spike.jsonl"), tmp_path / "template.json"
    replay.catalogue_template(template)

    assert ratio.timed(["count", str(template), log], {**os.environ, "PYTHONPATH": str(replay.ROOT)}) > 0
