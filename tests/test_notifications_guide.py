"""The guide to notifications, and the example that puts it together, work as far as synthesis and a replay go."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cfnlint.api
import pytest
import yaml
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match, Template

from eks_audit_constructs import recordings

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "docs/guides/notifications.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: block
    for heading, text in re.findall(r"^#+ (.+?)\n(.*?)(?=^#+ |\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
}


def test_the_guide_has_a_snippet_for_each_way() -> None:
    assert {"Slack", "Microsoft Teams", "PagerDuty", "Opsgenie", "OpsItems", "Your own topics"} <= SECTIONS.keys()


@pytest.mark.parametrize("heading", SECTIONS)
def test_a_snippet_synthesizes_to_a_template_without_mistakes_or_warnings(heading: str) -> None:
    stack = Stack(App(), "Stack")
    exec(SECTIONS[heading], {"self": stack})
    template = Template.from_stack(stack)
    found = cfnlint.api.lint(json.dumps(template.to_json()), config=cfnlint.api.ManualArgs(regions=["us-east-1"]))
    assert [str(match) for match in found] == []
    warned = [str(one.entry.data) for one in Annotations.from_stack(stack).find_warning("*", Match.any_value())]
    assert [text for text in warned if "eks-audit-constructs:" in text] == []
    template.all_resources_properties("AWS::CloudWatch::Alarm", {"AlarmActions": Match.any_value()})


STEPS = {
    step["name"]: step["run"]
    for step in yaml.safe_load((ROOT / "examples/team_chat/audit.yml").read_text())["jobs"]["replay"]["steps"]
    if "run" in step
}
ORDINARY, ATTACK = "An ordinary day sets off no alarm", "The attack sets off alarms"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's app as a repository of its own, synthesized by the job's step."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(ROOT / "examples/team_chat/app.py", folder)
    assert run(folder, "Synthesize") == 0
    return folder


def run(folder: Path, step: str) -> int:
    """The exit status of a step, run as GitHub Actions does."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(["bash", "-e", "-c", STEPS[step]], cwd=folder, env=environment, check=False).returncode


def write(path: Path, scenario: str) -> None:
    path.write_bytes(gzip.compress(b"\n".join([*recordings.lines(scenario), b""])))


@pytest.mark.parametrize(
    ("ordinary", "attack", "passes"),
    [
        ("benign_day", "cluster_admin_binding", {ORDINARY, ATTACK}),
        ("cluster_admin_binding", "benign_day", set()),
    ],
    ids=["as it should be", "the wrong way round"],
)
def test_the_job_fails_when_a_day_is_noisy_or_the_attack_silent(
    checkout: Path, ordinary: str, attack: str, passes: set[str]
) -> None:
    write(checkout / "ordinary-day.jsonl.gz", ordinary)
    write(checkout / "attack.jsonl.gz", attack)
    assert {step for step in (ORDINARY, ATTACK) if run(checkout, step) == 0} == passes
    assert (checkout / "ordinary-day.html").exists()


def test_the_job_fails_when_nothing_can_be_judged(checkout: Path) -> None:
    for name in ("ordinary-day", "attack"):
        (checkout / f"{name}.jsonl.gz").write_bytes(gzip.compress(b"no audit log\n"))
    assert {step for step in (ORDINARY, ATTACK) if run(checkout, step) == 0} == set()
