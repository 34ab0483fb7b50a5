"""The commands that talk to AWS: exit codes, and clean errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from eks_audit_constructs.verify import checks
from tests.cli.conftest import Run
from tests.fake_aws import SECRET, FakeAws, Fault, LogEvent, serving
from tests.replay.builders import alarm, event, metric_filter, write_template


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAws]:
    with serving(monkeypatch, tmp_path) as fake:
        yield fake


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm(AlarmName="reads"))


class TestVerify:
    def test_all_agree(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws) -> None:
        assert run("verify", "--tier", "default") == 0

        out, err = capsys.readouterr()
        assert "on every line" in out
        assert err == ""

    def test_something_differs(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws) -> None:
        fake_aws.lies = {next(checks.probes()).lines[0].text}

        assert run("verify", "--only", "aws-auth-changed", "--json") == 1

        assert len(json.loads(capsys.readouterr().out)["facts"]) >= 1

    def test_a_template(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws, template: Path) -> None:
        fake_aws.refused = {'{ $.verb = "get" }'}

        assert run("verify", "--template", template, "--json") == 1

        assert [item["id"] for item in json.loads(capsys.readouterr().out)["differences"]] == ["F"]

    def test_a_template_without_a_filter_to_verify(
        self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws, tmp_path: Path
    ) -> None:
        assert run("verify", "--template", write_template(tmp_path, F=metric_filter("[ip, user]"))) == 2

        assert "no metric filter that can be verified" in capsys.readouterr().err
        assert fake_aws.calls == []

    def test_cloudwatch_cannot_be_asked(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws) -> None:
        fake_aws.fault = lambda number, call: Fault("ExpiredTokenException", SECRET)

        assert run("verify") == 2

        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "the credentials have expired" in err
        assert SECRET not in err


class TestReplay:
    def test_a_log_group(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws, template: Path) -> None:
        message = event("06:00:00", verb="get")
        fake_aws.groups["/aws/eks/prod/cluster"] = [LogEvent(1_795_413_720_000, message)] * 3
        asked = ["--log-group", "/aws/eks/prod/cluster", "--since", "2026-11-23T06:00", "--until", "2026-11-23T06:10"]

        assert run("replay", "--template", template, *asked, "--json") == 0

        out, err = capsys.readouterr()
        assert json.loads(out)["events"] == 3
        assert "fetched 3 event(s)" in err

    def test_s3(self, run: Run, capsys: pytest.CaptureFixture[str], fake_aws: FakeAws, template: Path) -> None:
        fake_aws.objects["archive/a"] = event("06:00:00", verb="get").encode()

        assert run("replay", "--template", template, "s3://archive/", "--json") == 0

        assert json.loads(capsys.readouterr().out)["events"] == 1

    def test_no_log_is_exit_code_2(self, run: Run, capsys: pytest.CaptureFixture[str], template: Path) -> None:
        assert run("replay", "--template", template) == 2

        assert "at least one log" in capsys.readouterr().err
