"""Where a value is in an audit event: `objectRef.resource`, `sourceIPs[0]`, `annotations['a.b/c']`.

Wildcards stand for several: `rules[*]` for any element of an array, `labels.*` for any field of an object.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeAlias

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ANY_ELEMENT", "ANY_FIELD", "Path", "has_wildcard", "read", "selector"]


class _Wildcard(Enum):
    ANY_ELEMENT = "[*]"
    ANY_FIELD = ".*"


ANY_ELEMENT = _Wildcard.ANY_ELEMENT
"""The path segment `[*]`: any element of an array."""
ANY_FIELD = _Wildcard.ANY_FIELD
"""The path segment `.*`: any field of an object, but none of an object in it."""

Path: TypeAlias = tuple[str | int | _Wildcard, ...]
"""The location of a value in an event: keys, array indexes and wildcards."""


def has_wildcard(path: Path) -> bool:
    """Return whether a path may lead to several values."""
    return ANY_ELEMENT in path or ANY_FIELD in path


def read(name: str) -> Path:
    """Return the path with this name.

    Raises:
        AuditConfigurationError: The name does not have the form of one.
    """
    if not isinstance(name, str):
        raise _no_name(name)
    path: list[str | int | _Wildcard] = []
    position = 0
    while position < len(name):
        part = _SEGMENT.match(name, position)
        if part is None or ((part["key"] or part["any"]) and bool(path) != bool(part["dot"])):
            break
        if part["key"] is not None:
            path.append(part["key"])
        elif part["quoted"] is not None:
            path.append(part["quoted"])
        elif part["index"] is not None:
            path.append(int(part["index"]))
        else:
            path.append(ANY_FIELD if part["any"] else ANY_ELEMENT)
        position = part.end()
    if not path or position < len(name):
        raise _no_name(name)
    return tuple(path)


def _no_name(name: object) -> AuditConfigurationError:
    return AuditConfigurationError(
        "field", value=name, limit="this is no field name", way_out="Write a.b, a[0].b, a[*].b or a['b.c']"
    )


_SEGMENT = re.compile(
    r"(?P<dot>\.)?(?:(?P<key>[A-Za-z_][\w-]*)|(?P<any>\*))|\[(?:'(?P<quoted>[^'\\]+)'|(?P<index>\d+)|\*)\]",
)


def selector(path: Path) -> str:
    """Format a path as a name that `read` accepts."""
    text = ""
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif isinstance(segment, _Wildcard):
            text += segment.value if text else segment.value.removeprefix(".")
        elif _PLAIN_KEY.fullmatch(segment):
            text += f".{segment}" if text else segment
        else:
            text += f"['{segment}']"
    return text


_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")
