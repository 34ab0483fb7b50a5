"""The events that conditions match, and who and what is behind them: a second pass over logs, when someone asks.

The counts of a replay need no events; a report and the search for a good threshold do. DuckDB reads the logs once more
for all conditions and keeps what matches on disk, so memory stays bounded. What DuckDB refuses
(see `counting.engine`) is read in Python.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.conditions.sql import UnsupportedInSqlError
from eks_audit_constructs.duck.lines import Batch, batches
from eks_audit_constructs.duck.session import add_macros
from eks_audit_constructs.replay.matching_rows import COLUMNS, KEPT, kept_rows, select_matching
from eks_audit_constructs.templates.template import Template

__all__ = ["Match", "Matches", "Top", "collect", "matches"]

_MEMORY = "512MB"
"""What DuckDB may hold before it writes to disk."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """An event that matches. Its texts are whoever's who made the request: escape them wherever they go."""

    at: datetime | None
    """None when it has no time of its own."""
    principal: str | None
    """`user.username`; None when nobody was authenticated, or the line is no audit event."""
    address: str | None
    """The last of `sourceIPs`, the only one that a client cannot choose."""
    agent: str | None
    verb: str | None
    resource: str | None
    """With its subresource, such as pods/exec."""
    namespace: str | None
    name: str | None
    uri: str | None
    code: str | None
    message: str
    """The log line, of which only the beginning is kept if it is long (`matching_rows.KEPT`)."""
    length: int
    """Characters of the whole line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Top:
    """The most frequent values, and how much they leave out."""

    rows: tuple[tuple[str | None, int], ...] = ()
    """FieldColumns with their events, the most frequent first; None for events without one."""
    distinct: int = 0
    """How many different values there are in all."""
    others: int = 0
    """Events whose value is not among the rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """What one condition matches."""

    total: int = 0
    events: tuple[Match, ...] = ()
    """The first and the latest ones, in the order of their times; all of them if there are few."""
    by_principal: Top = Top()
    by_address: Top = Top()
    by_agent: Top = Top()


def matches(
    template: Template,
    logs: Sequence[Log],
    *,
    filters: Collection[str] | None = None,
    events: int = 200,
    top: int = 10,
) -> dict[str, Matches]:
    """What the metric filters of a template match, by their logical ids, sorted.

    Args:
        template: The template; its filters that cannot be evaluated are left out.
        logs: Opened logs.
        filters: The logical ids of the filters wanted. Default: all.
        events: How many events to keep of each filter at most.
        top: How many principals, addresses and agents to name at most.

    Raises:
        LogError: A log cannot be read.
    """
    conditions = {
        item.logical_id: item.condition
        for item in template.filters
        if item.condition is not None and (filters is None or item.logical_id in filters)
    }
    return collect(conditions, logs, events=events, top=top)


def collect(
    conditions: Mapping[str, Expression], logs: Sequence[Log], *, events: int = 200, top: int = 10
) -> dict[str, Matches]:
    """What each condition matches, by the names that the conditions are given, sorted.

    Args:
        conditions: The conditions.
        logs: Opened logs.
        events: How many events to keep of each condition at most.
        top: How many principals, addresses and agents to name at most.

    Raises:
        LogError: A log cannot be read.
    """
    wanted = dict(sorted(conditions.items()))
    if not wanted:
        return {}
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as spool, _database(Path(spool)) as database:
        for batch in batches(logs):
            _keep(database, batch, list(wanted.values()), Path(spool), KEPT if events else 0)
        database.execute("create temp table matching as select unnest(filters) as filter, id, happened from kept")
        totals = dict(database.execute("select filter, count(*) from matching group by filter").fetchall())
        tops = [_top(database, column, top) for column in ("principal", "address", "agent")]
        found = _events(database, events)
    return {
        name: Matches(
            total=totals.get(index, 0),
            events=tuple(found.get(index, ())),
            by_principal=tops[0].get(index, Top()),
            by_address=tops[1].get(index, Top()),
            by_agent=tops[2].get(index, Top()),
        )
        for index, name in enumerate(wanted)
    }


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    spill = str(folder / "spill")
    file = str(folder / "matches.duckdb")
    with duckdb.connect(file, config={"temp_directory": spill, "memory_limit": _MEMORY}) as database:
        database.execute("set autoinstall_known_extensions = false")
        add_macros(database)
        database.execute("create sequence ids")
        columns = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
        database.execute(f"create table kept (id bigint default nextval('ids'), {columns})")
        yield database


_TYPES = dict.fromkeys(COLUMNS, "varchar") | {"filters": "integer[]", "happened": "bigint", "length": "bigint"}


def _keep(
    database: duckdb.DuckDBPyConnection,
    batch: Batch,
    conditions: Sequence[Expression],
    spool: Path,
    kept: int,
) -> None:
    """Keep the rows of some logs of one shape that match: of all at once, or of each when DuckDB refuses one."""
    try:
        database.execute(f"insert into kept by name {select_matching(batch, conditions, kept=kept)}", batch.parameters)
    except (duckdb.Error, UnsupportedInSqlError):  # a file that DuckDB refuses, or a condition that SQL cannot say
        if len(batch.logs) > 1:
            for log in batch.logs:
                _keep(database, Batch((log,)), conditions, spool, kept)
        else:
            _keep_read(database, kept_rows(batch.logs[0], conditions, kept=kept), spool / "rows.json")


def _keep_read(database: duckdb.DuckDBPyConnection, rows: Iterable[Mapping[str, Any]], file: Path) -> None:
    with file.open("w", encoding="ascii") as spooled:
        spooled.writelines(f"{json.dumps(row)}\n" for row in rows)
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in _TYPES.items())
    database.execute(
        "insert into kept by name select * from read_json("
        f"$file, format = 'newline_delimited', maximum_object_size = 4194304, columns = {{{columns}}})",
        {"file": str(file)},
    )


def _top(database: duckdb.DuckDBPyConnection, column: str, wanted: int) -> dict[int, Top]:
    rows = database.execute(
        f"""
        with counted as (
            select filter, {column} as value, count(*) as events from matching join kept using (id) group by all
        )
        select filter, value, events, count(*) over whole, sum(events) over whole
        from counted
        window whole as (partition by filter)
        qualify row_number() over (partition by filter order by events desc, value nulls last) <= $wanted
        order by filter, events desc, value nulls last
        """,
        {"wanted": wanted},
    ).fetchall()
    grouped: dict[int, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row[0], []).append(row[1:])
    return {
        index: Top(
            rows=tuple((value, events) for value, events, _, _ in group),
            distinct=group[0][2],
            others=int(group[0][3]) - sum(events for _, events, _, _ in group),
        )
        for index, group in grouped.items()
    }


def _events(database: duckdb.DuckDBPyConnection, wanted: int) -> dict[int, list[Match]]:
    """The first and the latest, half and half; those without a time come last."""
    result = database.execute(
        """
        with placed as (
            select filter, id, row_number() over ordered as place, count(*) over (partition by filter) as total
            from matching
            window ordered as (partition by filter order by happened nulls last, id)
        )
        select filter, kept.* exclude (id, filters)
        from placed join kept using (id)
        where place <= $first or place > total - $latest
        order by filter, place
        """,
        {"first": wanted - wanted // 2, "latest": wanted // 2},
    )
    names = [str(column[0]) for column in result.description or ()][1:]
    found: dict[int, list[Match]] = {}
    while rows := result.fetchmany(1000):
        for index, *values in rows:
            fields = dict(zip(names, values, strict=True))
            happened = fields.pop("happened")
            at = None if happened is None else _EPOCH + timedelta(microseconds=happened)
            found.setdefault(index, []).append(Match(at=at, **fields))
    return found
