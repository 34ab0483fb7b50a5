"""What a command works on: detections of the catalogue, or a template."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from eks_audit_constructs import catalog, demo
from eks_audit_constructs.catalog import Severity
from tests.cli.conftest import Run
from tests.replay.builders import alarm, metric_filter, write_template


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm(AlarmName="reads"))


def ids(detections: Iterable[catalog.Detection]) -> set[str]:
    return {detection.id for detection in detections}


HIGH = Severity.HIGH
SEVERAL = {"pod-exec", "role-changed", "secret-read-by-person"}
CHOICES = [
    ([], ids(catalog.DEFAULT)),
    (["--tier", "default"], ids(catalog.DEFAULT)),
    (["--tier", "extended"], ids(catalog.DEFAULT) | ids(catalog.EXTENDED)),
    (["--tier", "all"], ids(catalog.ALL)),
    (["--severity", "high"], ids(catalog.DEFAULT.select(severity=HIGH))),
    (["--tier", "all", "--severity", "high"], ids(catalog.ALL.select(severity=HIGH))),
    (["--only", "pod-exec"], {"pod-exec"}),
    (["--only", "pod-exec, role-changed", "--only", "pod-exec,secret-read-by-person"], SEVERAL),
    (["--only", "aws-auth-changed,role-changed", "--severity", "low"], {"role-changed"}),
    (["--only", "pod-exec,role-changed", "--tier", "extended"], {"pod-exec", "role-changed"}),
]


@pytest.mark.parametrize(("options", "chosen"), CHOICES, ids=[" ".join(options) or "none" for options, _ in CHOICES])
def test_a_replay_has_the_alarms_that_are_chosen(
    run: Run, capsys: pytest.CaptureFixture[str], options: list[str], chosen: set[str]
) -> None:
    assert run("replay", demo.ORDINARY_DAY, *options, "--json") == 0

    assert {alarm["alarm_name"] for alarm in json.loads(capsys.readouterr().out)["alarms"]} == chosen


@pytest.mark.parametrize(
    ("options", "chosen"),
    [([], ids(catalog.ALL)), (["--tier", "default"], ids(catalog.DEFAULT)), (["--only", "pod-exec"], {"pod-exec"})],
)
def test_the_tuning_tries_the_whole_catalogue_or_what_is_chosen(
    run: Run, capsys: pytest.CaptureFixture[str], options: list[str], chosen: set[str]
) -> None:
    assert run("tune", demo.ORDINARY_DAY, *options, "--json") == 0

    tuning = json.loads(capsys.readouterr().out)
    assert {one["id"] for one in tuning["detections"]} | set(tuning["untried"]) == chosen


def test_the_tuning_of_a_template(run: Run, capsys: pytest.CaptureFixture[str], template: Path) -> None:
    assert run("tune", "--template", template, demo.ORDINARY_DAY, "--json") == 0

    assert [one["id"] for one in json.loads(capsys.readouterr().out)["detections"]] == ["F"]


@pytest.mark.parametrize("command", ["replay", "tune", "verify"])
@pytest.mark.parametrize("options", [["--tier", "all"], ["--only", "pod-exec"], ["--severity", "low"], ["--only", ""]])
def test_a_template_is_taken_whole(
    run: Run, capsys: pytest.CaptureFixture[str], template: Path, command: str, options: list[str]
) -> None:
    assert run(command, "--template", template, *options) == 2

    err = capsys.readouterr().err
    assert err.startswith(f"eks-audit: {options[0]}: ")
    assert "--template replaces the catalogue" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only", "pod-exce"], "Did you mean pod-exec"),
        (["--only", ""], "no such detection"),
        (["--only", "pod-exec", "--tier", "default"], "not among the detections of --tier default"),
        (["--only", "role-changed", "--severity", "high"], "no detection is left"),
        (["--tier", "most"], "'most' is not one of"),
    ],
)
def test_what_cannot_be_chosen(run: Run, capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    assert run("replay", demo.ORDINARY_DAY, *options) == 2

    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
