"""What reports share: figures, durations, folders, tables, notes, and the looks of JSON.

Rich is imported where it is needed: figures are also wanted where nothing is printed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.padding import Padding
    from rich.table import Table

    from eks_audit_constructs.templates.template import SavedQuery

__all__ = [
    "as_json",
    "duration",
    "figure",
    "folder",
    "indented",
    "listed",
    "number",
    "print_notes",
    "queries_named",
    "span",
    "table",
]


def figure(value: float, *, digits: int = 4) -> str:
    """A number without needless decimals: `1,234`, `0.5`, `0.3333`."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}"


def number(count: int, singular: str, plural: str | None = None) -> str:
    """A count with its noun: `1 alarm`, `1,234 alarms`."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"


def duration(seconds: float) -> str:
    """`45 s`, `1 min 30 s`, `14 min`, `2 h 5 min`, `3 d 4 h`: two units are enough."""
    if seconds < 60:
        return f"{seconds:g} s"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        some, seconds = divmod(seconds, size)
        if some:
            parts.append(f"{some:g} {unit}")
    return " ".join(parts[:2])


def span(first: datetime | None, last: datetime | None) -> str:
    """From when to when, to follow a count of events; nothing if no event has a time."""
    return f", {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC" if first and last else ""


def listed(names: Sequence[str], *, of: int) -> str:
    """The first of so many names: `a, b, and 3 more`."""
    return ", ".join(names) + (f", and {of - len(names):,} more" if of > len(names) else "")


def folder(names: Iterable[str]) -> str:
    """The folder that all names are in, with its slash; in each row of a table it would only take up room."""
    names = list(names)
    folders = {name.rpartition("/")[0] for name in names}
    return f"{folders.pop()}/" if len(names) > 1 and len(folders) == 1 and "" not in folders else ""


def queries_named(description: str, queries: Iterable[SavedQuery]) -> list[SavedQuery]:
    """The saved queries that an alarm's description names.

    Where one name is the beginning of another, only the longer one is meant.
    """
    found = []
    for query in sorted(queries, key=lambda query: (-len(query.name), query.logical_id)):
        if query.name and query.name in description:
            found.append(query)
            description = description.replace(query.name, "\0")
    return sorted(found, key=lambda query: query.logical_id)


def as_json(document: Any) -> str:
    """A document as JSON that people can read too."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def table(*headers: str, style: str = "bold") -> Table:
    """A table without lines, in the one style that all reports have."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=style, show_header=bool(style))
    for header in headers:
        made.add_column(header, overflow="fold")
    return made


def indented(content: RenderableType) -> Padding:
    """Something below a heading."""
    from rich.padding import Padding

    return Padding(content, (0, 0, 0, 2), expand=False)


def print_notes(notes: Iterable[str], console: Console) -> None:
    """Print what is not well with the logs, below the line that counts their events."""
    from rich.text import Text

    for note in notes:
        console.print(indented(Text(note, style="yellow")))
