"""Tables as the console saves them: CSV, from Logs Insights (`@timestamp,@message`) and from the list of log events."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

from eks_audit_constructs.audit_logs.shapes.entry import LONGEST, Entry, Found, Readable, Reader, epoch, moment
from eks_audit_constructs.audit_logs.shapes.lines import lines
from eks_audit_constructs.audit_logs.shapes.parts import Parts
from eks_audit_constructs.audit_logs.shapes.wrapped import without_messages

__all__ = ["recogniser"]

_MESSAGES = ("@message", "message")
_TIMES = ("@timestamp", "timestamp")
_STREAMS = ("@logStream", "logStreamName", "logStream")
_GROUPS = ("@log", "logGroupName", "logGroup")
_RECEIVED = ("@ingestionTime", "ingestionTime")
_OTHERS = ("@ptr", *_RECEIVED, "eventId")
_LONGEST_HEADER = 4096
"""Characters."""
_TOO_LONG = "a row of a table that is too long to be read"
_DELIMITERS = ",;\t"


def recogniser(where: str) -> Callable[[str], Reader | None]:
    """Return what recognises the first line of a table; `where` is the subject of an error."""

    def recognise(line: str) -> Reader | None:
        if len(line) > _LONGEST_HEADER:
            return None
        for delimiter in _DELIMITERS:
            columns = next(csv.reader([_without_returns(line)], delimiter=delimiter), [])
            known = sum(column in (*_TIMES, *_STREAMS, *_GROUPS, *_OTHERS) for column in columns)
            if columns == ["@message"] or (known and not set(_MESSAGES).isdisjoint(columns)):
                return _reader(delimiter)
            if known and len(columns) > 1 and all(column.startswith("@") for column in columns[:1]):
                raise without_messages(where, columns)
        return None

    return recognise


def _reader(delimiter: str) -> Reader:
    def read(source: Readable, found: Found) -> Iterator[Entry]:
        csv.field_size_limit(LONGEST)
        texts = (f"{_without_returns(line)}\n" for line in lines(source, found))
        rows = csv.DictReader(texts, delimiter=delimiter)
        count = 0
        while True:
            try:
                row = next(rows, None)
            except csv.Error:  # a field beyond the limit
                found.long += 1
                yield Entry(_TOO_LONG)
                continue
            if row is None:
                break
            message = _first(row, _MESSAGES)
            if message is None or None in row:
                found.unfit += 1
                yield Entry(delimiter.join(str(value) for value in row.values() if value is not None))
                continue
            count += 1
            at, received = (_time(_first(row, names)) for names in (_TIMES, _RECEIVED))
            yield Entry(message, at, _first(row, _GROUPS), _first(row, _STREAMS), received)
        Parts(found).rows(count)

    return read


def _without_returns(line: str) -> str:
    """Return a line with blanks for carriage returns: to the csv module, one ends the row wherever it stands."""
    return line.replace("\r", " ")


def _time(text: str | None) -> int | None:
    return epoch(text) if text is not None and text.isdecimal() else moment(text)


def _first(row: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((row[name] for name in names if row.get(name)), None)
