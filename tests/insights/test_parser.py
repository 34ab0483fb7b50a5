"""What is refused, and that the refusal names the place."""

from __future__ import annotations

import pytest

from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.insights.parser import parse
from eks_audit_constructs.insights.plan import plan
from eks_audit_constructs.insights.syntax import (
    Call,
    Comparison,
    Dedup,
    Fields,
    Filter,
    Limit,
    Logic,
    Match,
    Name,
    Number,
    Parse,
    Regex,
    Script,
    Sort,
    Stats,
    Text,
)


def refused(text: str) -> QueryError:
    script = Script(text=text, where="query x")
    with pytest.raises(QueryError) as refusal:
        plan(script, parse(script), now=0)
    return refusal.value


def test_a_query_as_people_write_it() -> None:
    text = """
        # who was refused
        FIELDS @timestamp, `annotations.authorization.k8s.io/decision` as decision
        | filter verb not like /^\\/api\\/v1|#/ and responseStatus.code >= 400 # inside a regex, # is no comment
        | parse @message '"user":"*"' as who
        | sort @timestamp desc, verb
        | dedup who, verb
        | limit 5
    """
    fields, filtered, parsed, order, dedup, limit = parse(Script(text=text, where="q"))

    assert isinstance(fields, Fields)
    assert [item.name for item in fields.items] == ["@timestamp", "decision"]
    assert isinstance(fields.items[1].expression, Name)
    assert fields.items[1].expression.flat == "annotations.authorization.k8s.io/decision"
    assert isinstance(filtered, Filter)
    assert isinstance(filtered.condition, Logic)
    match, comparison = filtered.condition.terms
    assert isinstance(match, Match) and match.absent
    assert isinstance(match.pattern, Regex) and match.pattern.source == r"^\/api\/v1|#"
    assert isinstance(comparison, Comparison) and isinstance(comparison.right, Number)
    assert isinstance(parsed, Parse) and isinstance(parsed.pattern, Text)
    assert (parsed.pattern.value, parsed.names) == ('"user":"*"', ("who",))
    assert isinstance(order, Sort)
    assert [key.descending for key in order.keys] == [True, False]
    assert isinstance(dedup, Dedup) and [name.flat for name in dedup.names] == ["who", "verb"]
    assert isinstance(limit, Limit) and limit.count == 5


def test_words_of_the_language_are_no_fields_only_where_they_stand_alone() -> None:
    [command] = parse(Script(text="filter notes = 1 and order.by = 2 or inbound like 'x'", where="q"))
    assert isinstance(command, Filter) and isinstance(command.condition, Logic)
    assert command.condition.word == "or"


def test_columns_without_an_alias_are_called_as_they_are_written() -> None:
    [command] = parse(Script(text="stats count( * ), sum(a) /\n 2 by bin(5m), `x-y`", where="q"))
    assert isinstance(command, Stats)
    assert [item.name for item in command.items] == ["count( * )", "sum(a) / 2"]
    assert [item.name for item in command.groups] == ["bin(5m)", "x-y"]
    assert isinstance(command.items[0].expression, Call)


def test_a_refusal_shows_the_line_and_points_to_the_place() -> None:
    error = refused('fields @timestamp\n| filter verb = "get"\n| pattern @message')

    assert error.where == "query x, line 3, column 3"
    assert error.value == "pattern"
    assert str(error).splitlines()[1:] == ["    | pattern @message", "      ^ here."]


def test_of_a_long_line_only_what_is_near_is_shown() -> None:
    error = refused(f"fields {', '.join(f'field{n}' for n in range(500))}, nosuch(1)")

    excerpt, caret = str(error).splitlines()[1:]
    assert len(excerpt) < 130
    assert excerpt[caret.index("^") :].startswith("nosuch(1)")


@pytest.mark.parametrize(
    ("text", "value", "limit"),
    [
        ("", "the end", "not a command"),
        ("# nothing but a comment", "the end", "not a command"),
        ("fields a | anomaly", "anomaly", "not a command"),
        ("fields a | diff", "diff", "not a command"),
        ("fields a | unmask b", "unmask", "not a command"),
        ("filter a = 1 | count() by bin(1m)", "count", "not a command"),
        ("fields a b", "b", "not expected"),
        ("stats count(*) by", "the end", "not expected"),
        ("filter a = ", "the end", "not expected"),
        ("filter a < b < c", "<", "not expected"),
        ("filter a = /x/", "/", "not expected"),
        ("filter a = {{name}}", "{", "not expected"),
        ("filter foo-bar! = 1", "!", "not expected"),
        ("filter a.b[0] = 1", "a.b", "no index"),
        ("filter a [0] = 1", "[", "only `in`"),
        ("fields strlen(a).b", "strlen", "has parts"),
        ("filter a = true", "true", "not a value"),
        ('filter a = "\\d"', "\\", "backslash"),
        ("fields a\0", "\0", "NUL"),
        ("filter a", "a", "condition"),
        ("filter @timestamp", "@timestamp", "condition"),
        ("filter 5m > 1", "5m", "not a value"),
        ("filter a > 1e999", "1e999", "finite"),
        ("filter a like /(?=b)/", "/", "regular expression cannot be run"),
        ("filter a like /(/", "/", "regular expression cannot be run"),
        ("filter @timestamp like '2026'", "@timestamp", "cannot be used as text"),
        ("filter @timestamp > '2026-11-23'", "@timestamp", "cannot be compared with text"),
        ("filter @ptr = 'x'", "@ptr", "no log file"),
        ("filter nosuch(a) = 1", "nosuch", "not a function"),
        ("filter strlem(a) = 1", "strlem", "not a function"),
        ("filter count(*) > 1", "count", "aggregates"),
        ("fields strlen(a, b)", "strlen", r"takes 1 argument\(s\), not 2"),
        ("fields substr(a)", "substr", r"takes 2 to 3 argument\(s\), not 1"),
        ("fields concat()", "concat", r"takes 1 or more argument\(s\), not 0"),
        ("fields substr(a, -1)", "substr", "0 or more"),
        ("fields strlen(*)", "*", "only in count"),
        ("fields toMillis(a)", "toMillis", "takes a time"),
        ("fields jsonStringify(a)", "jsonStringify", "takes a map"),
        ("fields isIpv4InSubnet(a, b)", "isIpv4InSubnet", "quoted text in the query"),
        ("fields isIpv4InSubnet(a, '10.0.0.0/33')", "isIpv4InSubnet", "not a subnet"),
        ("fields isIpv4InSubnet(a, '2001:db8::/32')", "isIpv4InSubnet", "IPv6 subnet"),
        ("stats count(*) by bin(300s)", "300s", "no more than 60s"),
        ("stats count(*) by bin(25h)", "25h", "no more than 24h"),
        ("stats count(*) by bin(1w)", "1w", "week"),
        ("stats count(*) by bin(2mo)", "2mo", "several"),
        ("stats count(*) by bin(10001d)", "10001d", "10,000 days"),
        ("stats count(*) by bin(0m)", "0m", "cannot be empty"),
        ("stats count(*) by bin(5)", "5", "not a period"),
        ("stats count(*) by datefloor(a, 5m)", "a", "not a time"),
        ("fields dateceil(@timestamp, 1mo)", "1mo", "milliseconds to days"),
        ("stats a by b", "a", "neither aggregated"),
        ("stats count_distinct(*)", "*", "only in count"),
        ("stats pct(a, 101)", "pct", "0 to 100"),
        ("stats pct(a, b)", "pct", "0 to 100"),
        ("stats sum(jsonParse(a))", "sum", "maps"),
        ("stats count(*) by jsonParse(a)", "jsonParse", "maps"),
        ("sort jsonParse(a)", "jsonParse", "maps"),
        ("fields jsonParse(a) as b | dedup b", "b", "maps"),
        ("sort a | stats count(*)", "stats", "after the last stats"),
        ("limit 5 | stats count(*)", "stats", "after the last stats"),
        ("stats count(*) as a by b | sort a | stats max(a)", "stats", "after the last stats"),
        (" | ".join(["stats count(*) as a by b"] * 11), "stats", "at most 10"),
        ("stats count(*) by verb | sort count desc", "count", "its columns: verb, count"),
        ("filter a ! = 1", "!", "not expected"),
        ("stats count(*) by verb | filter user.username = 'x'", "user.username", "after stats"),
        ("stats count(*) as a by verb | stats max(a) by bin(5m)", "bin", "gone after stats"),
        ("stats count(*) as a by verb | stats latest(a)", "latest", "no @timestamp"),
        ("limit 5 | filter a = 1", "filter", "after limit"),
        ("limit 5 | sort a", "sort", "after limit"),
        ("dedup a | filter b = 1", "filter", "only limit"),
        ("sort a | sort b", "sort", "once"),
        ("limit 0", "0", "1 to 100,000"),
        ("limit 100001", "100001", "1 to 100,000"),
        ("limit any 0", "0", "1 to 100,000"),
        ("parse @message 'a * *' as b", "'", "2 .* for 1 name"),
        ("parse @message /a(b)/", "/", "no named group"),
        ("parse @message '* *' as b, b", "'", "two columns"),
        ("parse @message /(?<a>x)(?<a>y)/", "/", "two columns"),
        ("fields a as x, b as x", "b", "two columns of this command are called x"),
        ("stats sum(a) as x, sum(b) as x", "sum", "two columns"),
        ("stats max(a) as a by a", "max", "two columns"),
    ],
)
def test_what_is_refused(text: str, value: str, limit: str) -> None:
    error = refused(text)
    assert error.value == value
    with pytest.raises(QueryError, match=limit):
        raise error
    assert error.way_out
