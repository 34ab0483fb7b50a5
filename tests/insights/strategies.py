"""Queries and bent events, as Hypothesis makes them up."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["AGGREGATES", "events", "expressions", "queries", "spaced"]

LEAVES: tuple[Any, ...] = (
    *(0, 1, -1, 403, 4.5, 10, True, False, None),
    *(
        "",
        "0",
        "01",
        "1",
        "1.0",
        "4e2",
        "403",
        "a",
        "A",
        "ab",
        "a b",
        "a10",
        "a9",
        "x=1 y=2",
        "x=1",
        "true",
        "10 a",
        "é",
    ),
)
NAMES = ("v", "w", "code", "user.name", "list.0", "list.1.k", "list", "user", "a.b", "missing", "`k/x`")
REGEXES = (
    r"/x=(?<p>\d+)( y=(?<q>\d+))?/",
    r"/(?<p>[a-z])|(?<q>\d)/",
    r"/^(?<p>\w*)(?: (?<q>\w*))?$/",
    r"/(?<p>\d*)(?<q>z)?/",
)
GLOBS = ("'x=* y=*' as p, q", "'*=*' as p, q", "'* *' as p, q", "'a*' as p", "'*' as p")
AGGREGATES = (
    *("count", "count_distinct", "sum", "avg", "min", "max", "median", "stddev", "variance"),
    *("sortsFirst", "sortsLast", "earliest", "latest"),
)
PATTERNS = ("'a'", "''", "'1'", r"/^a/", r"/\d$/", r"/^$/")


def events() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Up to eight events, each with a time of its own."""
    leaf = st.sampled_from(LEAVES)
    inner = st.fixed_dictionaries({}, optional={"name": leaf, "k": leaf})
    listed = st.lists(st.one_of(leaf, inner), max_size=3)
    event = st.fixed_dictionaries(
        {},
        optional={
            "v": st.one_of(leaf, leaf, leaf, inner, listed),
            "w": leaf,
            "code": leaf,
            "user": st.one_of(inner, leaf),
            "list": st.one_of(listed, leaf),
            "a": st.fixed_dictionaries({}, optional={"b": leaf}),
            "a.b": leaf,
            "k/x": leaf,
        },
    )
    return st.lists(event, max_size=8).map(_timed)


def _timed(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    times = [f"2026-11-23T06:00:{(number * 7) % 60:02}.000000Z" for number in range(len(made))]
    return [{"stageTimestamp": time, "time": time, **event} for time, event in zip(times, made, strict=True)]


def _names(known: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    return st.sampled_from((*NAMES, *known))


def _constants() -> st.SearchStrategy[str]:
    return st.sampled_from(("0", "1", "403", "4.5", "'a'", "'a b'", "'ab'", "'1'", "'403'", "''"))


def expressions(known: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """Values: fields, numbers, and calls of functions."""
    leaves = st.one_of(_names(known), _names(known), _constants())

    def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("{}({})".format, st.sampled_from(("strlen", "toupper", "reverse", "abs")), inner),
            st.builds("concat({},{})".format, inner, inner),
            st.builds("coalesce({},{})".format, _names(), inner),
            st.builds("({}{}{})".format, inner, st.sampled_from((" + ", " - ", " * ", " / ")), inner),
        )

    return st.recursive(leaves, calls, max_leaves=4)


def _conditions(known: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    value = expressions(known)
    leaves = st.one_of(
        st.builds("{} {} {}".format, value, st.sampled_from(("=", "!=", "<", "<=", ">", ">=")), value),
        st.builds("{} {} {}".format, value, st.sampled_from(("like", "not like")), st.sampled_from(PATTERNS)),
        st.builds("{} {} [{}, {}]".format, value, st.sampled_from(("in", "not in")), _constants(), value),
        st.builds("ispresent({})".format, value),
    )

    def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(("and", "or")), inner),
            st.builds("not ({})".format, inner),
        )

    return st.recursive(leaves, joined, max_leaves=3)


def _aggregates(known: tuple[str, ...]) -> st.SearchStrategy[str]:
    name = _names(known)
    return st.one_of(
        st.just("count(*)"),
        st.builds("{}({})".format, st.sampled_from(AGGREGATES), name),
        st.builds("pct({}, {})".format, name, st.sampled_from((0, 1, 50, 75, 99, 100))),
        st.builds("sum({}) + count(*) * 2".format, name),
    )


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Whole queries that are understood."""
    commands: list[str] = []
    known: tuple[str, ...] = ()
    if draw(st.booleans()):
        commands.append(f"fields {draw(expressions())} as e, {draw(expressions(('e',)))} as f")
        known += ("e", "f")
    if draw(st.booleans()):
        source = draw(st.sampled_from(("v", "w", "list.0")))
        commands.append(f"parse {source} {draw(st.sampled_from((*GLOBS, *REGEXES)))}")
        known += ("p",)
    if draw(st.booleans()):
        commands.append(f"filter {draw(_conditions(known))}")
    if draw(st.booleans()):
        groups = draw(st.lists(expressions(known), max_size=2, unique=True))
        items = draw(st.lists(_aggregates(known), min_size=1, max_size=3))
        named = ", ".join(f"{item} as n{number}" for number, item in enumerate(items))
        by = ", ".join(f"{group} as g{number}" for number, group in enumerate(groups))
        commands.append(f"stats {named}{f' by {by}' if by else ''}")
        known = (*(f"n{number}" for number in range(len(items))), *(f"g{number}" for number in range(len(groups))))
        named_only = st.sampled_from(known)
        if draw(st.booleans()):
            commands.append(f"filter {draw(named_only)} {draw(st.sampled_from(('>=', '!=')))} {draw(_constants())}")
    else:
        named_only = _names(known)
    if draw(st.booleans()):
        keys = draw(
            st.lists(st.builds("{}{}".format, named_only, st.sampled_from(("", " desc"))), min_size=1, max_size=2)
        )
        commands.append(f"sort {', '.join(keys)}")
    if draw(st.booleans()):
        commands.append(f"dedup {', '.join(draw(st.lists(named_only, min_size=1, max_size=2)))}")
    if draw(st.booleans()):
        commands.append(f"limit {draw(st.integers(1, 4))}")
    shown = draw(st.lists(named_only, min_size=1, max_size=3, unique=True))
    if not any(command.startswith("dedup") for command in commands):
        commands.append(f"display {', '.join(shown)}")
    elif not commands[0].startswith(("fields", "stats")):
        commands.insert(0, "fields v, w")
    return " | ".join(commands)


def spaced(expression: str, spaces: list[str]) -> str:
    """Write an expression with other spaces between its words; quoted text keeps its own."""
    words = iter(spaces)
    parts: list[str] = []
    quoted = False
    for character in expression:
        if character == "'":
            quoted = not quoted
        between = not quoted and character in "(),"
        parts.append(f"{character}{next(words, '')}" if between else character)
    return "".join(parts)
