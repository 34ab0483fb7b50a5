"""Rewrite JSON documents that hold log events as lines.

- the output of `aws logs filter-log-events`, `get-log-events` and `get-query-results`
- subscription envelopes, as CloudWatch Logs sends them to Firehose
- audit events without line ends between them, over several lines, or in an array

Large documents are read event by event, so they may exceed memory.

https://docs.aws.amazon.com/cli/latest/reference/logs/filter-log-events.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeAlias

from eks_audit_constructs.errors import LogError

__all__ = ["WHOLE", "Readable", "Rewritten", "holds_documents", "log_line", "rewrite"]

WHOLE = 4 * 1024 * 1024
"""Characters up to which a document is parsed at once. Log events are shorter: CloudWatch accepts 1 MiB."""
_CHUNK = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
_LISTS = ("events", "logEvents", "results")
"""The keys of log events in documents."""
_HOLDER = re.compile(
    r'\s*\{\s*"(events|searchedLogStreams|next(Forward|Backward)?Token|queryLanguage|results|statistics|'
    r'messageType|owner|logGroup|logStream|subscriptionFilters|logEvents)"\s*:\s*["\[{n]'
)
_ARRAY = re.compile(r'\s*\[\s*[\[{"]')
_NEXT = re.compile(r'\n|(?<=\})(?=\{")')
"""Where the next event may begin after a broken one."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(kw_only=True, slots=True)
class Rewritten:
    """A summary of the documents."""

    timed: bool = False
    """Whether the log has a time for some event."""
    groups: set[str] = field(default_factory=set)
    """The log groups named in subscription envelopes."""
    controls: int = 0
    """Control messages, which CloudWatch Logs sends to test a destination; they are not log events."""
    broken: int = 0
    """Places where the text is not valid JSON; each counts as one unreadable event."""


_Entry: TypeAlias = tuple[str, int | None]
"""A message and its time in milliseconds since 1970."""


def holds_documents(head: str) -> bool:
    """Return whether a text that begins like this holds JSON documents rather than lines."""
    if _HOLDER.match(head) or _ARRAY.match(head):
        return True
    line = head.lstrip().split("\n", 1)[0].strip()
    if line == "{":
        return True
    try:
        _, end = _DECODER.raw_decode(line)
    except (ValueError, RecursionError):
        return False
    return line.startswith("{") and line[end:].lstrip().startswith("{")


def rewrite(source: Readable, write: Callable[[bytes], object], where: str) -> Rewritten:
    """Write each log event of the documents as a line: its time, if the log has one, and its message.

    Args:
        source: The documents.
        write: Called with each line.
        where: The subject of an error.

    Raises:
        LogError: The documents are query results without messages.
        OSError, EOFError, zlib.error: The source cannot be read to its end; the events before that are written.
    """
    summary = Rewritten()
    for message, at in _entries(_Text(source), summary, where):
        summary.timed |= at is not None
        write(log_line(message, at))
    return summary


def log_line(message: str, at: int | None) -> bytes:
    """Format a log event as one line of an export file, even if the message has several lines.

    Args:
        message: The message.
        at: Its time in milliseconds since 1970.
    """
    text = message.rstrip("\r\n").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    time = _export_time(at)
    return _bytes(f"{time} {text}\n" if time else f"{text}\n")


class _BrokenError(Exception):
    """There is no JSON value at this position."""


class _Text:
    """A text that is read in chunks; JSON values are consumed from its front."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._text, self._at, self._ended = "", 0, False

    def next(self) -> str:
        """Peek at the next character that is not whitespace; empty at the end."""
        while True:
            while (character := self._text[self._at : self._at + 1]) and character in _SPACE:
                self._at += 1
            if character or not self._more():
                return character

    def take(self, wanted: str) -> None:
        if self.next() != wanted:
            raise _BrokenError
        self._at += 1

    def looks_like(self, form: re.Pattern[str]) -> bool:
        return form.match(self._text, self._at) is not None

    def value(self) -> tuple[Any, str]:
        """Consume the next JSON value; return it and its text."""
        self.next()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise _BrokenError from error
            except ValueError as error:
                if len(self._text) - self._at < WHOLE and self._more():
                    continue
                raise _BrokenError from error
            if end == len(self._text) and self._more():
                continue  # a number may continue
            text, self._at = self._text[self._at : end], end
            return value, text

    def until(self, form: re.Pattern[str]) -> str:
        """Consume the text before the next match; without a match, all text read so far."""
        end = form.search(self._text, self._at + 1)
        text = self._text[self._at : end.start() if end else len(self._text)]
        self._at += len(text)
        return text

    def _more(self) -> bool:
        if self._ended:
            return False
        piece = self._source.read(_CHUNK)
        self._ended = not piece
        self._text, self._at = self._text[self._at :] + self._decode(piece, self._ended), 0
        return True


def _entries(text: _Text, summary: Rewritten, where: str) -> Iterator[_Entry]:
    while first := text.next():
        holder = False
        try:
            if first == "[":
                for value, written in _elements(text):
                    yield _entry(value, where) or (written, None)
                continue
            try:
                value, written = text.value()
            except _BrokenError:
                holder = text.looks_like(_HOLDER)
                if not holder:
                    raise
                yield from _streamed(text, summary, where)
                continue
        except _BrokenError:
            summary.broken += 1
            yield text.until(_HOLDER if holder else _NEXT), None
            continue
        held = _held(value)
        if held is None:
            yield written, None
        elif _is_data(value, summary):
            for element in held:
                yield _entry(element, where) or (json.dumps(element, ensure_ascii=False), None)


def _streamed(text: _Text, summary: Rewritten, where: str) -> Iterator[_Entry]:
    """Yield the events of a document that is too long to be parsed at once, or truncated."""
    text.take("{")
    about: dict[str, Any] = {}
    while text.next() != "}":
        if about:
            text.take(",")
        key, _ = text.value()
        text.take(":")
        if key in _LISTS and text.next() == "[" and _is_data(about, summary):
            for value, written in _elements(text):
                yield _entry(value, where) or (written, None)
            about[str(key)] = None
        else:
            about[str(key)], _ = text.value()
    text.take("}")


def _elements(text: _Text) -> Iterator[tuple[Any, str]]:
    text.take("[")
    if text.next() != "]":
        yield text.value()
        while text.next() != "]":
            text.take(",")
            yield text.value()
    text.take("]")


def _held(value: Any) -> list[Any] | None:
    """Return the log events of a document; None if it is not such a document."""
    if not isinstance(value, dict) or value.get("kind") == "Event":
        return None
    for name in _LISTS:
        if isinstance(value.get(name), list):
            return list(value[name])
    return None


def _is_data(about: dict[str, Any], summary: Rewritten) -> bool:
    """Record what a document states about its events, and return whether it has any: a control message has none."""
    if isinstance(group := about.get("logGroup"), str) and group:
        summary.groups.add(group)
    control = about.get("messageType") == "CONTROL_MESSAGE"
    summary.controls += control
    return not control


def _entry(value: Any, where: str) -> _Entry | None:
    """Read a log event in one of the forms that AWS prints; None if it is something else."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, list) and all(isinstance(item, dict) and "field" in item for item in value):
        value = {item["field"]: item.get("value") for item in value}
        if "@message" not in value:
            raise LogError(
                where,
                value=", ".join(map(str, value)),
                limit="these query results have no messages",
                way_out="Query `fields @timestamp, @message`.",
            )
    if not isinstance(value, dict):
        return None
    if isinstance(message := value.get("message"), str):
        at = value.get("timestamp")
        return message, at if isinstance(at, int) and not isinstance(at, bool) else None
    if (message := value.get("@message")) is not None:
        written = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        return written, _insights_time(value.get("@timestamp"))
    return None


def _insights_time(text: Any) -> int | None:
    """Parse a time as Logs Insights writes it, in UTC: 2026-11-23 06:02:05.123."""
    try:
        return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    except (TypeError, ValueError):
        return None


def _export_time(at: int | None) -> str | None:
    try:
        moment = None if at is None else _EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        return None
    return None if moment is None else f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair cannot be encoded
        return text.encode(errors="replace")
