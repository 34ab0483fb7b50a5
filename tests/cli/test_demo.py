"""The whole, as `make demo` shows it: the default stack is synthesized, and its template replayed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import catalog, demo
from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay import replay

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def template(default_template: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "template.json"
    path.write_text(json.dumps(default_template))
    return path


def alarmed(template: Path, *logs: Path) -> set[str]:
    result = replay(template, logs)
    assert result.counted.unreadable == 0
    assert not [alarm for alarm in result.alarms if alarm.error]
    return {alarm.alarm.alarm_name.rsplit("/")[-1] for alarm in result.alarms if alarm.alarmed}


def test_the_attack_raises_eight_alarms(template: Path) -> None:
    assert alarmed(template, demo.ATTACK) == {
        "anonymous-access-granted",
        "anonymous-request-allowed",
        "aws-auth-changed",
        "cluster-admin-binding",
        "cluster-role-binding-changed",
        "forbidden-requests",
        "secret-access-denied",
        "unauthorized-requests",
    }


def test_an_ordinary_day_raises_none(template: Path) -> None:
    assert alarmed(template, demo.ORDINARY_DAY) == set()


# Each scenario's own alarms, and no other's.
EXPECTED: dict[str, set[str]] = {
    "anonymous_probing": {"forbidden-requests"},
    "aws_auth_change": {"aws-auth-changed"},
    "benign_day": set(),
    # It makes administrators, removes them again, and one of them is everybody, who then reads all Secrets.
    "cluster_admin_binding": {
        "anonymous-access-granted",
        "anonymous-request-allowed",
        "cluster-admin-binding",
        "cluster-role-binding-changed",
    },
    "escalation_refused": {"role-binding-changed"},
    "exec_into_pods": {"kube-system-exec"},
    "forbidden_spike": {"forbidden-requests", "secret-access-denied"},
    "persistence_and_tamper": set(),
    "quota_denials": set(),
    "rbac_changes": {"cluster-role-binding-changed", "cluster-role-changed", "role-binding-changed", "role-changed"},
    "risky_workloads": {"privileged-pod", "privileged-workload"},
    "secrets_access": {"secret-access-denied"},
    "service_account_tokens": set(),
    "unauthorized_spike": {"unauthorized-requests"},
}


@pytest.mark.parametrize("scenario", EXPECTED)
def test_each_recorded_scenario_raises_its_own_alarms_and_no_others(
    scenario: str, template: Path, real_logs: Path
) -> None:
    assert alarmed(template, real_logs / f"{scenario}.jsonl") == EXPECTED[scenario]


def test_an_app_that_fails_is_one_line_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", str(tmp_path / "no-node"))
    with pytest.raises(AuditConfigurationError, match=r"needs Node\.js"):
        demo.synthesize(tmp_path)


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "eks_audit_constructs.cli", "demo", "--folder", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    printed = "\n".join(line.rstrip() for line in run.stdout.splitlines()).strip()
    readme = (ROOT / "README.md").read_text()
    shown = readme.split("<!-- demo -->")[1].split("<!-- /demo -->")[0].strip()
    assert shown == f"```text\n{printed}\n```"
    assert (tmp_path / "EksAudit-demo.template.json").exists()


def test_the_readme_lists_the_detections_that_there_are() -> None:
    readme = (ROOT / "README.md").read_text()
    endings = tuple(f" {severity.value} |" for severity in Severity)
    rows = [line for line in readme.splitlines() if line.startswith("| `") and line.endswith(endings)]
    assert [row.split("`")[1] for row in rows] == [detection.id for detection in catalog.DEFAULT]
    for row, detection in zip(rows, catalog.DEFAULT, strict=True):
        assert row.endswith(f"| {detection.severity.value} |")
        if detection.threshold > 1:
            assert f"{detection.threshold} " in row
            assert f"in {detection.period} minutes" in row
    assert f"| {len(catalog.DEFAULT)} alarms |" in readme
    assert f"| {len(catalog.DEFAULT_QUERIES)} saved queries |" in readme
    assert f"{len(catalog.EXTENDED)} more by choice" in readme
    extended = len(catalog.EXTENDED)
    assert f"| Extended tier: $0.40 a detection; for all {extended} | ${extended * 0.4:.2f} |" in readme
    assert f"{len(catalog.QUERIES)} in all |" in readme
    assert f"{len(catalog.ALL)} of them, in three tiers" in readme
    alarms, metrics = len(catalog.DEFAULT), sum(detection.pattern is not None for detection in catalog.DEFAULT)
    cost = f"{metrics} custom metrics at $0.30 and {alarms} alarms at $0.10 | ${metrics * 0.3 + alarms * 0.1:.2f} |"
    assert cost in readme
