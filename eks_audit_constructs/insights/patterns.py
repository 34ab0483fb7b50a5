"""Regular expressions and globs of a query, as DuckDB takes them.

DuckDB's are RE2's, without look-around and back references. What it cannot compile is refused.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Parse.html
"""

from __future__ import annotations

import re

import duckdb

from eks_audit_constructs.duck import session
from eks_audit_constructs.insights.syntax import Regex
from eks_audit_constructs.insights.values import UnsupportedInQueryError

__all__ = ["groups", "of_glob", "of_regex"]

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\((?:\?P?<(?P<name>[A-Za-z_]\w*)>)?(?P<other>\?)?", re.DOTALL
)


def of_regex(regex: Regex) -> str:
    """The source of a regular expression for DuckDB.

    Raises:
        UnsupportedInQueryError: RE2 does not know it.
    """
    source = re.sub(r"(\\.)|\(\?<(?=[A-Za-z_])", lambda found: found[1] or "(?P<", regex.source, flags=re.DOTALL)
    try:
        with session.database() as database:
            database.execute("select regexp_matches('', ?)", [source])
    except duckdb.Error as error:
        reason = str(error).removeprefix("Invalid Input Error: ")
        raise UnsupportedInQueryError(
            f"no regular expression that can be run here: {reason}", "Say it in another way."
        ) from error
    return source


def groups(source: str) -> list[str | None]:
    """The capturing groups of a regular expression in their order: the name of each, or None."""
    return [
        found["name"]
        for found in _TOKEN.finditer(source)
        if found[0].startswith("(") and (found["name"] or not found["other"])
    ]


def of_glob(glob: str) -> str:
    """A glob as a regular expression: each `*` is a group of as little text as will do; at its end, of the rest."""
    first, *rest = map(re.escape, glob.split("*"))
    source = first or "^"
    for position, part in enumerate(rest, start=1):
        source += "(.*)$" if position == len(rest) and not part else f"(.*?){part}"
    return f"(?s){source}"
