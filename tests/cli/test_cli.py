"""The command line: exit codes, clean errors, and a quick start."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eks_audit_constructs.cli import main
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

HEAVY = {"rich", "aws_cdk", "jsii", "duckdb", "lark", "orjson", "yaml"}


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm(AlarmName="reads"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path, *[event("06:00:00", verb="get")] * 3)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["eks-audit", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code is None or isinstance(left.value.code, int)
    return left.value.code or 0


class TestReplay:
    def test_prints_the_timeline(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], template: Path, log: Path
    ) -> None:
        assert run(monkeypatch, "replay", template, log) == 0

        out, err = capsys.readouterr()
        assert "reads" in out
        assert "3 ≥ 2 in 1 min" in out
        assert err == "", "no progress bar where nobody looks"

    def test_json(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], template: Path, log: Path
    ) -> None:
        assert run(monkeypatch, "replay", template, log, log, "--json") == 0

        assert json.loads(capsys.readouterr().out)["events"] == 6

    @pytest.mark.parametrize(("threshold", "code"), [(2, 1), (99, 0)])
    def test_fails_on_an_alarm_when_asked_to(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path, threshold: int, code: int
    ) -> None:
        template = write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm(Threshold=threshold))

        assert run(monkeypatch, "replay", template, log, "--fail-on-alarm") == code
        assert run(monkeypatch, "replay", template, log) == 0

    @pytest.mark.parametrize("wrong", ["template", "log"])
    def test_bad_input_is_one_line_and_exit_code_2(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        template: Path,
        log: Path,
        wrong: str,
    ) -> None:
        paths = (log, log) if wrong == "template" else (template, log.with_name("none.jsonl"))

        assert run(monkeypatch, "replay", *paths, "--json") == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("eks-audit: ")
        assert err.count("\n") == 1
        assert str(paths[0] if wrong == "template" else paths[1]) in err

    def test_no_arguments_is_exit_code_2(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run(monkeypatch, "replay") == 2

    def test_a_terminal_that_knows_few_letters(
        self, monkeypatch: pytest.MonkeyPatch, template: Path, log: Path
    ) -> None:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

        assert run(monkeypatch, "replay", template, log) == 0

        sys.stdout.flush()
        assert rb"3 \u2265 2" in written.getvalue()


def test_help_loads_nothing_heavy() -> None:
    code = "import sys\nfrom eks_audit_constructs.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    command = [sys.executable, "-c", code, "--help"]

    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "80"})

    assert "replay" in done.stdout
    assert not HEAVY & set(done.stdout.split())


def test_without_its_extra_the_command_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['click'] = None; from eks_audit_constructs.__main__ import main; main()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "eks-audit: click is not installed: pip install 'eks-audit-constructs[cli]'\n"
