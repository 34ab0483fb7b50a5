"""The engine and its plain twin give the same answers."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eks_audit_constructs.insights import Cell, run
from tests.depth import examples
from tests.insights import twin
from tests.insights.strategies import AGGREGATES, events, expressions, queries, spaced

SLOW = settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answered(query: str, made: Sequence[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "audit.jsonl")
        lines = (json.dumps(event, separators=(",", ":"), ensure_ascii=False) for event in made)
        path.write_text("".join(f"{line}\n" for line in lines))
        table = run(query, [path])
    return table.columns, table.rows


@given(query=queries(), made=events())
@SLOW
def test_a_query_answers_as_its_twin(query: str, made: list[dict[str, Any]]) -> None:
    check(query, made)


@given(name=st.sampled_from(("v", "w", "code", "list.0")), by=st.sampled_from(("", " by w")), made=events())
@SLOW
def test_each_aggregate_is_that_of_its_twin(name: str, by: str, made: list[dict[str, Any]]) -> None:
    check(f"stats {', '.join(f'{function}({name})' for function in AGGREGATES)}{by}", made)


def check(query: str, made: list[dict[str, Any]]) -> None:
    columns, rows = twin.answer(query, made)
    answered_columns, answered_rows = answered(query, made)

    assert answered_columns == columns
    assert len(answered_rows) == len(rows)
    for found, expected in zip(answered_rows, rows, strict=True):
        assert [*found] == [
            pytest.approx(cell, abs=1e-9) if isinstance(cell, float | int) else cell for cell in expected
        ], query


@given(
    one=expressions(),
    other=expressions(),
    spaces=st.lists(st.sampled_from(["", " ", "\n", "  "]), max_size=8),
    event=events().filter(bool).map(lambda made: made[0]),
)
@example(one="concat(v,'a b')", other="concat(v,'ab')", spaces=[" "], event={"time": "", "v": "x"})
@SLOW
def test_a_column_is_found_by_what_it_is_and_not_by_its_letters(
    one: str, other: str, spaces: list[str], event: dict[str, Any]
) -> None:
    query = f"stats count(*) by {one}, {other} | fields {spaced(other, spaces)} as again | display again"
    _, rows = answered(query, [event])
    _, expected = twin.answer(f"fields {other} as again | display again", [event])
    assert [*rows] == expected
