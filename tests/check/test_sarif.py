"""SARIF 2.1.0, by what its schema requires and code hosts read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import AuditConfigurationError
from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import Checked, Fault
from eks_audit_constructs.check.sarif import as_sarif


def sarif(*faults: Fault, unchecked: tuple[str, ...] = ()) -> dict[str, Any]:
    checked = Checked(path=Path("rules.py"), asked=3, faults=faults, unchecked=unchecked)
    log: dict[str, Any] = json.loads(as_sarif(checked))
    return log


def fault(rule: Rule = Rule.NEVER, file: str = "rules.py", line: int = 3, value: str = "x") -> Fault:
    error = AuditConfigurationError("detection 'a'", value=value, limit="never matches", way_out="Drop it")
    return Fault(rule=rule, error=error, file=Path(file), line=line)


def test_a_log_without_results_says_that_it_ran() -> None:
    log = sarif()
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    [run] = log["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["name"] == "eks-audit"
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_each_rule_is_described_once() -> None:
    rules = sarif()["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.value for rule in Rule]
    for rule in rules:
        assert rule["shortDescription"]["text"].endswith(".")
        assert re.fullmatch(r"[A-Z]\w+", rule["name"])


@pytest.mark.parametrize("rule", Rule)
def test_a_result_has_its_rule_level_and_place(rule: Rule) -> None:
    [run] = sarif(fault(rule))["runs"]
    [result] = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == rule.value
    assert result["level"] == ("warning" if rule is Rule.DOUBT else "error")
    assert result["message"] == {"text": "detection 'a': 'x': never matches. Drop it."}
    [location] = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "rules.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3},
    }


def test_places_are_uris_from_the_current_folder_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    inside, outside = sarif(fault(file=str(tmp_path / "here" / "a b#ä.py")), fault(file=str(tmp_path / "c.py")))[
        "runs"
    ][0]["results"]
    assert inside["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b%23%C3%A4.py"
    artifact = outside["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": f"file://{(tmp_path / 'c.py').resolve()}"}


def test_a_result_is_the_same_when_its_line_moves_and_another_when_it_is_about_something_else() -> None:
    results = sarif(fault(line=3), fault(line=9), fault(value="y"))["runs"][0]["results"]
    first, moved, other = (result["partialFingerprints"]["eksAudit/v1"] for result in results)
    assert first == moved != other


def test_what_was_not_checked_is_a_notification() -> None:
    [run] = sarif(unchecked=("B: needs Who",))["runs"]
    [told] = run["invocations"][0]["toolExecutionNotifications"]
    assert told == {"level": "note", "message": {"text": "Not checked: B: needs Who."}}
