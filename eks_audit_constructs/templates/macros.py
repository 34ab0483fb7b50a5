"""Macros, which change a template when it is deployed, and so may change what is read of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["INCLUDE", "macros", "note"]

INCLUDE = "AWS::Include"
"""It inserts text from S3."""
_HARMLESS = {INCLUDE, "AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"}
"""Macros that do not change metric filters and alarms, or are expanded here."""


def macros(body: Any) -> set[str]:
    """Return the names of the macros of a template: those of `Transform`, and of each `Fn::Transform`."""
    found = set(_names(body.get("Transform"))) if isinstance(body, Mapping) else set()
    return found | set(_within(body))


def note(names: Mapping[str, Iterable[str]]) -> str | None:
    """Return what a reader of the results has to know; None without a macro that may change something.

    Args:
        names: The macros of each template.
    """
    changing = {name for found in names.values() for name in found} - _HARMLESS
    if not changing:
        return None
    several = "s" if len(changing) > 1 else ""
    listed = ", ".join(sorted(changing))
    where = sorted(template for template, found in names.items() if changing.intersection(found))
    of = f" of {', '.join(where)}" if len(names) > 1 else ""
    return f"the macro{several} {listed}{of} may change the template when it is deployed: it is read as it stands"


def _within(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Fn::Transform":
                yield from _names(item)
            yield from _within(item)
    elif isinstance(value, list):
        for item in value:
            yield from _within(item)


def _names(written: Any) -> Iterator[str]:
    """Yield the macros that are named: each by its name, or by a mapping with its name."""
    for one in written if isinstance(written, list) else [written]:
        name = one.get("Name") if isinstance(one, Mapping) else one
        if isinstance(name, str):
            yield name
