"""The engine and the Python reference, over the queries that our conditions become.

A query may be wider than its condition where `conditions.insights` says so; it is never narrower.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import SavedQuery
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    Regex,
    all_of,
    any_of,
)
from eks_audit_constructs.conditions.insights import filter_clause
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.insights import run
from eks_audit_constructs.insights.parser import parse
from eks_audit_constructs.insights.plan import plan
from eks_audit_constructs.insights.syntax import Script
from tests.conditions import strategies
from tests.depth import examples

Line = tuple[bytes, Any]


def selectors(expression: Expression) -> list[tuple[object, ...]]:
    match expression:
        case And(terms) | Or(terms):
            return [path for term in terms for path in selectors(term)]
        case Comparison(path) | Is(path) | NotExists(path):
            return [path]
    return []


@pytest.mark.parametrize("query", catalog.QUERIES, ids=lambda query: query.id)
def test_every_query_of_the_catalogue_is_understood(query: SavedQuery) -> None:
    script = Script(text=query.text, where=query.id)
    assert plan(script, parse(script), now=0.0)


CONDITIONS = {one.id: one.counted for one in catalog.ALL if isinstance(one.counted, Expression)}


@pytest.fixture(scope="module")
def found(log: Path) -> dict[str, int]:
    """How many events each detection's condition is true of, by one query for all."""
    clauses = [filter_clause(condition, where=id) for id, condition in CONDITIONS.items()]
    conditions = ", ".join(f"({clause}) as `{index}`" for index, clause in enumerate(clauses))
    counts = ", ".join(f"sum(`{index}`)" for index in range(len(clauses)))
    [row] = run(f"fields {conditions} | stats {counts}", [log]).rows
    return {id: int(count or 0) for id, count in zip(CONDITIONS, row, strict=True)}


@pytest.mark.parametrize("id", CONDITIONS)
def test_a_detection_and_its_query_find_the_same(id: str, found: dict[str, int], recorded: list[Line]) -> None:
    matches = predicate(CONDITIONS[id])
    expected = sum(matches(line, event) for line, event in recorded)

    if any(ANY_ELEMENT in path for path in selectors(CONDITIONS[id])):
        assert found[id] >= expected  # looked for in the text
    else:
        assert found[id] == expected


def test_a_filter_lets_through_what_its_condition_is_true_of(found: dict[str, int], log: Path) -> None:
    for id in list(CONDITIONS)[:8]:
        clause = filter_clause(CONDITIONS[id], where=id)
        assert run(f"filter {clause}", [log]).matched == found[id]


def found_by_query(expression: Expression, lines: Sequence[bytes]) -> set[int]:
    """The numbers of the lines that the query finds."""
    try:
        clause = filter_clause(expression, where="q")
    except AuditConfigurationError:
        assume(False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audit.jsonl")
        path.write_bytes(b"\n".join(lines) + b"\n")
        query = f'filter {clause or "ispresent(@message)"} | parse @message /"number":(?<at>\\d+)/ | display at'
        table = run(query, [path])
    assert len(table.rows) == table.matched
    return {int(str(row[0])) for row in table.rows}


def found_by_reference(expression: Expression, lines: Sequence[bytes]) -> set[int]:
    matches = predicate(expression)
    return {number for number, line in enumerate(lines) if matches(line, json.loads(line))}


def numbered(events: Sequence[dict[str, Any]]) -> list[bytes]:
    return [
        json.dumps({"number": number, **event}, separators=(",", ":"), ensure_ascii=False).encode()
        for number, event in enumerate(events)
    ]


SLOW = settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@given(
    expression=strategies.expressions(terms=True, elements=False),
    events=st.lists(strategies.events(), min_size=1, max_size=12),
)
@SLOW
def test_a_query_finds_all_that_its_condition_means(expression: Expression, events: list[dict[str, Any]]) -> None:
    # flattened, the key "0" has the same name as the first element of an array
    lines = numbered([event for event in events if '"0":' not in json.dumps(event)])
    assert found_by_query(expression, lines) >= found_by_reference(expression, lines)


TEXTS = [text for text in strategies.STRINGS if text not in ("403", "true", "null")]
TEXT_PATHS = [("verb",), ("user", "username"), ("sourceIPs", 0), ("annotations", "authorization.k8s.io/decision")]
CODE = ("responseStatus", "code")


def plain_events() -> st.SearchStrategy[dict[str, Any]]:
    """Events whose fields are of the type one expects, or missing."""
    text = st.sampled_from([*TEXTS, "a text of its own"])
    return st.fixed_dictionaries(
        {},
        optional={
            "verb": text,
            "user": st.fixed_dictionaries({}, optional={"username": text}),
            "sourceIPs": st.lists(text, max_size=2),
            "annotations": st.fixed_dictionaries({}, optional={"authorization.k8s.io/decision": text}),
            "responseStatus": st.fixed_dictionaries({}, optional={"code": st.sampled_from(strategies.NUMBERS)}),
        },
    )


def plain_expressions() -> st.SearchStrategy[Expression]:
    """Conditions that expect those types."""
    equality = st.sampled_from((Operator.EQ, Operator.NE))
    paths = st.sampled_from(TEXT_PATHS)
    leaves: st.SearchStrategy[Expression] = st.one_of(
        st.builds(Comparison, paths, equality, st.sampled_from((*TEXTS, *strategies.GLOBS))),
        st.builds(Comparison, paths, equality, st.sampled_from(strategies.REGEXES).map(Regex)),
        st.builds(Comparison, st.just(CODE), st.sampled_from(Operator), st.sampled_from(strategies.NUMBERS)),
        st.builds(Comparison, st.just(CODE), equality, st.sampled_from(strategies.NUMBER_GLOBS).map(NumberGlob)),
        st.builds(NotExists, st.sampled_from([*TEXT_PATHS, CODE])),
    )
    several = st.lists(leaves, min_size=2, max_size=3)
    return st.one_of(leaves, several.map(all_of), several.map(any_of))


@given(expression=plain_expressions(), events=st.lists(plain_events(), min_size=1, max_size=12))
@SLOW
def test_where_types_are_as_expected_it_finds_nothing_else(
    expression: Expression, events: list[dict[str, Any]]
) -> None:
    lines = numbered(events)
    assert found_by_query(expression, lines) == found_by_reference(expression, lines)


def test_lines_that_are_no_events_match_by_their_text_only(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text('access denied\n{"verb":"denied"\n["verb"]\n')
    assert run("filter @message like 'denied'", [path]).matched == 2
    assert run("filter ispresent(verb) or kind = 'Event'", [path]).matched == 0
    assert predicate(NotExists(("verb",)))(b"access denied", MISSING) is False, "a query is wider here"
