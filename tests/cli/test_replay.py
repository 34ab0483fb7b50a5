"""eks-audit replay: which alarms would have gone off, and whether that is a failure."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from eks_audit_constructs import demo
from tests.cli.conftest import Run
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

GET = '{ $.verb = "get" }'


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path, F=metric_filter(GET), A=alarm(AlarmName="reads"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path, *[event("06:00:00", verb="get")] * 3)


class TestReport:
    def test_the_timeline(self, run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path) -> None:
        assert run("replay", log, "--template", template) == 0

        out, err = capsys.readouterr()
        assert "reads" in out
        assert "3 ≥ 2 in 1 min" in out
        assert err == "", "no progress bar where nobody looks"
        assert not any(line.endswith(" ") for line in out.splitlines())

    def test_json(self, run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path) -> None:
        assert run("replay", "--template", template, log, log, "--json") == 0

        assert json.loads(capsys.readouterr().out)["events"] == 6

    def test_without_a_template_the_catalogue_is_replayed(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("replay", demo.ATTACK, "--json") == 0

        alarms = json.loads(capsys.readouterr().out)["alarms"]
        assert {alarm["alarm_name"] for alarm in alarms if alarm["alarmed"]} >= {"aws-auth-changed"}
        assert "kube-system-exec" in {alarm["alarm_name"] for alarm in alarms if not alarm["alarmed"]}

    def test_a_terminal_that_knows_few_letters(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, template: Path, log: Path
    ) -> None:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

        assert run("replay", "--template", template, log) == 0

        sys.stdout.flush()
        assert rb"3 \u2265 2" in written.getvalue()

    def test_what_nobody_looks_at_is_not_wrapped(
        self, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("COLUMNS", raising=False)
        assert run("replay", demo.ORDINARY_DAY) == 0
        [quiet] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Quiet: ")]
        assert quiet.endswith("unauthorized-requests")

        monkeypatch.setenv("COLUMNS", "60")
        assert run("replay", demo.ORDINARY_DAY) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


class TestFailOnAlarm:
    @pytest.mark.parametrize(("threshold", "code"), [(2, 1), (99, 0)])
    def test_only_when_asked_to(self, run: Run, tmp_path: Path, log: Path, threshold: int, code: int) -> None:
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm(Threshold=threshold))

        assert run("replay", "--template", template, log, "--fail-on-alarm") == code
        assert run("replay", "--template", template, log) == 0

    def test_no_event_is_no_silence(
        self, run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, template: Path
    ) -> None:
        empty = write_log(tmp_path, name="empty.jsonl")
        empty.write_text("")

        assert run("replay", "--template", template, empty, "--fail-on-alarm") == 2

        out, err = capsys.readouterr()
        assert "Nothing could be judged: no audit event was read: the logs are empty." in out
        assert err.startswith("eks-audit: --fail-on-alarm: ")
        assert "no audit event was read" in err
        assert run("replay", "--template", template, empty) == 0, "nobody asked for a verdict"

    def test_alarms_that_cannot_be_evaluated_are_no_silence(self, run: Run, tmp_path: Path, log: Path) -> None:
        broken = alarm(Metrics=[{"Expression": "1"}])

        assert run("replay", "--template", write_template(tmp_path, A=broken), log, "--fail-on-alarm") == 2
        both = write_template(tmp_path, A=broken, F=metric_filter(GET), B=alarm(Threshold=99))
        assert run("replay", "--template", both, log, "--fail-on-alarm") == 2
        assert run("replay", "--template", both, log, "--fail-on-alarm", "--allow-unevaluated") == 0
        loud = write_template(tmp_path, A=broken, F=metric_filter(GET), B=alarm())
        assert run("replay", "--template", loud, log, "--fail-on-alarm") == 1, "an alarm is an answer"


class TestBadInput:
    @pytest.mark.parametrize("wrong", ["template", "log"])
    def test_is_one_line_and_exit_code_2(
        self, run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path, wrong: str
    ) -> None:
        given = (log, log) if wrong == "template" else (template, log.with_name("none.jsonl"))

        assert run("replay", "--template", *given, "--json") == 2

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("eks-audit: ")
        assert err.count("\n") == 1
        assert str(given[0] if wrong == "template" else given[1]) in err

    def test_no_log(self, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("replay") == 2
        assert "at least one log" in capsys.readouterr().err

    def test_a_template_where_a_log_belongs(
        self, run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path
    ) -> None:
        assert run("replay", template, log) == 2

        assert f"Give it as --template {template}." in capsys.readouterr().err


class TestHtml:
    def test_is_written(self, run: Run, tmp_path: Path, template: Path, log: Path) -> None:
        page = tmp_path / "report.html"
        page.write_text("old")

        assert run("replay", "--template", template, log, "--html", page) == 0

        assert "reads" in page.read_text(encoding="utf-8")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.jsonl", "report.html", "template.json"]

    @pytest.mark.parametrize("spelling", ["same", "detour", "symlink", "hard link", "template", "folder", "stdin"])
    def test_never_takes_the_place_of_an_input(
        self,
        run: Run,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        template: Path,
        log: Path,
        spelling: str,
    ) -> None:
        before = {path: path.read_bytes() for path in (template, log)}
        page, given = log, log
        if spelling == "detour":
            (tmp_path / "sub").mkdir()
            page = tmp_path / "sub" / ".." / log.name
        elif spelling == "symlink":
            page = tmp_path / "link.html"
            page.symlink_to(log)
        elif spelling == "hard link":
            page = tmp_path / "link.html"
            page.hardlink_to(log)
        elif spelling == "template":
            page = template
        elif spelling == "folder":
            (tmp_path / "logs").mkdir()
            given = log.rename(tmp_path / "logs" / log.name)
            before = {given: before[log], template: before[template]}
            given, page = tmp_path / "logs", tmp_path / "logs" / "report.html"
        elif spelling == "stdin":
            given = Path("-")
            descriptor, keep = os.open(log, os.O_RDONLY), os.dup(0)
            os.dup2(descriptor, 0)
        try:
            assert run("replay", "--template", template, given, "--html", page) == 2
        finally:
            if spelling == "stdin":
                os.dup2(keep, 0)

        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("eks-audit: --html: ")
        assert {path: path.read_bytes() for path in before} == before

    def test_beside_the_logs_it_may_be(self, run: Run, tmp_path: Path, template: Path, log: Path) -> None:
        (tmp_path / "logs").mkdir()
        log.rename(tmp_path / "logs" / log.name)

        assert run("replay", "--template", template, tmp_path / "logs", "--html", tmp_path / "logs.html") == 0
