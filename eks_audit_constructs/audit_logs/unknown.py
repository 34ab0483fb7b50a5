"""Files without audit events: which are left out, and what is said about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from eks_audit_constructs.audit_logs.shapes.entry import Found

__all__ = ["Unknown", "beginning"]

_NAMED = 5
"""Files that are named; a folder may have thousands."""
_SHOWN = 60
"""Characters shown of a file."""


class Unknown:
    """The files in which no audit event was found."""

    def __init__(self) -> None:
        self.audit_events = False
        """Whether any file has audit events."""
        self.left_out: list[str] = []
        """Names of files that are not read."""
        self._empty: list[str] = []
        self._others: list[str] = []

    def lines(self, name: str, head: str, lines: Iterable[bytes], *, in_folder: bool) -> bool:
        """Record a file of lines, none of which is an audit event; return whether it is a log all the same.

        Lines of any kind may be log events, which patterns of words match. A single JSON object is not, if it merely
        lies in a folder with logs.

        Args:
            name: The file.
            head: How it begins.
            lines: Its lines.
            in_folder: Whether it was found in a folder, rather than named.
        """
        if not head:
            self._empty.append(name)
            return True
        single = len([*islice((line for line in lines if line.strip()), 2)]) == 1
        return self._other(name, head, stray=in_folder and single and head.startswith(("{", "[")))

    def documents(self, name: str, head: str, found: Found, *, in_folder: bool) -> bool:
        """Record a file of JSON documents, or in another shape, without audit events; return whether it is a log."""
        if found.failures or found.controls:
            return True
        if not found.events and not found.strays:
            self._empty.append(name)
            return True
        return self._other(name, head, stray=in_folder and not (found.held or found.broken or found.unfit))

    def notes(self) -> list[str]:
        """Return what a reader of the results has to know about these files."""
        said = [*self._others[:_NAMED]]
        if len(self._others) > _NAMED:
            said.append(f"no line of {len(self._others) - _NAMED} more file(s) is an audit event")
        if self._empty:
            said.append(f"{_listed(self._empty)}: no log event in it")
        if not self.audit_events:
            said.append("no audit event was read")
        return said

    def _other(self, name: str, head: str, *, stray: bool) -> bool:
        note = f"no line of {name} is an audit event; it begins with {beginning(head)}"
        if stray:
            self.left_out.append(name)
            note += "; it is left out"
        self._others.append(note)
        return not stray


def beginning(head: str) -> str:
    """Return how a text begins, escaped and short."""
    line = head.lstrip().split("\n", 1)[0].rstrip()
    return repr(line) if len(line) <= _SHOWN else f"{line[:_SHOWN]!r}…"


def _listed(names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED])
    return named if len(names) <= _NAMED else f"{named} and {len(names) - _NAMED} more file(s)"
