"""Logs Insights queries, by their exact text: nothing but CloudWatch runs them."""

from __future__ import annotations

import contextlib
import json
import re
from textwrap import dedent

import pytest
from hypothesis import given, settings

from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    And,
    Comparison,
    Expression,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    Regex,
    Term,
    field,
    message_contains,
)
from eks_audit_constructs.conditions.insights import (
    MAX_LENGTH,
    audit_query,
    check_query,
    filter_clause,
)
from eks_audit_constructs.errors import AuditConfigurationError
from tests.conditions.strategies import expressions
from tests.depth import examples

verb, user, code = field("verb"), field("user.username"), field("responseStatus.code")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (verb == "get", 'verb = "get"'),
        (verb != "get", 'ispresent(verb) and verb != "get"'),
        (verb == 'a"\\', r'verb = "a\"\\"'),
        (code == 403, "responseStatus.code = 403"),
        (code == 403.0, "responseStatus.code = 403"),
        (code < 10**25, "responseStatus.code < 10000000000000000000000000"),
        (code > -3, "responseStatus.code > -3"),
        (code >= 0.5, "responseStatus.code >= 0.5"),
        (code > 1e-7, "responseStatus.code > 0.0000001"),
        (code != 403, "ispresent(responseStatus.code) and responseStatus.code != 403"),
        (code.matches_number("4*"), "responseStatus.code like /^4[0-9]*$/"),
        (code.matches_number("*4"), "responseStatus.code like /^-?[0-9]*4$/"),
        (
            code != NumberGlob("4**3"),
            "responseStatus.code like /^-?[0-9]+$/ and responseStatus.code not like /^4[0-9]*3$/",
        ),
        (user == "system:*", "user.username like /^system:/"),
        (user == "*:admin", "user.username like /:admin$/"),
        (user == "*a.b*", r"user.username like /a\.b/"),
        (user == "arn:*/x*(y)", r"user.username like /^arn:.*\/x.*\(y\)$/"),
        (user != "system:*", "ispresent(user.username) and user.username not like /^system:/"),
        (user == "*", "ispresent(user.username)"),
        (user == "**", "ispresent(user.username)"),
        (user == "", 'user.username = ""'),
        (user.matches(r"^a/b\/c\d"), r"user.username like /^a\/b\/c\d/"),
        (Comparison(("verb",), Operator.NE, Regex("^g")), "ispresent(verb) and verb not like /^g/"),
        (user.not_exists(), "not ispresent(user.username)"),
        (field("flag").is_true(), 'flag = 1 or flag = "true"'),
        (field("flag").is_false(), 'flag = 0 or flag = "false"'),
        (field("sourceIPs[0]") == "10.0.0.1", 'sourceIPs.0 = "10.0.0.1"'),
        (field("annotations['a.io/b-c']") == "x", '`annotations.a.io/b-c` = "x"'),
        (field("user_name") == "x", '`user_name` = "x"'),
        (message_contains('say "no"'), r'@message like "say \"no\""'),
        (~message_contains("no"), '@message not like "no"'),
        (Term(Regex("[45]xx/")), r"@message like /[45]xx\//"),
        (EVERYTHING, ""),
        ((verb == "get") | EVERYTHING, ""),
        ((verb == "get") & Or((EVERYTHING,)), 'verb = "get"'),
    ],
    ids=str,
)
def test_one_condition(expression: Expression, text: str) -> None:
    assert filter_clause(expression, where="q") == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ((verb == "get") & (code == 403), 'verb = "get" and responseStatus.code = 403'),
        ((verb == "get") | (code == 403), 'verb = "get" or responseStatus.code = 403'),
        (
            (verb == "get") & ((code > 1) | (user == "a")),
            'verb = "get" and (responseStatus.code > 1 or user.username = "a")',
        ),
        (field("a").is_true() & (verb == "get"), '(a = 1 or a = "true") and verb = "get"'),
        (~(verb == "get"), '(ispresent(verb) and verb != "get") or not ispresent(verb)'),
        ((verb != "a") & (verb != "b"), 'ispresent(verb) and verb != "a" and verb != "b"'),
        (verb.is_in(["get", "list", "get"]), 'verb in ["get", "list"]'),
        (code.is_in([401, 403]), "responseStatus.code in [401, 403]"),
        (verb.is_in(["get", 1, 2, "x*"]), 'verb = "get" or verb in [1, 2] or verb like /^x/'),
        ((verb == "a") | (user == "b") | (verb == "c"), 'verb in ["a", "c"] or user.username = "b"'),
        ((verb == "a") | (verb != "b"), 'verb = "a" or (ispresent(verb) and verb != "b")'),
        (And((And(()), verb == "get")), 'verb = "get"'),
    ],
    ids=str,
)
def test_conditions_together(expression: Expression, text: str) -> None:
    assert filter_clause(expression, where="q") == text


def test_a_long_condition_has_a_line_for_each_part() -> None:
    names = ["arn:aws:iam::111122223333:role/Administrator", "arn:aws:iam::111122223333:role/Auditor"]
    users = [Comparison(("user", "username"), Operator.NE, name) for name in names]
    expression = (field("stage") == "ResponseComplete") & verb.is_in(["create", "update"]) & (users[0] | users[1])

    assert audit_query(expression, commands=["stats count(*) by verb", "limit 5"], where="q") == dedent("""\
        filter @logStream like /^kube-apiserver-audit-/
        | filter stage = "ResponseComplete"
          and verb in ["create", "update"]
          and ((ispresent(user.username) and user.username != "arn:aws:iam::111122223333:role/Administrator")
            or (ispresent(user.username) and user.username != "arn:aws:iam::111122223333:role/Auditor"))
        | stats count(*) by verb
        | limit 5""")


def test_everything_needs_no_filter_of_its_own() -> None:
    assert audit_query(EVERYTHING, commands=["limit 5"], where="q") == (
        "filter @logStream like /^kube-apiserver-audit-/\n| limit 5"
    )


def test_other_streams_are_read_by_name() -> None:
    denied, commands = message_contains("denied"), ["limit 5"]

    assert audit_query(denied, commands=commands, stream="authenticator-", where="q") == (
        'filter @logStream like /^authenticator-/\n| filter @message like "denied"\n| limit 5'
    )
    assert audit_query(denied, commands=commands, stream="", where="q") == 'filter @message like "denied"\n| limit 5'


@given(expression=expressions(terms=True, elements=False))
@settings(max_examples=examples(100), deadline=None)
def test_and_and_or_never_stand_side_by_side(expression: Expression) -> None:
    with contextlib.suppress(AuditConfigurationError):
        text = QUOTED.sub("x", filter_clause(expression, where="q"))
        while innermost := re.search(r"\([^()]*\)", text):
            assert not {"and", "or"} <= set(innermost[0][1:-1].split())
            text = text.replace(innermost[0], "x")
        assert not {"and", "or"} <= set(text.split())
        assert not {"(", ")"} & set(text)


QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|/(?:\\.|[^/\\])*/')


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        (field("sourceIPs[*]") != "x", r"no \[\*\]"),
        (field("rules[*].verbs").not_exists(), r"no \[\*\]"),
        (field("containers[*].ports") > 3, r"no \[\*\]"),
        (field("a").is_null(), "null"),
        (NotExists(("a`b",)), "backtick"),
        (verb == "a\nb", "control characters"),
        (code == float("inf"), "finite"),
        (code == float("nan"), "finite"),
        (verb != "*", "no event can ever match"),
        (Or(()), "no event can ever match"),
    ],
    ids=str,
)
def test_what_insights_cannot_say(expression: Expression, limit: str) -> None:
    with pytest.raises(AuditConfigurationError, match=limit) as refusal:
        filter_clause(expression, where="detections/x")
    assert refusal.value.where == "detections/x"
    assert refusal.value.way_out


@pytest.mark.parametrize(
    ("name", "value", "event", "near_miss"),
    [
        ("user.groups[*]", "system:masters", {"groups": ["a", "system:masters"]}, {"groups": ["system:masters2"]}),
        ("user.groups[*]", "a.b", {"groups": ["a.b"]}, {"groups": ["a-b"]}),
        ("x[*].name", "*/x&y*", {"name": 'he said "hi"/x&y'}, {"name": "/x", "other": "&y"}),
        ("x[*].path", Regex("^/etc|sock$"), {"path": "/run/a.sock"}, {"path": "/run/a.socket"}),
        ("x[*].path", Regex(r"^\*$"), {"path": "*"}, {"path": "a*"}),
        ("x[*].verbs[0]", "get", {"verbs": ["get", "list"]}, {"verbs": ["list", "get"]}),
        ("x[*].runAsUser", 0, {"runAsUser": 0}, {"runAsUser": 1000}),
        ("x[*].runAsUser", 0, {"list": [{"runAsUser": 0}]}, {"runAsUser": 0.5}),
        ("x[*].name", "*", {"name": 1}, {"name": {}}),
        ("x[*].port", NumberGlob("80*"), {"port": 8080}, {"port": 8180, "name": "80"}),
        ("x[*].port", NumberGlob("*80"), {"port": 8080}, {"port": 808}),
        ("x[*].port", NumberGlob("8*"), {"port": 80}, {"port": 8.5}),
        ("x[*].port", NumberGlob("8*"), {"port": 80}, {"port": "80"}),
    ],
    ids=str,
)
def test_any_element_is_looked_for_in_the_text(
    name: str, value: str | int | Regex | NumberGlob, event: dict[str, object], near_miss: dict[str, object]
) -> None:
    clause = filter_clause(Comparison(field(name).path, Operator.EQ, value), where="q")
    found = re.fullmatch(r"@message like /(.*)/", clause)
    assert found
    pattern = re.compile(found[1].replace("\\/", "/"))

    def written(document: object) -> str:  # as the API server writes it
        text = json.dumps(document, separators=(",", ":"))
        return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")

    assert pattern.search(written(event))
    assert not pattern.search(written(near_miss))


def test_any_element_that_is_true() -> None:
    privileged = field("spec.containers[*].securityContext.privileged")
    assert filter_clause(privileged.is_true(), where="q") == r'@message like /"privileged":true[,}\]]/'
    assert filter_clause(privileged.is_false(), where="q") == r'@message like /"privileged":false[,}\]]/'


def test_a_query_has_a_limit() -> None:
    check_query("x" * MAX_LENGTH, "q")
    with pytest.raises(AuditConfigurationError, match="10,001"):
        check_query("x" * (MAX_LENGTH + 1), "q")
    with pytest.raises(AuditConfigurationError, match="has 0"):
        check_query("", "q")
    with pytest.raises(AuditConfigurationError, match="1 to 10,000"):
        audit_query(verb.is_in([f"verb-{n}" for n in range(1000)]), commands=[], where="q")
