from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    Expression,
    NumberGlob,
    Regex,
    Term,
    all_of,
    any_of,
    field,
    message_contains,
)
from eks_audit_constructs.conditions.filter_pattern import MAX_LENGTH, check, has_regex, render
from eks_audit_constructs.conditions.pattern_parser import parse
from eks_audit_constructs.errors import AuditConfigurationError
from tests.conditions.strategies import expressions, lines


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        (field("verb") == "get", '{ $.verb = "get" }'),
        (field("responseStatus.code") == 403, "{ $.responseStatus.code = 403 }"),
        (field("ratio") > 0.00000001, "{ $.ratio > 0.00000001 }"),
        (field("sourceIPs[*]") == "10.*", '{ $.sourceIPs[*] = "10.*" }'),
        (field("['a.b']") != 'say "x"', '{ $.[\'a.b\'] != "say \\"x\\"" }'),
        (field("a").is_true() & field("b").not_exists(), "{ ($.a IS TRUE) && ($.b NOT EXISTS) }"),
        (
            (field("a") == 1) & ((field("b") == 2) | (field("c") == 3)),
            "{ ($.a = 1) && (($.b = 2) || ($.c = 3)) }",
        ),
        (field("a").matches("^x[0-9]+$"), "{ $.a = %^x[0-9]+$% }"),
        (field("responseStatus.code").matches_number("4*"), "{ $.responseStatus.code = 4* }"),
        (field("responseStatus.code") != NumberGlob("*3"), "{ $.responseStatus.code != *3 }"),
        (message_contains("access denied") & ~message_contains("health"), '"access denied" -"health"'),
        (message_contains("a") | message_contains("b"), '?"a" ?"b"'),
        (EVERYTHING, ""),
    ],
)
def test_a_pattern_is_written_and_read_back(expression: Expression, pattern: str) -> None:
    assert render(expression, where="test") == pattern
    assert parse(pattern) == expression


@given(expression=expressions(), line=lines())
def test_reading_what_was_written_means_the_same(expression: Expression, line: str) -> None:
    try:
        pattern = render(expression, where="test")
    except AuditConfigurationError:
        return  # refused before anything was written; the limits have tests of their own
    try:
        event = json.loads(line)
    except ValueError:
        event = MISSING
    assert predicate(parse(pattern))(line.encode(), event) is predicate(expression)(line.encode(), event)


@given(expression=expressions())
def test_what_was_read_is_written_and_read_back_as_it_was(expression: Expression) -> None:
    try:
        read = parse(render(expression, where="test"))
    except AuditConfigurationError:
        return
    assert parse(render(read, where="test")) == read


@given(st.text(st.sampled_from('{}$.ab[]*01"%()&|=!<>ISNOTEXTRUE -?\\'), max_size=40))
def test_any_text_is_read_or_refused_with_the_one_error(text: str) -> None:
    try:
        expression = check(text, where="test")
    except AuditConfigurationError as error:
        assert error.where == "test"
    else:
        assert isinstance(expression, Expression)


def test_and_binds_closer_than_or() -> None:
    assert parse("{ $.a = 1 || $.b = 2 && $.c = 3 }") == any_of(
        [field("a") == 1, all_of([field("b") == 2, field("c") == 3])]
    )


def test_optional_terms_beside_others_are_ignored() -> None:
    assert parse("ERROR ?WARN") == Term("ERROR")


def test_spacing_and_quotes_do_not_matter() -> None:
    assert parse("{$.a=x&&$.b!=4.5}") == parse('{ ( $.a = "x" )\n && ( $.b != 4.50 ) }')


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("{ $.a = }", "from character 9 on"),
        ("{ $.a = 1", "from character"),
        ("{ $.a == 1 }", "from character"),
        ("{ $.a EXISTS }", "from character"),
        ("{ $.a IS NOT NULL }", "from character"),
        ("{ NOT $.a = 1 }", "from character 3 on"),
        ('{ $.a IN ["x"] }', "from character"),
        ("{ a = 1 }", "from character 3 on"),
        ('{ $.a > "x" }', "compares numbers"),
        ("{ $.a > 4* }", "compares numbers without quotes and wildcards"),
        ("{ $.a < 1e999 }", "too large"),
        ("{ $.a['x = 1 }", "from character"),
        ("foo-bar", "only a quoted term may have"),
        ("[ip, user, code = 4*]", "space-delimited"),
        ('"open', "from character 1 on"),
    ],
)
def test_a_broken_pattern_is_refused_with_its_place(pattern: str, says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says) as refusal:
        parse(pattern, where="MyStack/Filter")
    assert refusal.value.where == "MyStack/Filter"
    assert refusal.value.value == pattern


LONGEST = field("user.username") == "x" * (MAX_LENGTH - len('{ $.user.username = "" }'))


def test_a_pattern_may_have_1024_characters_and_no_more() -> None:
    assert len(render(LONGEST, where="test")) == MAX_LENGTH
    with pytest.raises(AuditConfigurationError, match="1025 characters; a filter pattern has at most 1024"):
        render(field("user.username") == "x" * (MAX_LENGTH - 23), where="test")
    with pytest.raises(AuditConfigurationError, match="at most 1024"):
        check('{ $.a = "' + "x" * MAX_LENGTH + '" }', where="test")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (all_of(field(name).matches("^x") for name in "abc"), "3 regular expressions"),
        (all_of(field(f"{name}[*]") == "x" for name in "abcd"), r"4 selectors with \[\*\]"),
        (field("a[*].b[*]") == "x", r"at most one \[\*\]"),
        (field("a").matches("(x|y)"), "no parentheses"),
        (field("a").matches("x{"), None),
        (field("a").matches("[x"), "regular expressions"),
        (field("a").matches("caffè"), "few symbols"),
        (field("a") == "", "at least one character"),
        (field("a") == "line\nbreak", "printable"),
        (field("a") == float("inf"), "finite"),
        ((field("a") == 1) & message_contains("x"), "without fields"),
        (any_of([message_contains("x"), ~message_contains("y")]), "negated or not"),
    ],
)
def test_what_cloudwatch_would_refuse_is_refused_before(expression: Expression, says: str | None) -> None:
    if says is None:
        assert parse(render(expression, where="test")) == expression
        return
    with pytest.raises(AuditConfigurationError, match=says):
        render(expression, where="detection 'mine'")


def test_patterns_with_regular_expressions_are_told_apart() -> None:
    assert has_regex(field("a").matches("x") | (field("b") == 1))
    assert has_regex(Term(Regex("x")))
    assert not has_regex(field("a") == "x*")
