"""Files of container runtimes: `2026-11-23T09:00:00.123456789Z stdout F {…}`.

A message of over 16 KiB is split: P marks a piece that the next one continues, F the last.
https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from eks_audit_constructs.audit_logs.shapes.entry import Entry, Found, Readable, Reader, is_audit_line, joined, moment
from eks_audit_constructs.audit_logs.shapes.lines import line_by_line

__all__ = ["recognise"]

_LINE = re.compile(r"(\S+) (stdout|stderr) ([FP])(?::\S+)? (.*)", re.DOTALL)


def recognise(line: str) -> Reader | None:
    """Return the reader for files with such a line; None if it is in another form."""
    return _read if _parsed(line) else None


def _read(source: Readable, found: Found) -> Iterator[Entry]:
    for entry in joined(line_by_line(_parsed)(source, found)):
        yield entry._replace(at=None) if is_audit_line(entry.message) else entry


def _parsed(line: str) -> Entry | None:
    found = _LINE.fullmatch(line)
    if found is None or (at := moment(found[1])) is None:
        return None
    return Entry(found[4], at, partial=found[3] == "P", source=found[2])
