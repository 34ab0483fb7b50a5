"""Where a value is in an audit event: `objectRef.resource`, `sourceIPs[0]`, `annotations['a.b/c']`."""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeAlias

__all__ = ["ANY_ELEMENT", "Path", "read", "selector"]


class _AnyElement(Enum):
    ANY_ELEMENT = "[*]"


ANY_ELEMENT = _AnyElement.ANY_ELEMENT
"""The path segment `[*]`: any element of an array."""

Path: TypeAlias = tuple[str | int | _AnyElement, ...]
"""The location of a value in an event: keys, array indexes and `ANY_ELEMENT`."""


def read(name: str) -> Path:
    """Return the path with this name.

    Raises:
        ValueError: The name does not have the form of one.
    """
    path: list[str | int | _AnyElement] = []
    position = 0
    while position < len(name):
        part = _SEGMENT.match(name, position)
        if part is None or (part["key"] is not None and bool(path) != bool(part["dot"])):
            break
        if part["key"] is not None:
            path.append(part["key"])
        elif part["quoted"] is not None:
            path.append(part["quoted"])
        elif part["index"] is not None:
            path.append(int(part["index"]))
        else:
            path.append(ANY_ELEMENT)
        position = part.end()
    if not path or position < len(name):
        raise ValueError(f"{name!r} is no field name: expected a.b, a[0].b, a[*].b or a['b.c']")
    return tuple(path)


_SEGMENT = re.compile(
    r"(?P<dot>\.)?(?P<key>[A-Za-z_][\w-]*)|\[(?:'(?P<quoted>[^'\\]+)'|(?P<index>\d+)|\*)\]",
)


def selector(path: Path) -> str:
    """Format a path as a name that `read` accepts."""
    text = ""
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif segment is ANY_ELEMENT:
            text += "[*]"
        elif _PLAIN_KEY.fullmatch(segment):
            text += f".{segment}" if text else segment
        else:
            text += f"['{segment}']"
    return text


_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]*")
