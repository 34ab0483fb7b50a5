"""Why a field is empty in every row: remarks on the fields that no event has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from eks_audit_constructs.audit_events.fields import ARRAYS, NUMBERS, TEXTS

__all__ = ["Found", "remarks"]

_QUOTED = re.compile(r"""`[^`]*`|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|#[^\n]*""")
_UNQUOTED_NAME = re.compile(r"[\w@.]*[A-Za-z_@][\w@.]*(?:[/-][\w@.]*[A-Za-z_@][\w@.]*)+")


class Found(NamedTuple):
    """What the events have in the place of a field."""

    here: bool
    """The field itself: text, a number, true or false."""
    list: bool
    map: bool


def remarks(text: str, fields: Mapping[str, Found]) -> Iterator[str]:
    """Say of each field that no event has what it is instead, or what may be meant.

    Args:
        text: The query.
        fields: What was found of each field that it uses.
    """
    empty = [name for name, found in fields.items() if not found.here]
    for written in _UNQUOTED_NAME.findall(_QUOTED.sub(" ", text)):
        parts = [part for part in re.split("[/-]", written) if part in empty]
        if parts:
            yield f"names with / or - stand in backticks: `{written}`"
        empty = [name for name in empty if name not in parts]
    unknown: list[str] = []
    for name in empty:
        if fields[name].list:
            yield f"{name} is a list, and a list is no field: name an element, as in {name}.0"
        elif fields[name].map:
            example = next((known for known in sorted(TEXTS - ARRAYS) if known.startswith(f"{name}.")), f"{name}.…")
            yield f"{name} is a map, and a map is no field: name a part of it, as in {example}"
        else:
            unknown.append(name)
    if unknown:
        yield f"no event has a field {_listed(unknown)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{name}{_hint(name)}" for name in names)


def _hint(name: str) -> str:
    known = sorted(TEXTS | NUMBERS)
    if name in known:
        return ""
    if near := difflib.get_close_matches(name, known, n=1, cutoff=0.85):
        return f" (is {near[0]} meant?)"
    return "" if "." in name else " (text stands in quotes)"
