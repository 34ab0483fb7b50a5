"""Print the answer to a query or the list of saved queries, or format them as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from eks_audit_constructs import reports
from eks_audit_constructs.insights.engine import Cell, Table
from eks_audit_constructs.insights.saved import Offer

__all__ = ["as_json", "offers_as_json", "print_answer", "print_offers"]

_NARROW = 24
"""Maximum characters that a column needs to be readable; longer cells are folded."""


def as_json(table: Table) -> str:
    """Format the answer as JSON: the counts, and an object for each row, without missing fields."""
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
    return reports.as_json(document)


def print_answer(table: Table, console: Console) -> None:
    """Print the rows, as a table or, if that is too wide, field by field, and how many events matched."""
    if table.rows:
        shown = [[_shown(cell) for cell in row] for row in table.rows]
        widths = [max(map(len, column)) for column in zip(table.columns, *shown, strict=True)]
        if sum(min(width, _NARROW) + 2 for width in widths) <= console.width:
            _print_grid(table, shown, console)
        else:
            _print_records(table, shown, console)
        console.print()
    rows = reports.number(len(table.rows), "row")
    console.print(f"{table.matched:,} of {reports.number(table.scanned, 'event')} matched, {rows}")
    reports.print_notes(_notes(table), console)


def _notes(table: Table) -> Iterator[str]:
    if table.unreadable:
        lines = reports.number(table.unreadable, "line is not a JSON object", "lines are not JSON objects")
        yield f"{lines}: only @message, and what parse extracts from it, can be queried"
    if table.untimed:
        events = reports.number(table.untimed, "event has", "events have")
        yield f"{events} no usable time: @timestamp and bin() are missing"
    yield from table.notes


def _print_grid(table: Table, shown: list[list[str]], console: Console) -> None:
    grid = reports.table()
    for index, name in enumerate(table.columns):
        numeric = all(isinstance(row[index], int | float | None) for row in table.rows)
        grid.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in shown:
        grid.add_row(*map(Text, row))
    console.print(grid)


def _print_records(table: Table, shown: list[list[str]], console: Console) -> None:
    for number, row in enumerate(shown, 1):
        console.rule(Text(str(number), style="dim"), align="left", style="dim")
        grid = reports.table(style="")
        grid.add_column(no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for name, cell in zip(table.columns, row, strict=True):
            if cell:
                grid.add_row(Text(name), Text(cell))
        console.print(grid)


def _shown(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    return "" if cell is None else reports.figure(cell, digits=6)


def offers_as_json(offers: Iterable[Offer]) -> str:
    """Format the saved queries as a JSON list."""
    return reports.as_json([asdict(offer) for offer in offers])


def print_offers(offers: Iterable[Offer], console: Console) -> None:
    """Print each saved query's id, its title and the question it answers, as a table if it fits."""
    grid = reports.table("Query", "Title", "What it answers")
    listed = list(offers)
    for offer in listed:
        grid.add_row(Text(offer.id), Text(offer.title), Text(offer.answers or ""))
    if console.measure(grid, options=console.options.update(max_width=sys.maxsize)).maximum <= console.width:
        console.print(grid)
        return
    for offer in listed:
        console.print(Text.assemble((offer.id, "bold"), f"  {offer.title}"))
        if offer.answers:
            console.print(reports.indented(Text(offer.answers)))
