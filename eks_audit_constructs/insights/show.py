"""The answer to a query, printed for people or as JSON."""

from __future__ import annotations

import json

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from eks_audit_constructs.insights.engine import Cell, Table

__all__ = ["as_json", "print_answer"]


def as_json(table: Table) -> str:
    """The answer as JSON: the counts, and an object for each row, which lacks the fields that are missing."""
    document = {
        "scanned": table.scanned,
        "matched": table.matched,
        "unreadable": table.unreadable,
        **({"untimed": table.untimed} if table.untimed else {}),
        **({"notes": list(table.notes)} if table.notes else {}),
        "rows": [
            {name: cell for name, cell in zip(table.columns, row, strict=True) if cell is not None}
            for row in table.rows
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def print_answer(table: Table, console: Console) -> None:
    """Print the rows as a table, and how many events there were and matched."""
    if table.rows:
        grid = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for index, name in enumerate(table.columns):
            numeric = all(isinstance(row[index], int | float | None) for row in table.rows)
            grid.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
        for row in table.rows:
            grid.add_row(*(Text(_shown(cell)) for cell in row))
        console.print(grid)
        console.print()
    rows = f", {len(table.rows):,} {'row' if len(table.rows) == 1 else 'rows'}"
    console.print(f"{table.matched:,} of {table.scanned:,} events matched{rows}")
    for number, what in (
        (table.unreadable, "are no JSON object: they have only @message, and what parse makes of it"),
        (table.untimed, "have no time: no @timestamp, and no place in a bin()"),
    ):
        if number:
            console.print(f"  {number:,} of them {what}", style="yellow")
    for note in table.notes:
        console.print(f"  {note}", style="yellow", markup=False)


def _shown(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.6g}" if abs(cell) < 1e6 else f"{cell:,.0f}"
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell
