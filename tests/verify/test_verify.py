"""Our evaluation of filter patterns, compared with the service's own."""

from __future__ import annotations

import io
import json
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eks_audit_constructs import aws, catalog
from eks_audit_constructs.catalog.samples import samples
from eks_audit_constructs.conditions.filter_pattern import read
from eks_audit_constructs.conditions.pattern_parser import caveats
from eks_audit_constructs.errors import AwsError
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.verify import Verification, checks, report, verify
from eks_audit_constructs.verify.checks import Check, Kind, Line
from tests.fake_aws import SECRET, THROTTLED, FakeAws, Fault, serving
from tests.replay.builders import metric_filter, write_template

CATALOGUE = [*checks.of_detections(catalog.ALL), *checks.probes()]
TABLE = tomllib.loads(files("eks_audit_constructs.verify").joinpath("probes.toml").read_text())["probe"]


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeAws]:
    with serving(monkeypatch, tmp_path) as fake:
        yield fake


def asked(*questions: Check) -> Verification:
    client = aws.client("logs")
    try:
        return verify(questions, client)
    finally:
        client.close()


def printed(result: Verification, **skipped: str) -> str:
    console = Console(file=io.StringIO(), width=200)
    report.print_report(result, console, skipped=skipped, doubts={})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestAgreement:
    def test_the_catalogue_and_all_probes(self, fake_aws: FakeAws) -> None:
        result = asked(*CATALOGUE)

        assert result.agrees
        assert result.region == "eu-west-1"
        assert (result.differences, result.facts) == ((), ())
        assert {name for name, _ in fake_aws.calls} == {"TestMetricFilter"}, "it reads and writes nothing"
        patterns = {detection.pattern for detection in catalog.ALL if detection.pattern}
        assert patterns <= {request["filterPattern"] for request in fake_aws.called("TestMetricFilter")}

    def test_each_detection_is_tried_on_what_matches_and_on_what_does_not(self) -> None:
        for item in checks.of_detections(catalog.ALL):
            assert item.expected() == tuple(sample.matches for sample in samples(item.id))
            if item.pattern.startswith("{"):  # samples are audit events; other lines are among the probes
                assert set(item.expected()) == {True, False}, item.id

    def test_progress_goes_to_the_end(self, fake_aws: FakeAws) -> None:
        shares: list[float] = []
        client = aws.client("logs")

        verify(CATALOGUE[:3], client, progress=shares.append)
        client.close()

        assert shares == pytest.approx([1 / 3, 2 / 3, 1])

    def test_no_call_has_more_lines_than_cloudwatch_takes(self, fake_aws: FakeAws) -> None:
        lines = tuple(Line(text=json.dumps({"n": n}), says=str(n)) for n in range(120))

        assert asked(Check(kind=Kind.FILTER, id="F", about="F", pattern="{ $.n > 100 }", lines=lines)).agrees
        assert [len(call["logEventMessages"]) for call in fake_aws.called("TestMetricFilter")] == [50, 50, 20]

    def test_no_call_is_too_long(self, fake_aws: FakeAws) -> None:
        lines = tuple(Line(text=json.dumps({"n": n, "x": "é" * 300_000}), says=str(n)) for n in range(4))

        assert asked(Check(kind=Kind.FILTER, id="F", about="F", pattern="{ $.n > 1 }", lines=lines)).agrees
        assert len(fake_aws.called("TestMetricFilter")) == 4


class TestDifference:
    def test_one_answer_that_differs_is_reported(self, fake_aws: FakeAws) -> None:
        item = next(checks.of_detections(catalog.ALL))
        fake_aws.lies = {item.lines[0].text}

        result = asked(*CATALOGUE[:9])

        assert not result.agrees
        [verdict] = [verdict for verdict in result.differences if verdict.check.id == item.id]
        [difference] = verdict.differences
        assert (difference.line, difference.ours) == (item.lines[0], item.expected()[0])
        assert item.lines[0].says in printed(result)

    def test_a_probe_that_differs_is_a_fact(self, fake_aws: FakeAws) -> None:
        fake_aws.lies = {'{"code":403}'}
        probe = next(item for item in checks.probes() if item.id == "quoted-number")

        result = asked(probe)

        assert not result.agrees
        assert result.differences == ()
        [document] = json.loads(report.as_json(result, skipped={}, doubts={}))["facts"]
        assert document["about"] == "Does a quoted number equal a JSON number?"
        assert document["lines"] == [
            {"line": '{"code":403}', "says": '{"code":403}', "ours": False, "cloudwatch": True}
        ]
        assert 'CloudWatch matches, our evaluation does not: {"code":403}' in printed(result)

    def test_a_pattern_that_cloudwatch_refuses_is_a_difference(self, fake_aws: FakeAws) -> None:
        probe = next(item for item in checks.probes() if item.id == "nested-key")
        fake_aws.refused = {probe.pattern}

        result = asked(probe)

        assert [verdict.refused for verdict in result.facts] == ["Invalid metric filter pattern"]
        assert "rejects the pattern: Invalid metric filter pattern" in printed(result)
        assert json.loads(report.as_json(result, skipped={}, doubts={}))["facts"][0]["refused"]

    def test_all_agree_is_said(self, fake_aws: FakeAws) -> None:
        assert "on every line" in printed(asked(CATALOGUE[0]))


class TestTemplate:
    def test_its_patterns_are_tried_on_the_samples_of_all_detections(self, fake_aws: FakeAws, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter('{ $.verb = "create" }'), G=metric_filter("[ip, user]"))

        [item] = checks.of_template(read_template(template), catalog.ALL)

        assert (item.id, item.pattern) == ("F", '{ $.verb = "create" }')
        assert {line.says for line in item.lines} >= {sample.says for sample in samples("cluster-role-changed")}
        assert asked(item).agrees
        assert set(item.expected()) == {True, False}

    def test_what_cannot_be_judged_is_said(self, fake_aws: FakeAws, tmp_path: Path) -> None:
        template = write_template(tmp_path, G=metric_filter("[ip, user]"))

        skipped = checks.skipped(read_template(template))

        assert "space-delimited" in skipped["G"]
        assert "G was not sent: " in printed(asked(), **skipped)

    def test_what_matches_no_event_is_said_although_cloudwatch_agrees(self, fake_aws: FakeAws, tmp_path: Path) -> None:
        template = read_template(
            write_template(tmp_path, F=metric_filter('{ $.verb = "deleted" }'), G=metric_filter('{ $.verb = "get" }'))
        )

        doubts = checks.doubts(template)

        assert doubts.keys() == {"F"}
        assert "no audit event has it" in doubts["F"][0]
        result = asked(*checks.of_template(template, catalog.ALL))
        assert result.agrees
        console = Console(file=io.StringIO(), width=300)
        report.print_report(result, console, skipped={}, doubts=doubts)
        assert isinstance(console.file, io.StringIO)
        assert 'F: $.verb = "deleted" never matches' in console.file.getvalue()
        assert json.loads(report.as_json(result, skipped={}, doubts=doubts))["doubts"] == {"F": list(doubts["F"])}


class TestProbes:
    @pytest.mark.parametrize("probe", TABLE, ids=[probe["id"] for probe in TABLE])
    def test_our_reading_is_the_one_in_the_table(self, probe: dict[str, Any]) -> None:
        [item] = [item for item in checks.probes() if item.id == probe["id"]]

        assert probe["hits"] and probe["misses"]
        assert item.expected() == (True,) * len(probe["hits"]) + (False,) * len(probe["misses"])
        read(item.pattern, where=item.id)

    @pytest.mark.parametrize(
        "unseen",
        [
            "brackets other than in AWS's own",
            "keywords in lower case",
            '" against a JSON number',
            "% against a JSON number",
            "a space in a regular expression",
            "4* against text or a number with a fraction",
            "10.* against a JSON number",
            "with a capital E",
            "true without quotes",
            "without quotes, read as text. ",
        ],
    )
    def test_whatever_a_caveat_says_a_probe_settles(self, unseen: str) -> None:
        assert any(unseen in caveat for probe in TABLE for caveat in caveats(probe["pattern"]))

    def test_ids_are_unique(self) -> None:
        assert len({probe["id"] for probe in TABLE}) == len(TABLE)


class TestNoAnswer:
    QUESTION = CATALOGUE[0]

    def test_throttled_for_a_moment(self, fake_aws: FakeAws) -> None:
        fake_aws.fault = lambda number, call: THROTTLED if number == 1 else None

        assert asked(self.QUESTION).agrees
        assert len(fake_aws.calls) == 2

    @pytest.mark.parametrize(
        ("fault", "said"),
        [
            (THROTTLED, "still throttled after 2 attempts"),
            (Fault("AccessDeniedException", "User x is not authorized"), "Allow logs:TestMetricFilter"),
            (Fault("ExpiredTokenException", "expired"), "the credentials have expired"),
            (Fault("UnrecognizedClientException", "invalid"), "does not know these credentials"),
            (Fault("InvalidSignatureException", f"should have been\nx-amz-security-token:{SECRET}"), "secret key"),
            (Fault("ServiceUnavailableException", "Later.\nMuch later.", status=500), "Later"),
        ],
    )
    def test_the_service_refuses(self, fake_aws: FakeAws, fault: Fault, said: str) -> None:
        fake_aws.fault = lambda number, call: fault

        with pytest.raises(AwsError, match=said) as refused:
            asked(self.QUESTION)

        assert self.QUESTION.id in str(refused.value)
        assert "\n" not in str(refused.value)
        assert SECRET not in str(refused.value)

    def test_an_answer_about_something_else(self, fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fake_aws, "test_metric_filter", lambda request: {"matches": [{"eventMessage": "other"}]})

        with pytest.raises(AwsError, match="was not sent"):
            asked(self.QUESTION)

    def test_no_credentials(self, fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)

        with pytest.raises(AwsError, match=r"Unable to locate credentials.*Sign in"):
            asked(self.QUESTION)

    def test_no_region(self, fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        with pytest.raises(AwsError, match="region"):
            aws.client("logs")

    def test_no_such_profile(self, fake_aws: FakeAws) -> None:
        with pytest.raises(AwsError, match=r"prod.*could not be found"):
            aws.client("logs", profile="prod")

    def test_nobody_there(self, fake_aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

        with pytest.raises(AwsError, match="Check the network"):
            asked(self.QUESTION)

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "boto3", None)

        with pytest.raises(AwsError, match=r"pip install 'eks-audit-constructs\[aws\]'"):
            aws.client("logs")
