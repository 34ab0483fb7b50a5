"""Several stacks with equal logical ids: each answers for itself, in all that a command shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eks_audit_constructs import catalog
from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.replay import Replay, replay
from eks_audit_constructs.replay.html import write
from eks_audit_constructs.replay.report import as_json, print_report
from eks_audit_constructs.templates.template import Key, read_template
from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.report import as_json as tuning_as_json
from eks_audit_constructs.tuning.subjects import of_template
from eks_audit_constructs.verify import checks
from tests.replay.builders import alarm, event, metric_filter, write_log
from tests.replay.html.pages import data_of

DATA = Path(__file__).parents[1] / "templates" / "data"
GET, LIST = '{ $.verb = "get" }', '{ $.verb = "list" }'


def stacks(folder: Path, **resources: dict[str, Any]) -> Path:
    path = folder / "cdk.out"
    path.mkdir()
    for name, held in resources.items():
        (path / f"{name}.template.json").write_text(json.dumps({"Resources": held}))
    return path


def twins(folder: Path, **second: Any) -> Path:
    """Two stacks with equal ids and names, and each its own namespace."""
    return stacks(
        folder,
        a={"F": metric_filter(GET, MetricNamespace="N/a"), "A": alarm(AlarmName="x", Namespace="N/a")},
        b={"F": metric_filter(LIST, MetricNamespace="N/b"), "A": alarm(AlarmName="x", Namespace="N/b", **second)},
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path, *[event("06:00:00", verb="get", user={"username": "ann"})] * 3)


def text_of(result: Replay) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    print_report(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_each_template_answers_for_itself(tmp_path: Path, log: Path) -> None:
    result = replay(twins(tmp_path), [log])

    assert {item.filter.key: item.matched for item in result.filters} == {Key("a", "F"): 3, Key("b", "F"): 0}
    assert {item.alarm.template: item.alarmed for item in result.alarms} == {"a": True, "b": False}
    document = json.loads(as_json(result))
    assert [(item["template"], item["alarmed"]) for item in document["alarms"]] == [("a", True), ("b", False)]
    text = text_of(result)
    assert "11-23 06:01  ALARM  x      a" in text
    assert "Quiet: x (b)" in text


def test_an_error_is_the_own_templates(tmp_path: Path, log: Path) -> None:
    folder = stacks(
        tmp_path,
        a={"F": metric_filter(GET), "A": alarm()},
        b={"F": metric_filter("{ broken", MetricName="Other"), "A": alarm(MetricName="Other")},
    )

    result = replay(folder, [log])

    assert [(item.alarm.template, bool(item.error)) for item in result.alarms] == [("a", False), ("b", True)]
    assert "A (b): its metric filter cannot be evaluated" in text_of(result)


def test_equal_metrics_of_two_stacks_are_not_added_up(tmp_path: Path, log: Path) -> None:
    folder = stacks(
        tmp_path, a={"F": metric_filter(GET), "A": alarm(Threshold=4)}, b={"F": metric_filter(GET), "A": alarm()}
    )

    first, second = replay(folder, [log]).alarms

    assert (first.alarmed, second.alarmed) == (False, True)
    assert first.caveats == ("b also writes its metric: in one account and Region the values add up",)


def test_an_alarm_may_watch_another_stacks_metric(tmp_path: Path, log: Path) -> None:
    folder = stacks(tmp_path, a={"F": metric_filter(GET)}, b={"A": alarm()})
    assert replay(folder, [log]).alarms[0].alarmed

    (folder / "c.template.json").write_text(json.dumps({"Resources": {"F": metric_filter(LIST)}}))
    assert replay(folder, [log]).alarms[0].error == "metric filters of several templates write its metric: a, c"


def test_the_page_has_the_events_of_each(tmp_path: Path, log: Path) -> None:
    folder = twins(tmp_path, Threshold=1)
    write_log(tmp_path, *log.read_text().splitlines(), event("06:00:30", verb="list"))
    with logs.opened([log]) as found:
        write(replay(folder, [log]), found, tmp_path / "page.html")

    page = (tmp_path / "page.html").read_text()
    assert page.count('id="alarm-A"') == page.count('id="alarm-A-2"') == 1
    assert {name: len(held["events"]) for name, held in data_of(page)["filters"].items()} == {"F": 3, "F-2": 1}
    assert "<small>in <bdi>a</bdi></small>" in page


def test_tune_tries_each(tmp_path: Path, log: Path) -> None:
    tuning = tune(of_template(read_template(twins(tmp_path, ComparisonOperator="LessThanThreshold"))), [log])

    assert [(advice.template, advice.events) for advice in tuning.advice] == [("a", 3)]
    assert tuning.untried == {"x (b)": "it does not go off at a number of events"}


def test_tune_pastes_each_stacks_changes_apart(tmp_path: Path) -> None:
    lines = [event(f"06:{minute:02}:00", verb="get", user={"username": "ci"}) for minute in range(0, 60, 7)] * 3
    log = write_log(tmp_path, *lines)
    name = "forbidden-requests"
    a, b = ({"F": metric_filter(GET), "A": alarm(Threshold=limit)} for limit in (1, 99))
    for resources in (a, b):
        resources["F"]["Properties"]["FilterName"] = name

    document = json.loads(tuning_as_json(tune(of_template(read_template(stacks(tmp_path, a=a, b=b))), [log])))

    assert [(item["template"], item["id"]) for item in document["detections"]] == [("a", name), ("b", name)]
    assert document["cdk_json"]["b"] is None
    assert name in document["cdk_json"]["a"]["detections"]


def test_verify_asks_about_each(tmp_path: Path) -> None:
    asked = checks.of_template(read_template(twins(tmp_path)), [catalog.ROLE_CHANGED])

    assert [(item.id, item.pattern) for item in asked] == [("a/F", GET), ("b/F", LIST)]


@pytest.mark.parametrize("folder", ["two_stacks", "fleet", "fleet_error"])
def test_stacks_of_the_field(folder: str) -> None:
    log = DATA / ("audit.jsonl" if folder == "two_stacks" else "deletes.jsonl")
    together = replay(DATA / folder, [log])
    alone = [replay(path, [log]) for path in sorted((DATA / folder).iterdir())]

    assert [item.matched for item in together.filters] == [item.matched for one in alone for item in one.filters]
    assert [item.transitions for item in together.alarms] == [item.transitions for one in alone for item in one.alarms]
    first = next(change.at for change in together.alarms[0].transitions if change.state.value == "ALARM")
    assert f"{first:%H:%M}" == ("09:02" if folder == "two_stacks" else "09:04")
    assert not together.alarms[1].alarmed
