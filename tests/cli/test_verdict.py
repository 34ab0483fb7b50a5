"""The exit code of `eks-audit replay --fail-on-alarm`: silence that proves nothing is no success."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

DATA = Path(__file__).parents[1] / "templates" / "data"
AUDIT, DELETES = DATA / "audit.jsonl", DATA / "deletes.jsonl"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((DELETES, "--template", DATA / "fleet" / "a.template.json"), 1),
        ((DELETES, "--template", DATA / "fleet"), 1),
        ((AUDIT, "--template", DATA / "t_groups.yaml"), 2),
        ((AUDIT, "--template", DATA / "t_groups.yaml", "--assume-log-group", "/ecs/shop"), 0),
        ((AUDIT, "--template", DATA / "17_nested.json"), 2),
        ((AUDIT, "--template", DATA / "17_nested.json", "--allow-unevaluated"), 2),
        ((AUDIT, "--template", DATA / "math.template.json"), 2),
        ((DELETES, "--template", DATA / "brackets.template.json"), 2),
        ((DELETES, "--template", DATA / "brackets.template.json", "--allow-unevaluated"), 0),
        ((AUDIT, "--template", DATA / "09_cond_unknown.json", "--parameter", "AWS::Region=eu-west-1"), 1),
        ((AUDIT, "--template", DATA / "09_cond_unknown.json", "--parameter", "Region=eu-west-1"), 2),
        ((AUDIT, "--template", DATA / "09_cond_unknown.json", "--parameter", "eu-west-1"), 2),
        ((AUDIT, "--parameter", "A=b"), 2),
        ((AUDIT, "--template", DATA / "t_base.yaml", "--assume-log-group", "/ecs/shop"), 2),
        ((DATA / "README.md", "--template", DATA / "t_base.yaml"), 2),
    ],
)
def test_exit_codes_under_fail_on_alarm(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], code: int
) -> None:
    assert run("replay", *arguments, "--fail-on-alarm") == code

    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if code == 2:
        assert "No alarm went off." not in out
        assert err.startswith("eks-audit: ")
