"""Templates of other people: each has the right answer, or says why it has none."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from eks_audit_constructs.replay import Replay, replay
from eks_audit_constructs.replay.report import as_json, print_report
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.items import Template
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.report import print_tuning
from eks_audit_constructs.tuning.subjects import of_template
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

DATA = Path(__file__).parents[1] / "templates" / "data"
AUDIT, DELETES = DATA / "audit.jsonl", DATA / "deletes.jsonl"


def first_alarm(result: Replay) -> str | None:
    changes = (change for item in result.alarms for change in item.transitions if change.state.value == "ALARM")
    return next((f"{change.at:%H:%M}" for change in changes), None)


def text_of(result: Replay) -> str:
    console = Console(file=io.StringIO(), width=300, highlight=False)
    print_report(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def errors(result: Replay) -> str:
    found = [item.error for item in result.filters] + [item.error for item in result.alarms]
    return "\n".join(error for error in found if error)


def test_the_base() -> None:
    result = replay(DATA / "t_base.yaml", [AUDIT])

    assert (result.filters[0].matched, first_alarm(result)) == (15, "09:02")
    assert result.notes == (), "what anyone expects is not said"


@pytest.mark.parametrize(
    ("template", "needs", "parameter", "alarmed"),
    [
        ("03_param_nodefault.json", "needs Who", {"Who": "nobody"}, None),
        ("07_ssm_default.json", "needs Who", {"Who": "nobody"}, None),
        ("09_cond_unknown.json", "needs AWS::Region", {"AWS::Region": "eu-west-1"}, "09:02"),
        ("10d_if_novalue_dta.json", "needs AWS::Region", {"AWS::Region": "eu-west-1"}, "09:02"),
        ("10d_if_novalue_dta.json", "needs AWS::Region", {"AWS::Region": "us-east-1"}, None),
    ],
)
def test_what_only_a_deployment_knows(
    template: str, needs: str, parameter: dict[str, str], alarmed: str | None
) -> None:
    unknown = replay(DATA / template, [AUDIT])
    assert f"{needs}, which has no value here" in errors(unknown)
    assert unknown.unjudged

    known = replay(DATA / template, [AUDIT], parameters=parameter)
    assert (errors(known), first_alarm(known)) == ("", alarmed)


def test_what_a_deployment_does_not_have_is_no_doubt() -> None:
    result = replay(DATA / "09_cond_unknown.json", [AUDIT], parameters={"AWS::Region": "us-east-1"})

    assert result.unevaluated == ()
    assert "does not hold" in errors(result)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("12c_dims_default_refused.json", "a metric with dimensions cannot have a default value"),
        ("12e_dims_text_pattern.json", "a text pattern selects no fields"),
        ("13c_long_pattern.json", "at most 1024"),
        ("three_regexes.template.json", "at most 2"),
        ("15_m_gt_n.json", "DatapointsToAlarm 3 is more than EvaluationPeriods 1"),
        ("half_second.template.json", "Period 0.5 is not a whole number"),
        ("treat_typo.template.json", "TreatMissingData breeching is not one that CloudWatch has"),
        ("18_infrequent.json", "INFREQUENT_ACCESS"),
        ("evil.template.json", "MetricValue nan is neither a number nor a field"),
        ("inf_period.template.json", "Period Infinity is not a finite number"),
    ],
)
def test_what_aws_rejects_is_not_counted(template: str, reason: str) -> None:
    result = replay(DATA / template, [AUDIT])

    assert f"AWS rejects it: {reason}" in errors(result) or f"{reason}" in errors(result).split("AWS rejects it: ")[1]
    assert result.unjudged
    assert "No alarm went off" not in text_of(result)
    document = json.loads(as_json(result))
    assert all(item["template"] == template for item in (*document["filters"], *document["alarms"]))
    assert any("error" in item for item in (*document["filters"], *document["alarms"]))


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("crash_metric.template.json", "needs P, which has no value here"),
        ("math.template.json", "no metric filter of this template writes its metric N/M, so it never gets data"),
        ("new-alarm-kinds.template.json", "Metrics Insights queries are not evaluated"),
        (
            "new-alarm-kinds.template.json",
            "it depends on alarms that are not evaluated: A0F9D5A97A, A1310A24E2, A200E4D5E6",
        ),
        ("new-alarm-kinds.template.json", "its data are the results of a scheduled query"),
        ("new-alarm-kinds.template.json", "a mute rule silences other alarms"),
        ("new-alarm-kinds.template.json", "writes its metric EksAudit/prod/M0, so it never gets data"),
    ],
)
def test_what_is_not_evaluated_says_why(template: str, reason: str) -> None:
    result = replay(DATA / template, [AUDIT])

    assert reason in errors(result)
    assert all(item.error for item in result.alarms)


def test_a_template_without_alarms_says_so_first() -> None:
    result = replay(DATA / "17_nested.json", [AUDIT])

    assert result.unjudged == "the template has no alarm"
    assert "the template of the nested stack N is not here" in text_of(result)


def test_the_default_of_a_mapping() -> None:
    assert first_alarm(replay(DATA / "findinmap.template.json", [DELETES])) == "09:04"


@pytest.mark.parametrize("template", ["brackets.template.json", "stack[dev].template.json"])
def test_names_are_printed_as_they_are(template: str) -> None:
    text = text_of(replay(DATA / template, [DELETES]))
    console = Console(file=io.StringIO(), width=200)
    print_tuning(tune(of_template(read_template(DATA / template)), [DELETES]), console)
    assert isinstance(console.file, io.StringIO)

    assert template in text
    for name in ("[/prod] errors", "[prod] other"):
        assert name in text
    assert "[prod] other" in console.file.getvalue()


def test_a_folder_with_brackets(tmp_path: Path) -> None:
    names = {f"A{number}": alarm(AlarmName=f"[/x]/{number}") for number in range(2)}
    log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 3)
    template = write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), **names)

    assert "Alarm in [/x]/" in text_of(replay(template, [log]))


ALARMS = Path(__file__).parent / "data"


def rings(template: str | Template, log: str) -> list[str]:
    """When each alarm goes off, and why."""
    result = replay(ALARMS / template if isinstance(template, str) else template, [ALARMS / log])
    changes = (change for item in result.alarms for change in item.transitions if change.state.value == "ALARM")
    return sorted(f"{change.at:%H:%M} {change.reason}" for change in changes)


@pytest.mark.parametrize(
    ("template", "log", "found"),
    [
        ("heartbeat.template.json", "no_beat.jsonl", ["09:05 no data for 5 min"]),
        (
            "minimum.template.json",
            "minimum.jsonl",
            ["09:18 12 > 10 in 5 min", "09:23 12 > 10 from 09:13 to 09:18", "09:28 12 > 10 from 09:13 to 09:18"],
        ),
        ("sum.template.json", "same_without_huge.jsonl", ["09:08 50 ≥ 10 in 1 min"]),
        (
            "sum.template.json",
            "huge_then_50.jsonl",
            ["09:02 1000000000000000000 ≥ 10 in 1 min", "09:08 50 ≥ 10 in 1 min"],
        ),
        ("sum03.template.json", "tenths.jsonl", []),
        (
            "silence_two_ways.template.json",
            "audit_type_switched_off.log.gz",
            ["06:35 3 of 3 periods: 0 (06:20), 0 (06:25), 0 (06:30) < 1 in 5 min"],
        ),
        (from_catalog(), "one_privileged_pod.jsonl", ["10:01 1 ≥ 1 in 1 min"]),
    ],
)
def test_when_alarms_go_off(template: str | Template, log: str, found: list[str]) -> None:
    assert rings(template, log) == found


def test_the_lowest_quiet_threshold() -> None:
    [advice] = tune(of_template(read_template(ALARMS / "quiet.template.json")), [ALARMS / "quiet.jsonl.gz"]).advice

    assert advice.threshold == 185
