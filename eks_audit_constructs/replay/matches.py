"""Collect the events that conditions match, and the principals, addresses and agents behind them.

The counts of a replay need no events; a report and the search for a good threshold do. DuckDB reads the logs a second
time for all conditions and keeps the matches on disk, so memory use is bounded. What DuckDB rejects (see
`counting.engine`) is read in Python.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.expression import Expression, Or
from eks_audit_constructs.conditions.sql import UnsupportedInSqlError
from eks_audit_constructs.duck.lines import Batch, batches
from eks_audit_constructs.duck.session import add_macros
from eks_audit_constructs.replay.log_group import Told, told
from eks_audit_constructs.replay.matching_rows import COLUMNS, KEPT, kept_rows, select_matching

__all__ = ["Match", "Matches", "Top", "matches"]

_MEMORY = "512MB"
"""Memory that DuckDB may use before it writes to disk."""
_Name = TypeVar("_Name", bound=Hashable)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """An event that matches. The client that made the request controls its texts: escape them on output."""

    at: datetime | None
    """None when the event has no time."""
    principal: str | None
    """`user.username`; None when nobody was authenticated, or the line is not an audit event."""
    address: str | None
    """The last of `sourceIPs`, the only one that the client cannot forge."""
    agent: str | None
    verb: str | None
    resource: str | None
    """With the subresource, such as pods/exec."""
    namespace: str | None
    name: str | None
    uri: str | None
    code: str | None
    message: str
    """The log line, truncated to `matching_rows.KEPT` characters."""
    length: int
    """Characters of the whole log line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Top:
    """The most frequent values, and how many they omit."""

    rows: tuple[tuple[str | None, int], ...] = ()
    """Values and their numbers of events, the most frequent first; None is for events without a value."""
    distinct: int = 0
    """Number of distinct values."""
    others: int = 0
    """Number of events whose value is not in `rows`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matches:
    """The events that one condition matches."""

    total: int = 0
    events: tuple[Match, ...] = ()
    """The first and the latest events, in order of time; all of them if there are few."""
    by_principal: Top = Top()
    by_address: Top = Top()
    by_agent: Top = Top()


def matches(
    conditions: Mapping[_Name, Expression],
    logs: Sequence[Log],
    *,
    read_by: Mapping[_Name, Set[Told]] | None = None,
    events: int = 200,
    top: int = 10,
) -> dict[_Name, Matches]:
    """Collect what each condition matches.

    Args:
        conditions: The conditions, by name, such as the key of a metric filter.
        logs: Opened logs.
        read_by: What the logs tell that each condition is asked of; see `log_group.told`. Default: any.
        events: Maximum number of events to keep for each condition.
        top: Maximum number of principals, addresses and agents each.

    Raises:
        LogError: A log cannot be read.
    """
    if not conditions:
        return {}
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as spool, _database(Path(spool)) as database:
        for asked, share in _shares(conditions, logs, read_by):
            for batch in batches(share):
                _keep(database, batch, asked, Path(spool), KEPT if events else 0)
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
        for index, name in enumerate(conditions)
    }


def _shares(
    conditions: Mapping[_Name, Expression], logs: Sequence[Log], read_by: Mapping[_Name, Set[Told]] | None
) -> Iterator[tuple[list[Expression], list[Log]]]:
    """Yield the conditions that are asked of the same logs, with what matches nothing in place of the others."""
    shares: dict[tuple[bool, ...], list[Log]] = {}
    for name, those in _by_name(logs).items():
        asked = tuple(read_by is None or name in read_by[one] for one in conditions)
        shares.setdefault(asked, []).extend(those)
    for asked, share in shares.items():
        if any(asked):
            yield [one if here else Or(()) for one, here in zip(conditions.values(), asked, strict=True)], share


def _by_name(logs: Sequence[Log]) -> dict[Told, list[Log]]:
    named: dict[Told, list[Log]] = {}
    for log in logs:
        named.setdefault(told(log), []).append(log)
    return named


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
    """Keep the matching rows of a batch: of all logs at once, or of each on its own if DuckDB rejects one."""
    try:
        database.execute(f"insert into kept by name {select_matching(batch, conditions, kept=kept)}", batch.parameters)
    except (duckdb.Error, UnsupportedInSqlError):  # a file that DuckDB rejects, or a condition that SQL cannot express
        several = len(batch.logs) > 1
        for log in batch.logs:
            if several:
                _keep(database, Batch((log,)), conditions, spool, kept)
            else:
                _keep_read(database, kept_rows(log, conditions, kept=kept), spool / "rows.json")


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
    """Return the first and the latest events, half of each; those without a time sort last."""
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
