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
from eks_audit_constructs.conditions.filter_pattern import MAX_LENGTH, has_regex, read, render
from eks_audit_constructs.conditions.insights import filter_clause
from eks_audit_constructs.conditions.pattern_parser import caveats, parse
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
        expression = read(text, where="test")
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
        ("{ $.verb = 'delete' }", "has the quote '"),
        ("{ $.verb = \u201cdelete\u201d }", "has the quote \u201c"),
        ("{ $.a ISNULL }", "from character"),
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


def test_keywords_in_lower_case_are_read_like_the_others() -> None:
    assert parse("{ $.a is null || $.b Is True }") == parse("{ $.a IS NULL || $.b IS TRUE }")
    assert parse("{ $.a not exists }") == parse("{ $.a NOT EXISTS }")


@pytest.mark.parametrize(
    ("pattern", "unseen"),
    [
        ("{ $.annotations['a.io/b'] = x }", "as in $.annotations['a.io/b'], read as one key"),
        ("{ $.annotations.['a.b'] = x }", "as in $.annotations.['a.b'], read as one key"),
        ("{ $.['a/b'] = x }", "as in $.['a/b'], read as one key"),
        ("{ $.a = true }", "true without quotes, read as text and not as IS TRUE"),
        ("{ $.a != Null }", "Null without quotes, read as text and not as IS NULL"),
        ("{ $.a is NULL }", "keywords in lower case"),
        ("{ $.a not exists && $.b IS null }", "keywords in lower case"),
        ('{ $.code = "403" }', '"403" against a JSON number'),
        ('{ $.code = "4*" }', '"4*" against a JSON number'),
        ("{ $.code = %^40[13]$% }", "%^40[13]$% against a JSON number"),
        (r"{ $.code = %^4\d% }", r"%^4\d% against a JSON number"),
        ("{ $.a = %^starting|^shutting down% }", "a space in a regular expression"),
        ("{ $.code = 4* }", "4* against text or a number with a fraction or an exponent"),
        ("{ $.ip = 10.* }", "10.* against a JSON number"),
        ("{ $.bytes = 1e* }", "1e* against a JSON number"),
        ("{ $.bytes = 1E3 }", "1E3 with a capital E"),
        ("{ $.user = system:admin }", "system:admin without quotes"),
    ],
)
def test_what_nobody_has_seen_is_said(pattern: str, unseen: str) -> None:
    [caveat] = caveats(pattern)
    assert unseen in caveat
    assert caveat.startswith("Not seen on CloudWatch: ")
    assert caveat.endswith(". `eks-audit verify` settles it.")
    parse(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        '"is null" "403" -true',
        "%403%",
        "{ ($.a IS NULL) && ($.b NOT EXISTS) || $.c IS TRUE }",
        "{ $.['cluster.name'] = c && $.list[*].a-b[0] != 123.123.* }",
        "{ $.latency = * && $.bytes >= 1e3 && $.number[0] != 1e-3 && $.n > +1000 && $.below = -5.5 }",
        '{ $.a = "true" && $.verb = "is null" && $.ip = "10.*" && $.name = %^system:[a-z]+1$% }',
    ],
)
def test_what_the_page_settles_has_no_caveat(pattern: str) -> None:
    assert caveats(pattern) == ()


def test_a_caveat_is_said_once() -> None:
    assert len(caveats('{ $.a = "403" || $.b = "403" || $.c is null || $.d not exists }')) == 2
    with pytest.raises(AuditConfigurationError, match="from character"):
        caveats("{ $.a = }")


LONGEST = field("user.username") == "x" * (MAX_LENGTH - len('{ $.user.username = "" }'))


def test_a_pattern_may_have_1024_characters_and_no_more() -> None:
    assert len(render(LONGEST, where="test")) == MAX_LENGTH
    with pytest.raises(AuditConfigurationError, match="1025 characters; a filter pattern has at most 1024"):
        render(field("user.username") == "x" * (MAX_LENGTH - 23), where="test")
    with pytest.raises(AuditConfigurationError, match="at most 1024"):
        read('{ $.a = "' + "x" * MAX_LENGTH + '" }', where="test")


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        (all_of(field(name).matches("^x") for name in "abc"), "3 regular expressions"),
        (all_of(field(f"{name}[*]") == "x" for name in "abcd"), r"4 selectors with \[\*\]"),
        (field("a[*].b[*]") == "x", r"at most one \[\*\]"),
        (field("a").matches("(x|y)"), "no parentheses"),
        (field("a").matches("x{"), None),
        (field("a").matches("^starting|^shutting down"), None),
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


FIELD_CASES = {
    "long_pattern": ("{ " + " || ".join(['$.user.username = "dana@example.com"'] * 30) + " }", "at most 1024"),
    "three_regexes": ("{ ($.verb = %del% ) && ($.kind = %Ev%) && ($.stage = %Resp%) }", "3 regular expressions"),
    "parentheses": ("{ $.verb = %^(get|list)$% }", "no parentheses"),
    "four_arrays": ("{ " + " && ".join(f"$.{name}[*] = 1" for name in "abcd") + " }", r"4 selectors with \[\*\]"),
    "two_wildcards": ("{ $.a[*].* = 1 }", r"a selector has at most one \[\*\] or \.\*"),
    "four_wildcards": (
        "{ " + " && ".join(f"$.{name}.* = 1" for name in "abcd") + " }",
        r"4 selectors with \[\*\] or \.\*",
    ),
    "part_of_a_key": ("{ $.user* = 1 }", "invalid from character 9"),
    "single_quotes": ("{ $.verb = 'delete' }", "knows only the double quote"),
}


@pytest.mark.parametrize(("pattern", "says"), FIELD_CASES.values(), ids=FIELD_CASES)
def test_a_pattern_of_anyones_is_read_within_cloudwatchs_limits(pattern: str, says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says) as refusal:
        read(pattern, where="Filter in stack.json")
    assert refusal.value.where == "Filter in stack.json"
    assert refusal.value.way_out


def test_a_pattern_within_the_limits_is_read() -> None:
    pattern = "{ ($.verb = %del%) && ($.kind = %Ev%) && ($.a[*] = 4*) && ($.b[*] = 1) && ($.c[*] != x) }"
    assert read(pattern, where="test") == parse(pattern)


@pytest.mark.parametrize("name", ["*", "user.*", "*.name", "items[*].*", "['a.*']"])
def test_a_wildcard_for_fields_is_written_as_it_is_read(name: str) -> None:
    condition = field(name) == "x"

    assert parse(f'{{ $.{name} = "x" }}') == condition
    if name.count("*") == 1:
        assert read(render(condition, where="test"), where="test") == condition


@pytest.mark.parametrize("name", ["*", "user.*"])
def test_what_a_wildcard_cannot_do_is_refused(name: str) -> None:
    assert "how deep" in caveats(f'{{ $.{name} = "x" }}')[0]
    with pytest.raises(AuditConfigurationError, match="no field of an object matches"):
        ~(field(name) == "x")
    with pytest.raises(AuditConfigurationError, match="no wildcard for fields"):
        filter_clause(field(name) == "x", where="test")


def test_patterns_with_regular_expressions_are_told_apart() -> None:
    assert has_regex(field("a").matches("x") | (field("b") == 1))
    assert has_regex(Term(Regex("x")))
    assert not has_regex(field("a") == "x*")
