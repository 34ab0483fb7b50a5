"""Rules of composite alarms: parsed as CloudWatch documents them, and evaluated."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.alarm_rule import (
    AllOf,
    AnyOf,
    AtLeast,
    Constant,
    InState,
    Not,
    Rule,
    alarms,
    holds,
    parse,
)

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
A, B, C = InState("a", "ALARM"), InState("b", "OK"), InState("c", "INSUFFICIENT_DATA")


def rules() -> st.SearchStrategy[Rule]:
    leaves = st.builds(InState, st.sampled_from("abc"), st.sampled_from(STATES)) | st.builds(Constant, st.booleans())

    def larger(rule: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
        several = st.lists(rule, min_size=2, max_size=3).map(tuple)
        negated = rule.filter(lambda part: not isinstance(part, Not))
        return st.builds(Not, negated) | several.map(AllOf) | several.map(AnyOf)

    return st.recursive(leaves, larger, max_leaves=8)


def written(rule: Rule) -> str:
    match rule:
        case Constant(value):
            return str(value).upper()
        case InState(alarm, state):
            return f'{state}("{alarm}")'
        case Not(negated):
            return f"NOT ({written(negated)})"
        case AllOf(parts):
            return " AND ".join(f"({written(part)})" for part in parts)
        case AnyOf(parts):
            return " OR ".join(f"({written(part)})" for part in parts)
        case AtLeast():
            raise AssertionError("the strategy has none")


def meaning(rule: Rule, states: dict[str, str]) -> bool:
    """The plain meaning, where all states are known."""
    match rule:
        case Constant(value):
            return value
        case InState(alarm, state):
            return states[alarm] == state
        case Not(negated):
            return not meaning(negated, states)
        case AllOf(parts):
            return all(meaning(part, states) for part in parts)
        case AnyOf(parts):
            return any(meaning(part, states) for part in parts)
        case AtLeast(count, parts):
            return sum(meaning(part, states) for part in parts) >= count


@given(rule=rules())
def test_what_is_written_is_read_and_means_the_same(rule: Rule) -> None:
    read = parse(written(rule), where="rule")
    for values in product(STATES, repeat=3):
        states = dict(zip("abc", values, strict=True))
        assert holds(read, states) is meaning(rule, states)


@given(rule=rules(), known=st.dictionaries(st.sampled_from("abc"), st.sampled_from(STATES)))
def test_an_unknown_state_leaves_open_only_what_depends_on_it(rule: Rule, known: dict[str, str]) -> None:
    completed = (dict(zip("abc", values, strict=True)) | known for values in product(STATES, repeat=3))
    possible = {meaning(rule, states) for states in completed}
    value = holds(rule, known)
    assert value is None or possible == {value}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("ALARM(a)", A),
        ('ALARM("a") OR OK(b) AND NOT INSUFFICIENT_DATA(c)', AnyOf((A, AllOf((B, Not(C)))))),
        ("(ALARM(a) OR OK(b)) AND TRUE", AllOf((AnyOf((A, B)), Constant(True)))),
        ("NOT NOT ALARM(a)", A),
        ("ALARM(arn:aws:cloudwatch:eu-west-1:1:alarm:a)", InState("arn:aws:cloudwatch:eu-west-1:1:alarm:a", "ALARM")),
        ("AT_LEAST(1, ALARM, (a))", AtLeast(1, (A,))),
        ("AT_LEAST(50%, NOT ALARM, (a, a, a))", AtLeast(2, (Not(A), Not(A), Not(A)))),
    ],
)
def test_rules(text: str, rule: Rule) -> None:
    assert parse(text, where="rule") == rule


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("", "at the end"),
        ("ALARM(a", "at the end"),
        ("alarm(a)", "at character 1"),
        ("ALARM(a) and OK(b)", "at character 10"),
        ("ALARM()", "at character 7"),
        ("AT_LEAST(3, ALARM, (a, b))", "3 of 2"),
        ("AT_LEAST(0, ALARM, (a, b))", "0 of 2"),
        ("AT_LEAST(101%, ALARM, (a, b))", "3 of 2"),
        (f"ALARM({'a' * 10_240})", "10,240"),
        ("NOT (TRUE AND " * 120 + "TRUE" + ")" * 120, "100 levels"),
    ],
)
def test_what_cloudwatch_rejects(text: str, limit: str) -> None:
    with pytest.raises(TemplateError, match=limit):
        parse(text, where="rule")


def test_the_rules_that_the_cdk_writes() -> None:
    stack = Stack(App(), "Stack")
    arn = "arn:aws:cloudwatch:eu-west-1:1:alarm"
    one, two = (cloudwatch.Alarm.from_alarm_arn(stack, id, f"{arn}:{id} x") for id in "ab")
    rule = cloudwatch.AlarmRule
    written_by_cdk: Any = rule.any_of(
        rule.all_of(rule.from_alarm(one, cloudwatch.AlarmState.OK), rule.not_(two)),
        rule.at_least(cloudwatch.AlarmState.ALARM, operands=[one, two], threshold=cloudwatch.AtLeastThreshold.count(2)),
        rule.at_least_not(
            cloudwatch.AlarmState.OK, operands=[one, two], threshold=cloudwatch.AtLeastThreshold.percentage(60)
        ),
    )
    read = parse(written_by_cdk.render_alarm_rule(), where="rule")
    assert alarms(read) == [f"{arn}:a x", f"{arn}:b x"]
    assert holds(read, dict.fromkeys(alarms(read), "ALARM")) is True
    assert holds(read, dict.fromkeys(alarms(read), "OK")) is True
