"""The shapes that log events come in, told from how a file begins.

Each module reads one kind of shape: it recognises a line, and yields the events of the file. A line that is an audit
event, or has only a time before it, needs none of them: DuckDB reads such files as they are.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import partial
from typing import TypeAlias

from eks_audit_constructs.audit_logs.shapes import aws_text, cri, documents, lines, prefixed, tables
from eks_audit_constructs.audit_logs.shapes.entry import CONTROL, Reader, is_audit_line

__all__ = ["Recognised", "Shape", "recognised"]

_SAMPLE = 50
"""Lines from which the shape is told, if the first is not enough."""
_EXPORT_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ")
_CONTROLS = re.compile(rf"({re.escape(CONTROL)}[^\n{{]*\s*)*")


class Shape(Enum):
    """The format of a log that is read as it is."""

    LINES = "lines"
    EXPORT = "export"


Recognised: TypeAlias = tuple[Shape | Reader, bool]
"""The shape of a file, or what rewrites it as lines; and whether its beginning has an audit event or a known form."""


def recognised(head: str, where: str) -> Recognised:
    """Tell the shape of a file.

    Args:
        head: How it begins.
        where: The subject of an error.

    Raises:
        LogError: It is a table without messages.
    """
    controls = _CONTROLS.match(head)
    begin = head[controls.end() :] if controls else head
    if documents.holds_documents(begin):
        return partial(documents.read, where=where), True
    recognisers = (
        cri.recognise,
        tables.recogniser(where),
        aws_text.recogniser(where),
        documents.recogniser(where),
        prefixed.recognise,
    )
    sample = [line.rstrip("\r") for line in begin.split("\n") if line.strip()][:_SAMPLE]
    as_they_are = Shape.LINES if begin == head else lines.plain
    for line in sample:
        if is_audit_line(line):
            return as_they_are, True
        if (time := _EXPORT_LINE.match(line)) and is_audit_line(line[time.end() :]):
            return Shape.EXPORT, True
        for recognise in recognisers:
            if reader := recognise(line):
                return reader, True
    return (Shape.EXPORT if sample and _EXPORT_LINE.match(sample[0]) else as_they_are), False
