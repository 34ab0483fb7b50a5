"""The output of `aws logs … --output text`: the kind of each line, and values in the order of their keys.

EVENTS  eventId  ingestionTime  logStreamName  message  timestamp      filter-log-events
EVENTS  ingestionTime  message  timestamp                              get-log-events
RESULTS  @message  {…}                                                 get-query-results, a line for each field
NEXTTOKEN  eyJuZXh0…
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from eks_audit_constructs.audit_logs.shapes.entry import Entry, Found, Readable, Reader
from eks_audit_constructs.audit_logs.shapes.lines import lines
from eks_audit_constructs.audit_logs.shapes.parts import MORE_PAGES, Parts
from eks_audit_constructs.audit_logs.shapes.wrapped import row

__all__ = ["recogniser"]

_EVENT = re.compile(
    r"EVENTS\t(?:\d{30,}\t)?(?P<ingestion>\d{10,16})\t(?:(?P<stream>[^\t{]+)\t)?(?P<message>.*)\t(?P<time>\d{10,16})",
    re.DOTALL,
)
_LARGEST = 1024 * 1024
"""Characters of a log event: CloudWatch accepts no more."""
_EVENTS, _RESULTS, _TOKEN = "EVENTS\t", "RESULTS\t", "NEXTTOKEN\t"
_IGNORED = ("SEARCHEDLOGSTREAMS\t", "STATISTICS\t", "CWLI\t", "b/", "f/")


def recogniser(where: str) -> Callable[[str], Reader | None]:
    """Return what recognises such lines; `where` is the subject of an error."""

    def read(source: Readable, found: Found) -> Iterator[Entry]:
        return _read(source, found, where)

    return lambda line: read if line.startswith((_EVENTS, _RESULTS)) else None


def _read(source: Readable, found: Found, where: str) -> Iterator[Entry]:
    begun = ""  # an event whose message has several lines
    fields: dict[str, str] = {}  # of a query result
    rows = 0
    for line in lines(source, found):
        if begun and not line.startswith(_EVENTS):
            line = f"{begun}\n{line}"
        elif begun:
            found.unfit += 1
            yield Entry(begun)
        begun = ""
        if line.startswith(_EVENTS):
            event = _EVENT.fullmatch(line) if line.rpartition("\t")[2].isdecimal() else None
            if event is not None:
                yield Entry(event["message"], int(event["time"]), None, event["stream"], int(event["ingestion"]))
            elif len(line) < _LARGEST:
                begun = line
            else:
                found.unfit += 1
                yield Entry(line)
        elif line.startswith(_RESULTS):
            _, name, value = (*line.split("\t", 2), "")[:3]
            if name in fields:
                rows += 1
                yield from _row(fields, where)
                fields = {}
            fields[name] = value
        elif line.startswith(_TOKEN):
            found.part = MORE_PAGES
        elif not line.startswith(_IGNORED):
            found.unfit += 1
            yield Entry(line)
    if begun:
        found.unfit += 1
        yield Entry(begun)
    if fields:
        rows += 1
        yield from _row(fields, where)
    Parts(found).rows(rows)


def _row(fields: dict[str, str], where: str) -> Iterator[Entry]:
    entry = row([{"field": name, "value": value} for name, value in fields.items()], where)
    if entry is not None:
        yield entry
