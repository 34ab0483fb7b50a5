"""A field that is empty in every row: why is said."""

from __future__ import annotations

import pytest

from tests.insights.builders import Ask, at

EVENT = at(
    "06:00:00",
    verb="get",
    user={"username": "ann"},
    sourceIPs=["192.0.2.1"],
    requestObject={"spec": {}},
    annotations={"authorization.k8s.io/decision": "allow"},
    nothing=None,
)


@pytest.mark.parametrize(
    ("query", "notes"),
    [
        ("fields sourceIPs", ["sourceIPs is a list, and a list is no field: name an element, as in sourceIPs.0"]),
        ("fields user", ["user is a map, and a map is no field: name a part of it, as in user.uid"]),
        (
            "stats count(*) by requestObject.spec",
            ["requestObject.spec is a map, and a map is no field: name a part of it, as in requestObject.spec.…"],
        ),
        (
            "fields annotations.authorization.k8s.io/decision as d",
            ["names with / or - stand in backticks: `annotations.authorization.k8s.io/decision`"],
        ),
        ("filter verb = get", ["no event has a field get (text stands in quotes)"]),
        (
            "filter objectRef.resorce = 'x' or user.extra.arn.0 = 'y'",
            ["no event has a field objectRef.resorce (is objectRef.resource meant?), user.extra.arn.0"],
        ),
        ("fields nothing", ["no event has a field nothing (text stands in quotes)"]),
        ("fields userAgent", ["no event has a field userAgent"]),
        ("fields `annotations.authorization.k8s.io/decision`, verb, sourceIPs.0, user.username", []),
        ("fields 'a/b' as text, verb # a/b", []),
        ("filter user.username = 'bob' | fields verb", []),
        (
            "parse @message 'x*' as y | fields y, @log",
            ["the log does not tell the log group: there @log is missing"],
        ),
    ],
)
def test_what_is_said(ask: Ask, query: str, notes: list[str]) -> None:
    assert [*ask(query, EVENT, "no JSON").notes] == notes


def test_a_field_of_one_event_among_many_is_not_empty(ask: Ask) -> None:
    others = [at("06:00:00", verb="get", user=["a"]) for _ in range(50)]
    assert ask("stats count(*) by user.username, user.0, verb", *others, EVENT).notes == ()


def test_where_no_line_is_an_event_nothing_is_said_of_fields(ask: Ask) -> None:
    assert not any("field" in note for note in ask("fields verb", "no JSON").notes)


@pytest.mark.parametrize(("fields", "more"), [(197, False), (198, True)])
def test_an_event_with_more_fields_than_cloudwatch_finds(ask: Ask, fields: int, more: bool) -> None:
    listed = [n % 10 for n in range(fields)]
    event = at("06:00:00", text='a, "b", \\ {}', list=listed, none=[None, None, {}, [], [{}]])
    notes = ask("filter text like 'a' | fields list.150", event).notes
    assert [note.startswith("1 event has more than 200 fields") for note in notes] == ([True] if more else [])
