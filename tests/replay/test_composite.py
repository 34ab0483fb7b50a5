"""Composite alarms follow the alarms that they combine."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eks_audit_constructs.replay import AlarmReplay, replay
from eks_audit_constructs.replay.alarms import State, Transition
from eks_audit_constructs.replay.composite import transitions
from eks_audit_constructs.templates.alarm_rule import parse
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def changes(*states: tuple[int, State]) -> tuple[Transition, ...]:
    return tuple(Transition(at=at(minute), state=state, reason="") for minute, state in states)


def states(text: str, **combined: tuple[Transition, ...]) -> list[tuple[int, State]] | None:
    found = transitions(parse(text, where="rule"), combined, first=START, names={})
    if found is None:
        return None
    return [(int((change.at - START).total_seconds() // 60), change.state) for change in found]


ONE = changes((1, State.OK), (5, State.ALARM), (9, State.OK))
TWO = changes((1, State.OK), (7, State.ALARM), (12, State.OK))


def test_all_and_any() -> None:
    assert states("ALARM(a) AND ALARM(b)", a=ONE, b=TWO) == [(0, State.OK), (7, State.ALARM), (9, State.OK)]
    assert states("ALARM(a) OR ALARM(b)", a=ONE, b=TWO) == [(0, State.OK), (5, State.ALARM), (12, State.OK)]


def test_before_their_first_evaluation_alarms_have_no_data() -> None:
    assert states("OK(a)", a=ONE) == [(0, State.OK), (1, State.ALARM), (5, State.OK), (9, State.ALARM)]
    assert states("INSUFFICIENT_DATA(a)", a=ONE) == [(0, State.ALARM), (1, State.OK)]
    assert states("NOT ALARM(a)", a=()) == [(0, State.ALARM)]


def test_changes_at_one_time_are_one_evaluation() -> None:
    away = changes((5, State.OK), (9, State.ALARM))
    assert states("ALARM(a) OR ALARM(b)", a=ONE, b=away) == [(0, State.OK), (5, State.ALARM)]


def test_an_alarm_that_cannot_be_evaluated_matters_only_where_the_rule_depends_on_it() -> None:
    assert states("ALARM(a) AND ALARM(unknown)", a=ONE) is None
    assert states("ALARM(a) OR ALARM(unknown)", a=ONE) is None
    assert states("ALARM(a) AND (ALARM(unknown) OR TRUE)", a=ONE) == [(0, State.OK), (5, State.ALARM), (9, State.OK)]


def test_the_reason_names_the_alarms() -> None:
    found = transitions(
        parse("ALARM(a) OR ALARM(b)", where="rule"), {"a": ONE, "b": TWO}, first=START, names={"a": "the first"}
    )
    assert found is not None
    assert [change.reason for change in found] == [
        "none of its alarms is in ALARM",
        "in ALARM: the first",
        "none of its alarms is in ALARM",
    ]


class TestTemplate:
    """Composite alarms in templates, over a log with two refusals in one minute."""

    def replayed(self, tmp_path: Path, **composites: dict[str, Any]) -> dict[str, AlarmReplay]:
        refused, deleted = "{ $.code = 403 }", '{ $.verb = "delete" }'
        template = write_template(
            tmp_path,
            Refused=metric_filter(refused, MetricName="Refused"),
            Deleted=metric_filter(deleted, MetricName="Deleted"),
            One=alarm(AlarmName="one", MetricName="Refused", TreatMissingData="notBreaching"),
            Two=alarm(AlarmName="two", MetricName="Deleted", TreatMissingData="notBreaching"),
            Unknown=alarm(AlarmName="unknown", MetricName="Nothing"),
            **composites,
        )
        log = write_log(tmp_path, *[event(f"06:0{minute}:00", code=403) for minute in (0, 1, 1, 5)])
        return {item.alarm.logical_id: item for item in replay(template, [log]).alarms}

    def test_an_alarm_is_named_referred_to_or_given_by_its_arn(self, tmp_path: Path) -> None:
        arn = {"Fn::GetAtt": ["One", "Arn"]}
        alarms = self.replayed(
            tmp_path,
            Named=composite("ALARM(one) AND NOT ALARM(two)"),
            Referred=composite({"Fn::Join": ["", ['ALARM("', arn, '")']]}),
            Given=composite('ALARM("arn:aws:cloudwatch:eu-west-1:1:alarm:one")'),
            Nested=composite('ALARM("Named") OR ALARM(two)'),
            Quiet=composite("ALARM(two)"),
        )
        ringing = [change.at for change in alarms["One"].transitions if change.state is State.ALARM]
        for name in ("Named", "Referred", "Given", "Nested"):
            found = [change.at for change in alarms[name].transitions if change.state is State.ALARM]
            assert (alarms[name].error, found) == (None, ringing), name
        assert ringing
        assert {change.reason for change in alarms["Referred"].transitions} >= {"in ALARM: one"}
        assert alarms["Quiet"].error is None
        assert not alarms["Quiet"].alarmed

    def test_what_cannot_be_evaluated_is_reported(self, tmp_path: Path) -> None:
        alarms = self.replayed(
            tmp_path,
            Broken=composite("ALARM(one"),
            Missing=composite("ALARM(elsewhere)"),
            Open=composite("ALARM(unknown) AND ALARM(one)"),
            Circle=composite("ALARM(Back)"),
            Back=composite("NOT ALARM(Circle)"),
            Rule={"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": "Rule"}},
        )
        assert alarms["Broken"].error == "AWS rejects it: syntax error at the end"
        assert alarms["Missing"].error == "it depends on alarms that are not evaluated: elsewhere"
        assert alarms["Open"].error == "it depends on alarms that are not evaluated: unknown"
        assert alarms["Circle"].error == alarms["Back"].error == "its rule leads back to itself"
        assert alarms["Rule"].error == "AWS rejects it: AlarmRule is required"

    def test_it_is_printed_and_on_the_page(self, tmp_path: Path) -> None:
        self.replayed(tmp_path, Both=composite("ALARM(one)"), Quiet=composite("ALARM(two)"))
        page = tmp_path / "page.html"
        command = [sys.executable, "-m", "eks_audit_constructs", "replay", str(tmp_path / "audit.jsonl")]
        command += ["--template", str(tmp_path / "template.json"), "--html", str(page)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert re.search(r"ALARM +Both +in ALARM: one", printed)
        assert "Combines the states of other alarms." in page.read_text()


def composite(rule: Any) -> dict[str, Any]:
    properties = {"AlarmRule": rule}
    return {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": properties}
