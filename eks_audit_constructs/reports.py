"""What reports share: numbers, durations, folders, tables, notes, and JSON settings.

Functions that need Rich import it themselves, because other modules only format numbers.
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

    from eks_audit_constructs.templates.items import SavedQuery

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
    """Format a number without unneeded decimals: `1,234`, `0.5`, `0.3333`."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) or abs(value) >= 10**digits:
        return f"{value:,.0f}"
    return f"{value:,.{digits}g}"


def number(count: int, singular: str, plural: str | None = None) -> str:
    """Format a count with its noun: `1 alarm`, `1,234 alarms`."""
    return f"{count:,} {singular if count == 1 else plural or f'{singular}s'}"


def duration(seconds: float) -> str:
    """Format a duration in at most two units: `45 s`, `1 min 30 s`, `14 min`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:g} s"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        some, seconds = divmod(seconds, size)
        if some:
            parts.append(f"{some:g} {unit}")
    return " ".join(parts[:2])


def span(first: datetime | None, last: datetime | None) -> str:
    """Format a period, to follow a count of events; empty if no event has a time."""
    return f", {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC" if first and last else ""


def listed(names: Sequence[str], *, of: int) -> str:
    """Join the first names of a longer list: `a, b, and 3 more`."""
    return ", ".join(names) + (f", and {of - len(names):,} more" if of > len(names) else "")


def folder(names: Iterable[str]) -> str:
    """Return the folder that all names share, with its slash, so that a table need not repeat it in each row."""
    names = list(names)
    folders = {name.rpartition("/")[0] for name in names}
    return f"{folders.pop()}/" if len(names) > 1 and len(folders) == 1 and "" not in folders else ""


def queries_named(description: str, queries: Iterable[SavedQuery]) -> list[SavedQuery]:
    """Return the saved queries that an alarm's description names.

    If one name begins with another, only the longer one is meant.
    """
    found = []
    for query in sorted(queries, key=lambda query: (-len(query.name), query.logical_id)):
        if query.name and query.name in description:
            found.append(query)
            description = description.replace(query.name, "\0")
    return sorted(found, key=lambda query: query.logical_id)


def as_json(document: Any) -> str:
    """Format a document as indented JSON."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def table(*headers: str, style: str = "bold") -> Table:
    """Make an empty table in the style that all reports use."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=style, show_header=bool(style))
    for header in headers:
        made.add_column(header, overflow="fold")
    return made


def indented(content: RenderableType) -> Padding:
    """Indent content below a heading."""
    from rich.padding import Padding

    return Padding(content, (0, 0, 0, 2), expand=False)


def print_notes(notes: Iterable[str], console: Console) -> None:
    """Print notes about the logs, below the line that counts their events."""
    from rich.text import Text

    for note in notes:
        console.print(indented(Text(note, style="yellow")))
