"""JSON documents that hold log events, rewritten as lines.

- what `aws logs filter-log-events`, `get-log-events` and `get-query-results` print
- subscription envelopes, as CloudWatch Logs sends them to Firehose
- audit events one after the other without line ends, over several lines, or in an array

A document may be larger than memory: those that are, are read event by event.

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
"""Characters up to which a document is parsed at once. No log event is as long: CloudWatch takes 1 MiB."""
_CHUNK = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"
_LISTS = ("events", "logEvents", "results")
"""The keys under which documents hold their log events."""
_HOLDER = re.compile(
    r'\s*\{\s*"(events|searchedLogStreams|next(Forward|Backward)?Token|queryLanguage|results|statistics|'
    r'messageType|owner|logGroup|logStream|subscriptionFilters|logEvents)"\s*:\s*["\[{n]'
)
_ARRAY = re.compile(r'\s*\[\s*[\[{"]')
_NEXT = re.compile(r'\n|(?<=\})(?=\{")')
"""Where the next event may begin after one that is broken."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(kw_only=True, slots=True)
class Rewritten:
    """What the documents held."""

    timed: bool = False
    """Some event has a time that the log gives it."""
    groups: set[str] = field(default_factory=set)
    """The log groups that subscription envelopes name."""
    controls: int = 0
    """Control messages, by which CloudWatch Logs tests a destination; they are no log events."""
    broken: int = 0
    """Places at which the text is no JSON; what stands there is one event that nobody can read."""


_Entry: TypeAlias = tuple[str, int | None]
"""A message and its time in milliseconds since 1970."""


def holds_documents(head: str) -> bool:
    """Whether a text that begins so is no log of lines, but JSON documents that hold one."""
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
    """Write each event of the documents as a line: its time if the log gives it one, and its message.

    Args:
        source: The documents.
        write: Takes the lines.
        where: What an error names.

    Raises:
        LogError: These are results of a query that left the messages out.
        OSError, EOFError, zlib.error: The source cannot be read to its end; what came before is written.
    """
    told = Rewritten()
    for message, at in _entries(_Text(source), told, where):
        told.timed |= at is not None
        write(log_line(message, at))
    return told


def log_line(message: str, at: int | None) -> bytes:
    """A log event as a line of an export file; it is one line also if the message is several.

    Args:
        message: The message.
        at: Its time in milliseconds since 1970.
    """
    text = message.rstrip("\r\n").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    time = _export_time(at)
    return _bytes(f"{time} {text}\n" if time else f"{text}\n")


class _BrokenError(Exception):
    """Here is no JSON value."""


class _Text:
    """A text read piece by piece; JSON values are taken from its front."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        self._text, self._at, self._ended = "", 0, False

    def next(self) -> str:
        """The next character that is no space, which stays; none at the end."""
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
        """The next JSON value, and its text."""
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
                continue  # a number may go on
            text, self._at = self._text[self._at : end], end
            return value, text

    def until(self, form: re.Pattern[str]) -> str:
        """What stands before the next match; all that is read if there is none."""
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


def _entries(text: _Text, told: Rewritten, where: str) -> Iterator[_Entry]:
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
                yield from _streamed(text, told, where)
                continue
        except _BrokenError:
            told.broken += 1
            yield text.until(_HOLDER if holder else _NEXT), None
            continue
        held = _held(value)
        if held is None:
            yield written, None
        elif _is_data(value, told):
            for element in held:
                yield _entry(element, where) or (json.dumps(element, ensure_ascii=False), None)


def _streamed(text: _Text, told: Rewritten, where: str) -> Iterator[_Entry]:
    """The events of a document that is too long to be parsed at once, or cut."""
    text.take("{")
    about: dict[str, Any] = {}
    while text.next() != "}":
        if about:
            text.take(",")
        key, _ = text.value()
        text.take(":")
        if key in _LISTS and text.next() == "[" and _is_data(about, told):
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
    """The log events that a document holds; None if it is no such document."""
    if not isinstance(value, dict) or value.get("kind") == "Event":
        return None
    for name in _LISTS:
        if isinstance(value.get(name), list):
            return list(value[name])
    return None


def _is_data(about: dict[str, Any], told: Rewritten) -> bool:
    """Note what a document says about its events; a control message has none."""
    if isinstance(group := about.get("logGroup"), str) and group:
        told.groups.add(group)
    control = about.get("messageType") == "CONTROL_MESSAGE"
    told.controls += control
    return not control


def _entry(value: Any, where: str) -> _Entry | None:
    """A log event in one of the forms AWS prints it; None if it is something else."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, list) and all(isinstance(item, dict) and "field" in item for item in value):
        value = {item["field"]: item.get("value") for item in value}
        if "@message" not in value:
            raise LogError(
                where,
                value=", ".join(map(str, value)),
                limit="these results of a query have no messages",
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
    """Logs Insights writes times in UTC, as 2026-11-23 06:02:05.123."""
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
    except UnicodeEncodeError:  # half a surrogate pair is no text
        return text.encode(errors="replace")
