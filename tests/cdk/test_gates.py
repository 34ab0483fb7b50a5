"""The default stack and every example are clean: CDK's validation, preflight, cfn-lint and five cdk-nag packs.

Each gate has a negative control: a gate that finds nothing anywhere is no gate.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cfnlint.api
import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_sns as sns

from tests.apps import CONTEXT, EXAMPLES, ROOT, builders
from tests.nag import violations

NAMES = ["default", *EXAMPLES]


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str | None]]:
    folder = tmp_path_factory.mktemp("validated")
    run = subprocess.run(
        [sys.executable, "-m", "tests.validated_synthesis", str(folder)],
        cwd=ROOT,
        env={**os.environ, "CDK_VALIDATION": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    refusals: dict[str, str | None] = json.loads(run.stdout.splitlines()[-1])
    return folder, refusals


def test_there_are_four_examples() -> None:
    assert list(EXAMPLES) == ["existing_cluster", "many_clusters", "new_cluster", "team_chat"]


@pytest.mark.parametrize("name", NAMES)
def test_cdk_validation_and_preflight(name: str, validated: tuple[Path, dict[str, str | None]]) -> None:
    assert validated[1][name] is None


def test_validation_does_find_mistakes(validated: tuple[Path, dict[str, str | None]]) -> None:
    assert validated[1]["wrong"] is not None


def lint(path: Path, regions: Sequence[str] = ("us-east-1", "cn-north-1", "us-gov-west-1")) -> list[str]:
    config = cfnlint.api.ManualArgs(regions=[*regions])
    return [str(match) for match in cfnlint.api.lint(path.read_text(), config=config)]


@pytest.mark.parametrize("name", NAMES)
def test_cfn_lint(name: str, validated: tuple[Path, dict[str, str | None]]) -> None:
    templates = list((validated[0] / name).glob("*.template.json"))
    assert templates
    # The service behind chat channels is in one partition only.
    where = {"regions": ["us-east-1"]} if name == "team_chat" else {}
    assert [match for template in templates for match in lint(template, **where)] == []


def test_cfn_lint_does_find_mistakes(validated: tuple[Path, dict[str, str | None]], tmp_path: Path) -> None:
    [path] = (validated[0] / "default").glob("*.template.json")
    template: dict[str, Any] = json.loads(path.read_text())
    template["Resources"]["AuditTopicKey7D241464"]["Properties"]["KeyUsage"] = "NONE"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(template))
    assert lint(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_five_cdk_nag_packs(name: str) -> None:
    app = App(context=CONTEXT)
    builders()[name](app)
    stacks = [child for child in app.node.children if isinstance(child, Stack)]
    assert stacks
    assert set().union(*(violations(stack) for stack in stacks)) == set()


def test_cdk_nag_does_find_mistakes() -> None:
    stack = Stack(App(), "Stack")
    sns.Topic(stack, "InPlainText")
    assert {path for _, path in violations(stack)} == {"Stack/InPlainText/Resource"}
