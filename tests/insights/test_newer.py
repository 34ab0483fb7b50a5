"""What CloudWatch documents since 2026, and what people write although no page documents it."""

from __future__ import annotations

import pytest

from tests.insights.builders import Ask, at

EVENTS = (
    at("06:00:10", verb="get", user={"username": "ann", "groups": ["dev", "all"]}, sourceIPs=["192.0.2.1"]),
    at("06:01:10", verb="get", user={"username": "bob", "groups": []}, sourceIPs=["192.0.2.2"]),
    at("06:02:10", verb="list", user={"username": "ann"}, sourceIPs=["192.0.2.1"]),
    at("06:02:20", verb="get", sourceIPs=["192.0.2.3"]),
)


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("stats countDistinct(user.username)", [(2,)]),
        ("where verb = 'get' | stats count(*)", [(3,)]),
        ("filterIndex verb = 'list' | display verb", [("list",)]),
        ("fields verb | limit any 4 | display verb", [("get",), ("list",), ("get",), ("get",)]),
        ("stats count(*) as a by verb, bin(1m) as t | stats sum(a) as b by verb | stats max(b) as c", [(3,)]),
        ("fields jsonParse(@message) as j | filter j.sourceIPs[0] = '192.0.2.3' | stats count(*)", [(1,)]),
        ("fields jsonParse(@message) as j | stats count(*) as n by j.user.groups[1] | sort n", [("all", 1), (None, 3)]),
        ("stats count(*) as n by jsonParse(@message).user.username as u | sort n", [("bob", 1), (None, 1), ("ann", 2)]),
        ("display jsonParse(@message).sourceIPs[0] | limit 1", [("192.0.2.3",)]),
        (
            "fields jsonParse(@message) as j | display jsonStringify(j.user.groups), jsonStringify(j.verb)",
            [(None, None), (None, None), ("[]", None), ('["dev","all"]', None)],
        ),
    ],
)
def test_what_is_documented_runs(ask: Ask, query: str, rows: list[tuple[object, ...]]) -> None:
    table = ask(query, *EVENTS)
    assert [*table.rows] == rows
    assert not table.notes


@pytest.mark.parametrize(
    ("query", "count", "note"),
    [
        ("filter verb == 'get' | stats count(*)", 3, "== is read as ="),
        ("filter verb ~= 'ge' | stats count(*)", 3, "~= is read as =~"),
        ("filter verb not ~= /^g/ | stats count(*)", 1, "~= is read as =~"),
        ("filter !ispresent(user.username) | stats count(*)", 1, "! is read as not"),
        ("filter !(verb = 'get' or verb = 'list') or verb = 'get' | stats count(*)", 3, "! is read as not"),
        ("SOURCE '/aws/eks/prod/cluster' | filter verb = 'get' | stats count(*)", 3, "SOURCE is passed over"),
        ("source logGroups(namePrefix: ['/aws/eks']) | stats count(*)", 4, "SOURCE is passed over"),
    ],
)
def test_what_is_read_with_a_remark(ask: Ask, query: str, count: int, note: str) -> None:
    table = ask(query, *EVENTS)
    assert table.rows == ((count,),)
    [said] = table.notes
    assert said.startswith(note)


def test_up_to_a_hundred_thousand_rows(ask: Ask) -> None:
    events = [at("06:00:00", n=n) for n in range(10_002)]
    assert len(ask("fields n | limit 50000", *events).rows) == 10_002
