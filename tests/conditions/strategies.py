"""Conditions and log lines for property tests, of a vocabulary so small that they often meet."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operator,
    Path,
    Regex,
    Term,
    all_of,
    any_of,
)

__all__ = ["ELEMENT_PATHS", "NUMBERS", "NUMBER_GLOBS", "PATHS", "REGEXES", "STRINGS", "events", "expressions", "lines"]

PATHS: tuple[Path, ...] = (
    ("verb",),
    ("flag",),
    ("responseStatus", "code"),
    ("user", "username"),
    ("sourceIPs", 0),
    ("annotations", "authorization.k8s.io/decision"),
)
ELEMENT_PATHS: tuple[Path, ...] = (
    ("sourceIPs", ANY_ELEMENT),
    ("items", ANY_ELEMENT, "kind"),
    ("items", ANY_ELEMENT, "rule", 0),
)
STRINGS = (
    "get",
    "403",
    "true",
    "null",
    "",
    "system:anonymous",
    "100%",
    "a_b",
    "aXb",
    'quo"te',
    "back\\slash",
    "zażółć 😀",
)
GLOBS = ("*", "**", "system:*", "*:anonymous", "*e*", "1*%", "a_*", "s*:*s", '*"*', "*\\*", "*😀")
NUMBERS: tuple[int | float, ...] = (403, 403.0, 0, -1, 0.5, 0.1 + 0.2, 1e-7, 1e300, 2**53, 2**63, 10**30)
NUMBER_GLOBS = ("4*", "*3", "4*3", "-*1", "**0", "*0*")
REGEXES = ("^system:", "^40[13]$", "[a-z]+t$", "a.b", "get|null", r"^\w\w\w$", r"\\")
TEXTS = ("get", "403", "{", '"verb"', "denied", "[", "zażółć", "%")


def expressions(*, terms: bool = False, elements: bool = True) -> st.SearchStrategy[Expression]:
    """Conditions of a few comparisons.

    Args:
        terms: Conditions on the text of the line among them, which a filter pattern cannot mix with JSON ones.
        elements: Conditions with `[*]` among them, which a Logs Insights query cannot say.
    """
    paths = st.sampled_from(PATHS + ELEMENT_PATHS if elements else PATHS)
    equality = st.sampled_from((Operator.EQ, Operator.NE))
    leaves: st.SearchStrategy[Expression] = st.one_of(
        st.builds(Comparison, paths, equality, st.sampled_from(STRINGS + GLOBS)),
        st.builds(Comparison, paths, st.sampled_from(Operator), st.sampled_from(NUMBERS)),
        st.builds(Comparison, paths, equality, st.sampled_from(NUMBER_GLOBS).map(NumberGlob)),
        st.builds(Comparison, paths, equality, st.sampled_from(REGEXES).map(Regex)),
        st.builds(Is, paths, st.sampled_from(Constant)),
        st.builds(NotExists, paths),
    )
    if terms:
        texts = st.one_of(st.sampled_from(TEXTS), st.sampled_from(REGEXES).map(Regex))
        leaves = st.one_of(leaves, st.builds(Term, texts, st.booleans()))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(all_of),
            st.lists(inner, min_size=2, max_size=3).map(any_of),
        ),
        max_leaves=5,
    )


def events() -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with the fields above: often missing, null or of another type than one would expect."""
    scalars = st.one_of(
        st.sampled_from(STRINGS),
        st.sampled_from(NUMBERS),
        st.sampled_from((True, False, None, "403.0", " 403", "line\nbreak", 10**400, -(10**400))),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=4),
    )
    values = st.one_of(
        scalars,
        scalars,
        st.lists(scalars, max_size=3),
        st.dictionaries(st.sampled_from(("code", "kind", "0")), scalars, max_size=2),
    )
    items = st.lists(st.one_of(values, _objects(kind=values, rule=st.lists(values, max_size=2))), max_size=3)
    return _objects(
        verb=values,
        flag=values,
        responseStatus=st.one_of(_objects(code=values), values),
        user=st.one_of(_objects(username=values), values),
        sourceIPs=st.one_of(st.lists(values, max_size=3), values),
        annotations=_objects(**{"authorization.k8s.io/decision": values}),
        items=st.one_of(items, values),
    )


def lines() -> st.SearchStrategy[str]:
    """Log lines: mostly events, written in any of JSON's ways, and some that are no event."""
    written = st.builds(
        lambda event, ascii_only, spaced: json.dumps(
            event, ensure_ascii=ascii_only, separators=None if spaced else (",", ":")
        ),
        events(),
        st.booleans(),
        st.booleans(),
    )
    others = (
        "",
        "get 403",
        'level=warning msg="access denied"',
        "[]",
        '["get"]',
        '"get"',
        "null",
        "403",
        '{"verb":"get',
    )
    return st.one_of(written, written, written, st.sampled_from(others))


def _objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)
