"""The commands of a query as SQL: one statement that reads the log once, and one over the few rows it leaves.

The first groups the rows that a query keeps, as stats or dedup require, or takes the first of them in order. All other
rows go into one more group, so that they are counted and memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eks_audit_constructs.insights.events import Events
from eks_audit_constructs.insights.expressions import Aggregates, Expressions
from eks_audit_constructs.insights.order import check_order
from eks_audit_constructs.insights.parser import MAX_ROWS
from eks_audit_constructs.insights.syntax import (
    Command,
    Dedup,
    Display,
    Expression,
    Fields,
    Filter,
    Item,
    Limit,
    Name,
    Parse,
    Script,
    Sort,
    Stats,
)
from eks_audit_constructs.insights.values import Kind, UnsupportedInQueryError, Value, number, sort_key

__all__ = ["Plan", "plan"]

_COUNTS = (
    "count(*) as n, count(*) filter (not readable) as unreadable, count(*) filter (time is null) as untimed,"
    " count(*) filter (many) as many"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A translated query.

    Attributes:
        events: The fields it uses.
        reduce: Reads the view `lines`, which `events.select` defines. Its rows with `keep` are for `result`; `n`,
            `unreadable`, `untimed` and `many` are the numbers of events in each row; `events.findings` are there too.
        result: Reads the rows from the table `reduced`, which `reduce` defines.
        columns: Column names and kinds.
    """

    events: Events
    reduce: str
    result: str
    columns: tuple[tuple[str, Kind], ...]


@dataclass(kw_only=True, slots=True)
class _Stage:
    """The commands over one kind of rows: the events of the log, or the results of a stats."""

    expressions: Expressions
    shown: dict[str, Value]
    """The columns that are shown by default."""
    aggregated: bool = False
    """Whether the rows come from stats; `fields` then adds to their columns."""
    chosen: dict[str, Value] = field(default_factory=dict)
    parsed: dict[str, Value] = field(default_factory=dict)
    displayed: dict[str, Value] | None = None
    conditions: list[str] = field(default_factory=list)
    order: list[str] | None = None
    distinct: list[Value] = field(default_factory=list)
    limit: int | None = None

    @property
    def columns(self) -> dict[str, Value]:
        """The columns that are shown: several `fields` add up; of several `display`, the last wins."""
        if self.displayed is not None:
            return self.displayed
        base = {**self.shown, **self.chosen} if self.aggregated else self.chosen or self.shown
        return {**base, **self.parsed}

    @property
    def condition(self) -> str:
        return " and ".join(self.conditions) or "true"

    def add(self, command: Command) -> None:
        match command:
            case Fields(items=items):
                self.chosen |= self._named(items)
            case Display(items=items):
                self.displayed = self._named(items)
            case Filter(condition=condition):
                self.conditions.append(self.expressions.truth(condition))
            case Parse(source=source, pattern=pattern, names=names):
                where = Name(parts=("@message",), start=command.start, end=command.end) if source is None else source
                self.parsed |= self.expressions.parsed(self.expressions.text(where), pattern, names)
                self.expressions.names.update(self.parsed)
            case Sort(keys=keys):
                self.order = [
                    part
                    for key in keys
                    for part in self.expressions.sort_key(key.expression, descending=key.descending)
                ]
            case Dedup(names=names):
                self.distinct = [self._plain(name) for name in names]
            case Limit(count=count):
                self.limit = count

    def _named(self, items: Sequence[Item]) -> dict[str, Value]:
        _check_names(self.expressions.script, items)
        named = {}
        for item in items:
            named[item.name] = self.expressions.names[item.name] = self.expressions.value(item.expression)
        return named

    def _plain(self, name: Name) -> Value:
        value = self.expressions.value(name)
        if value.kind is Kind.MAP:
            raise self.expressions.script.refusal(
                name.start, "maps and lists cannot be compared", "Name one of its fields."
            )
        return value


def plan(script: Script, commands: Sequence[Command], *, now: float) -> Plan:
    """Translate a query.

    Args:
        script: Its text, for error messages.
        commands: Its parsed commands.
        now: The time at which it runs, in seconds since 1970.

    Raises:
        QueryError: CloudWatch would reject it, or it uses something that cannot be run offline; the error names the
            place.
    """
    check_order(script, commands)
    events = Events()
    default = {name: events.field(Name(parts=(name,), start=0, end=0)) for name in ("@timestamp", "@message")}
    stage = _Stage(expressions=Expressions(script, {}, events.field, time="time", now=now), shown=default)
    reduce = table = None
    for command in commands:
        if not isinstance(command, Stats):
            stage.add(command)
            continue
        grouped = _Grouped.of(stage, command, kept=None if table else "keep")
        if table is None:
            reduce, table = grouped.first(stage.condition, events), "select * from reduced where keep"
        else:
            table = grouped.later(stage.condition, table)
        after = Expressions(
            script, dict(grouped.columns), _gone(list(grouped.columns)), columns=grouped.unnamed, time=None, now=now
        )
        stage = _Stage(expressions=after, shown=grouped.columns, aggregated=True)
    if reduce is None or table is None:
        reduce, result = _first_rows(stage, events), _in_order(stage)
    else:
        result = _listed(stage, table)
    columns = tuple((name, value.kind) for name, value in stage.columns.items())
    return Plan(events=events, reduce=reduce, result=result, columns=columns)


def _check_names(script: Script, items: Sequence[Item]) -> None:
    """Check that no two columns of a command have the same name."""
    first: dict[str, Item] = {}
    for item in items:
        if first.setdefault(item.name, item).expression != item.expression:
            raise script.refusal(
                item.start, f"two columns of this command are called {item.name}", "Give each its own name after `as`."
            )


def _gone(columns: Sequence[str]) -> Callable[[Name], Value]:
    def refuse(name: Name) -> Value:
        called = [column for column in columns if column.lower().startswith(f"{name.flat.lower()}(")]
        raise UnsupportedInQueryError(
            f"after stats there are only its columns: {', '.join(columns)}",
            f"Write {called[0]}, or give it a name there after `as`."
            if called
            else "Aggregate the field there, or name it there after `by`.",
        )

    return refuse


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grouped:
    """A stats command as SQL."""

    groups: tuple[str, ...]
    values: tuple[str, ...]
    columns: dict[str, Value]
    """As later commands see them: groups first."""
    unnamed: dict[Expression, Value]
    """Those without an alias, by what they are."""

    @classmethod
    def of(cls, stage: _Stage, stats: Stats, *, kept: str | None) -> _Grouped:
        _check_names(stage.expressions.script, [*stats.groups, *stats.items])
        names: dict[str, Value] = {}
        unnamed: dict[Expression, Value] = {}
        groups: list[str] = []
        for item in stats.groups:
            value = stage.expressions.value(item.expression)
            if value.kind is Kind.MAP:
                raise stage.expressions.script.refusal(
                    item.start, "maps and lists cannot be grouped by", "Name one of its fields."
                )
            names[item.name] = Value(_stored(value.kind), f"g{len(groups)}")
            if not item.aliased:
                unnamed[item.expression] = names[item.name]
            groups.append(value.sql)
        aggregates = Aggregates(stage.expressions, dict(names), columns=dict(unnamed), kept=kept)
        columns = dict(names)
        values: list[str] = []
        for item in stats.items:
            value = aggregates.value(item.expression)
            aggregates.names[item.name] = value
            columns[item.name] = Value(_stored(value.kind), f"a{len(values)}")
            if not item.aliased:
                unnamed[item.expression] = columns[item.name]
            values.append(value.sql)
        return cls(groups=tuple(groups), values=tuple(values), columns=columns, unnamed=unnamed)

    def first(self, condition: str, events: Events) -> str:
        keys = [f"case when keep then {group} end as g{index}" for index, group in enumerate(self.groups)]
        return f"""
            select {", ".join(["keep", *self._selected(), *_counts(events)])}
            from (select {", ".join(["*", *keys])} from ({_marked(condition)}))
            group by {", ".join(["keep", *self._keys()])}
        """

    def later(self, condition: str, table: str) -> str:
        keys = [f"{group} as k{index}" for index, group in enumerate(self.groups)]
        selected = [*(f"k{index} as g{index}" for index in range(len(keys))), *self._selected()[len(keys) :]]
        grouped = ", ".join(f"k{index}" for index in range(len(keys)))
        return f"""
            select {", ".join(selected)}
            from (select {", ".join(["*", *keys])} from ({table}) where {condition})
            {f"group by {grouped}" if keys else "having count(*) > 0"}
        """

    def _keys(self) -> list[str]:
        return [f"g{index}" for index in range(len(self.groups))]

    def _selected(self) -> list[str]:
        return [*self._keys(), *(f"{value} as a{index}" for index, value in enumerate(self.values))]


def _counts(events: Events) -> list[str]:
    return [_COUNTS, *(f"{found} as {column}" for column, found in events.findings.items())]


def _stored(kind: Kind) -> Kind:
    return Kind.TEXT if kind is Kind.QUOTED else kind


def _marked(condition: str) -> str:
    return f"select *, coalesce({condition}, false) as keep from lines"


def _first_rows(stage: _Stage, events: Events) -> str:
    """Select the first events in order, as lists `top`; with dedup, one of each group, and all that lack its fields."""
    order = [*(stage.order or []), "time", "'desc nulls last'", "hash(message)", "'asc nulls last'"]
    row = ", ".join(["'place': place", *(f"'c{index}': {_shown(v)}" for index, v in enumerate(stage.columns.values()))])
    limit = stage.limit or MAX_ROWS
    keys = [f"case when keep then {value.sql} end" for value in stage.distinct]
    lacking = " or ".join(f"{value.sql} is null" for value in stage.distinct) or "true"
    named = [f"{key} as d{index}" for index, key in enumerate(keys)]
    top = f"arg_min(item, place, {limit}) filter (keep and lacking)"
    if keys:
        top = f"case when lacking then {top} else [arg_min(item, place) filter (keep)] end"
    return f"""
        select keep, {top} as top, {", ".join(_counts(events))}
        from (
            select *, case when keep then {{{row}}} end as item
            from (
                select {", ".join(["*", *named, f"{lacking} as lacking"])},
                    case when keep then create_sort_key({", ".join(order)}) end as place
                from ({_marked(stage.condition)})
            )
        )
        group by {", ".join(["keep", *(f"d{index}" for index in range(len(keys))), *(["lacking"] if keys else [])])}
    """


def _in_order(stage: _Stage) -> str:
    columns = ", ".join(f"item.c{index}" for index in range(len(stage.columns)))
    return f"""
        select {columns} from (select unnest(top) as item from reduced where keep)
        order by item.place limit {stage.limit or MAX_ROWS}
    """


def _listed(stage: _Stage, table: str) -> str:
    """Select the remaining rows of stats; by default the latest first."""
    known = stage.shown.values()
    order = list(stage.order or [])
    for value in sorted(known, key=lambda value: value.kind is not Kind.TIME):
        order += sort_key(value, descending=value.kind is Kind.TIME)
    at = f"create_sort_key({', '.join(order)})"
    distinct = ", ".join(value.sql for value in stage.distinct)
    lacking = " or ".join(f"{value.sql} is null" for value in stage.distinct)
    return f"""
        select {", ".join(map(_shown, stage.columns.values()))} from ({table}) where {stage.condition}
        {f"qualify {lacking} or row_number() over (partition by {distinct} order by {at}) = 1" if distinct else ""}
        order by {at} limit {stage.limit or MAX_ROWS}
    """


def _shown(value: Value) -> str:
    if value.kind is Kind.TRUTH:
        return number(value)
    return f"{value.sql}::varchar" if value.kind is Kind.MAP else value.sql
