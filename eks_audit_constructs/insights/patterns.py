"""Regular expressions and globs of a query, as DuckDB takes them.

DuckDB uses RE2, which has no look-around and no back references. What RE2 cannot compile is rejected.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html
"""

from __future__ import annotations

import re

import duckdb

from eks_audit_constructs.duck import session
from eks_audit_constructs.insights.syntax import Regex
from eks_audit_constructs.insights.values import UnsupportedInQueryError

__all__ = ["groups", "of_glob", "of_regex", "once"]

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\((?:\?P?<(?P<name>[A-Za-z_]\w*)>)?(?P<other>\?)?", re.DOTALL
)


def of_regex(regex: Regex) -> str:
    """Return the source of a regular expression for DuckDB.

    Raises:
        UnsupportedInQueryError: RE2 cannot compile it.
    """
    source = re.sub(r"(\\.)|\(\?<(?=[A-Za-z_])", lambda found: found[1] or "(?P<", regex.source, flags=re.DOTALL)
    try:
        with session.database() as database:
            database.execute("select regexp_matches('', ?)", [source])
    except duckdb.Error as error:
        reason = str(error).removeprefix("Invalid Input Error: ")
        raise UnsupportedInQueryError(
            f"this regular expression cannot be run offline: {reason}", "Rewrite it in RE2 syntax."
        ) from error
    return source


def groups(source: str) -> list[str | None]:
    """Return the names of the capturing groups of a regular expression, in order; None for one without a name."""
    return [
        found["name"]
        for found in _TOKEN.finditer(source)
        if found[0].startswith("(") and (found["name"] or not found["other"])
    ]


def once(source: str) -> str:
    """Return a regular expression that matches where this one first does, and not again after it."""
    return f"(?:{source})(?s:.*)"


def of_glob(glob: str) -> str:
    """Convert a glob to a regular expression: each `*` is a group of minimal text; at the end, the rest."""
    first, *rest = map(re.escape, glob.split("*"))
    source = first or "^"
    for position, part in enumerate(rest, start=1):
        source += "(.*)$" if position == len(rest) and not part else f"(.*?){part}"
    return f"(?s){source}"
