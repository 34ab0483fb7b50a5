"""Lines of text, each with a log event in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from eks_audit_constructs.audit_logs.shapes.entry import LONGEST, Entry, Found, Readable, Reader

__all__ = ["line_by_line", "lines", "plain"]

_CHUNK = 1024 * 1024
_KEPT = 1024
"""Bytes kept of a line that is too long to be read."""


def lines(source: Readable, found: Found) -> Iterator[str]:
    """Yield the lines that are not blank, without their ends. Of one that is too long, only the beginning is kept."""
    rest, too_long = b"", False
    while piece := source.read(_CHUNK):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if too_long or len(line) > LONGEST:
                line, too_long = line[:_KEPT], False
                found.long += 1
            yield from _text(line)
        if len(rest) > LONGEST or too_long:
            rest, too_long = rest[:_KEPT], True
    found.long += too_long
    yield from _text(rest)


def line_by_line(parse: Callable[[str], Entry | None]) -> Reader:
    """Return the reader of a shape that has one event in each line.

    Args:
        parse: Reads a line; None if it is in another form: then it is an event as it is.
    """

    def read(source: Readable, found: Found) -> Iterator[Entry]:
        for line in lines(source, found):
            entry = parse(line)
            found.unfit += entry is None
            yield entry or Entry(line)

    return read


plain = line_by_line(Entry)
"""Reads lines that are events as they are."""


def _text(line: bytes) -> Iterator[str]:
    text = line.removesuffix(b"\r").decode(errors="surrogateescape").removeprefix("\ufeff")
    if text.strip():
        yield text
