"""The queries of the catalogue, run over all recorded events: one of each kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import SavedQuery
from eks_audit_constructs.insights import run

OF_EACH_KIND = list({query.commands: query for query in reversed(catalog.QUERIES)}.values())
"""One of all queries that do the same with the events they find; what each of them finds, `test_agreement` tells."""


@pytest.mark.parametrize("query", OF_EACH_KIND, ids=lambda query: query.id)
def test_every_kind_of_query_of_the_catalogue_runs(
    query: SavedQuery, log: Path, recorded: list[tuple[bytes, Any]]
) -> None:
    table = run(query.text, [log], where=query.id)

    assert table.scanned == len(recorded)
    assert table.unreadable == table.untimed == 0
    assert table.matched or not table.rows
    assert len(table.columns) == len(set(table.columns)) > 1
