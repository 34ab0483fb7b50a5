"""eks-audit check: its exit codes and its three formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.replay.builders import metric_filter, write_template

HEAD = "from eks_audit_constructs import Detection, field\nprint('loud')\n"


def rules(folder: Path, verb: str) -> Path:
    path = folder / "rules.py"
    path.write_text(HEAD + f'D = Detection(id="d", title="D", condition=field("verb") == "{verb}")\n', encoding="utf-8")
    return path


def test_no_findings(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("check", rules(tmp_path, "delete")) == 0
    assert capsys.readouterr() == ("No findings; 1 condition checked.\n", "loud\n")


def test_findings_are_lines_with_places(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("check", rules(tmp_path, "deleted").name) == 1
    line, end = capsys.readouterr().out.splitlines()
    assert line.startswith("rules.py:3: error: detection 'd': '$.verb = \"deleted\"': never matches: ")
    assert line.endswith(" [never-matches]")
    assert end == "1 finding; 1 condition checked."


def test_a_warning_is_a_finding_too(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("check", write_template(tmp_path, F=metric_filter('{ $.objectRef.resource = "pod" }'))) == 1
    assert ":1: warning: metric filter 'F': " in capsys.readouterr().out


def test_json(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("check", rules(tmp_path, "deleted"), "--format", "json") == 1
    document = json.loads(capsys.readouterr().out)
    [finding] = document["findings"]
    assert (finding["rule"], finding["level"], finding["line"]) == ("never-matches", "error", 3)
    assert finding["where"] == "detection 'd'"
    assert (document["asked"], document["unchecked"]) == (1, [])


def test_sarif(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("check", rules(tmp_path, "deleted"), "--format", "sarif") == 1
    [result] = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["ruleId"] == "never-matches"
    assert run("check", rules(tmp_path, "delete"), "--format", "sarif") == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["results"] == []


def test_parameters_are_those_of_a_template(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    filter = metric_filter("x")
    filter["Properties"]["FilterPattern"] = {"Ref": "Pattern"}
    path.write_text(
        json.dumps({"Parameters": {"Pattern": {"Type": "String"}}, "Resources": {"F": filter}}), encoding="utf-8"
    )
    assert run("check", path) == 2
    assert run("check", path, "--parameter", 'Pattern={ $.verb = "get" }') == 0
    assert run("check", path, "--parameter", 'Pattern={ $.verb = "gets" }') == 1
    assert run("check", rules(tmp_path, "get"), "--parameter", "A=b") == 2
    assert "only a template has parameters" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["x = (", "import no_such_module", "D = 3", "raise SystemExit(1)"])
def test_what_cannot_be_read(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.py"
    path.write_text(text, encoding="utf-8")
    assert run("check", path) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("eks-audit: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["none.py", "none.json", "."])
def test_what_is_not_there(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    assert run("check", tmp_path / name) == 2
    assert capsys.readouterr().err.startswith("eks-audit: ")
