"""Regular expressions in Logs Insights queries, for text in fields and for JSON inside an event's text."""

from __future__ import annotations

import json
import re

__all__ = ["ANY_TEXT", "between_quotes", "digits", "glob", "in_json", "regex"]


def glob(text: str) -> str:
    """Convert a glob to a regular expression, anchored at each end that is not `*`."""
    start, end = "" if text.startswith("*") else "^", "" if text.endswith("*") else "$"
    parts = [_SPECIAL.sub(r"\\\g<0>", part) for part in re.split(r"\*+", text.strip("*"))]
    return regex(start + ".*".join(parts) + end)


def digits(text: str) -> str:
    """Return a regular expression, without anchors, for the whole numbers that match a `NumberGlob`."""
    sign = "-?" if text.startswith("*") else ""
    return sign + re.sub(r"\*+", "[0-9]*", text)


_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")


ANY_TEXT = r'(?:[^"\\]|\\.)*'
"""Any characters inside a JSON string."""


def in_json(text: str) -> str:
    """Return a regular expression for text inside a JSON string. Go also escapes <, > and &."""
    escaped = _SPECIAL.sub(r"\\\g<0>", json.dumps(text, ensure_ascii=False)[1:-1])
    return re.sub("[<>&]", lambda found: rf"\\u{ord(found[0]):04x}", escaped)


def between_quotes(branch: str) -> str:
    """Match a branch of a regular expression inside a JSON string: at its start or end if anchored, else anywhere."""
    start = "" if branch.startswith("^") else ANY_TEXT
    end = '"' if branch.endswith("$") else ""
    return start + branch.removeprefix("^").removesuffix("$") + end


def regex(source: str) -> str:
    """Put a regular expression between slashes, and escape those inside it."""
    escaped = re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", source)
    return f"/{escaped}/"
