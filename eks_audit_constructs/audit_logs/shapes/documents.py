"""JSON documents that hold log events.

- the output of `aws logs filter-log-events`, `get-log-events` and `get-query-results`
- subscription envelopes, as CloudWatch Logs sends them to Firehose, and records that Firehose failed to deliver
- lists of audit events, as an audit webhook receives them
- audit events without line ends between them, over several lines, or in an array
- the wrappers of log shippers, one a line, in an array, or in the answer of an API

Large documents are read event by event, so they may exceed memory.

https://docs.aws.amazon.com/cli/latest/reference/logs/filter-log-events.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from eks_audit_constructs.audit_logs.json_line import integer
from eks_audit_constructs.audit_logs.shapes.entry import (
    CONTROL,
    Entry,
    Found,
    Readable,
    Reader,
    compact,
    is_audit_event,
    joined,
)
from eks_audit_constructs.audit_logs.shapes.json_text import BrokenError, JsonText
from eks_audit_constructs.audit_logs.shapes.parts import Parts
from eks_audit_constructs.audit_logs.shapes.wrapped import Places, dumped, inflated, log_event, of_account, row, wrapped

__all__ = ["holds_documents", "read", "recogniser"]

_LISTS = ("events", "logEvents", "results")
"""The keys of log events in documents."""
_ITEMS = "items"
_DECODER = json.JSONDecoder(parse_int=integer)
_HOLDER = re.compile(
    r'\s*\{\s*"(events|searchedLogStreams|next(Forward|Backward)?Token|NextToken|queryLanguage|results|statistics|status|'
    r"messageType|owner|logGroup|logStream|subscriptionFilters|logEvents|"
    r'data|hits|took|timed_out|_scroll_id|resourceLogs|Records|awslogs)"\s*:\s*["\[{ntf\d]'
)
_LIST = re.compile(r'\s*\{\s*("apiVersion"\s*:\s*"[^"]*"\s*,\s*)?("kind"\s*:\s*"\w*List"|"items"\s*:\s*\[)')
_ARRAY = re.compile(r'\s*\[\s*[\[{"]')
_NEXT = re.compile(r'\n|(?<=\})(?=\{")')
"""Where the next event may begin after a broken one."""
_CONTROL = re.compile(re.escape(CONTROL))
_CONTROL_END = re.compile(r"\n|(?=\{)")


def holds_documents(head: str) -> bool:
    """Return whether a text that begins like this holds JSON documents rather than lines."""
    head = head.lstrip()
    if _HOLDER.match(head) or _LIST.match(head) or _ARRAY.match(head):
        return True
    line = head.split("\n", 1)[0].strip()
    if line == "{":
        return True
    try:
        value, end = _DECODER.raw_decode(line)
    except (ValueError, RecursionError):
        return False
    if line[end:].lstrip().startswith(("{", CONTROL)):
        return line.startswith("{")
    return not line[end:] and isinstance(value, dict) and _is_holder(value)


def recogniser(where: str) -> Callable[[str], Reader | None]:
    """Return what recognises a line that is a wrapper; `where` is the subject of an error."""

    def recognise(line: str) -> Reader | None:
        try:
            value = json.loads(line, parse_int=integer)
        except (ValueError, RecursionError):
            return None
        places: Places = set()
        return partial(read, where=where, places=places) if wrapped(value, places) else None

    return recognise


def read(source: Readable, found: Found, where: str, places: Places | None = None) -> Iterator[Entry]:
    """Yield the log events of documents.

    Args:
        source: The documents.
        found: What else is found in them.
        where: The subject of an error.
        places: Where messages are in wrappers, as far as that is known.

    Raises:
        LogError: The documents are query results without messages.
        OSError, EOFError, zlib.error: The source cannot be read to its end; the events before that were yielded.
    """
    return joined(_Documents(source, found, where, set() if places is None else places).entries())


class _Documents:
    def __init__(self, source: Readable, found: Found, where: str, places: Places) -> None:
        self._text = JsonText(source)
        self._found, self._where, self._places = found, where, places
        self._parts = Parts(found)

    def entries(self) -> Iterator[Entry]:
        while first := self._text.next():
            streamed = False
            try:
                if first == "[":
                    yield from self._array()
                elif self._text.looks_like(_CONTROL):
                    yield Entry(self._text.until(_CONTROL_END))
                elif self._text.looks_like(_LIST):
                    yield from self._streamed()
                else:
                    try:
                        value, written = self._text.value()
                    except BrokenError:
                        streamed = self._text.looks_like(_HOLDER)
                        if not streamed:
                            raise
                        yield from self._streamed()
                    else:
                        yield from self._object(value, written)
            except (BrokenError, RecursionError):
                self._found.broken += 1
                yield Entry(self._text.until(_HOLDER if streamed else _NEXT))

    def _array(self) -> Iterator[Entry]:
        count = 0
        for value, written in self._text.elements():
            count += isinstance(value, dict) and "@message" in value
            yield from self._element(value, partial(compact, written))
        self._parts.rows(count)

    def _object(self, value: Any, written: str) -> Iterator[Entry]:
        """Yield the events of a whole document."""
        if not isinstance(value, dict) or is_audit_event(value):
            yield from self._element(value, partial(_in_one_line, written))
        elif "rawData" in value and ("errorCode" in value or "ErrorCode" in value):
            yield from self._failed(value)
        elif (name := next((name for name in _LISTS if isinstance(value.get(name), list)), None)) is not None:
            if not self._is_data(value):
                return
            for element in value[name]:
                yield self._held(element, value)
            self._parts.document(value, len(value[name]))
        else:
            yield from self._element(value, partial(_in_one_line, written))

    def _streamed(self) -> Iterator[Entry]:
        """Yield the events of a document that is too long to be parsed at once, or truncated."""
        text = self._text
        about: dict[str, Any] = {}
        count = 0
        text.take("{")
        while text.next() != "}":
            if about:
                text.take(",")
            key, _ = text.value()
            text.take(":")
            about[str(key)] = None
            if text.next() == "[" and (key == _ITEMS or (key in _LISTS and self._is_data(about))):
                for value, written in text.elements():
                    count += 1
                    if key == _ITEMS:
                        yield from self._item(value, written)
                    else:
                        yield self._held(value, about)
            else:
                yield from self._descended(about, str(key))
        text.take("}")
        self._parts.document(about, count)

    def _descended(self, about: dict[str, Any], key: str) -> Iterator[Entry]:
        """Consume a value; if it is too long, yield the events in it."""
        text = self._text
        try:
            about[key], _ = text.value()
        except BrokenError:
            first = text.next()
            if first == "[":
                text.take("[")
                while text.next() != "]":
                    element: dict[str, Any] = {}
                    yield from self._descended(element, key)
                    if element:
                        yield from self._element(element[key], partial(dumped, element[key]))
                    if text.next() != "]":
                        text.take(",")
                text.take("]")
            elif first == "{":
                yield from self._streamed()
            else:
                raise

    def _item(self, value: Any, written: str) -> Iterator[Entry]:
        """Yield an item of a Kubernetes list, unless it is something else than an audit event.

        The list says what its items are; in a log, each event says it itself.
        """
        if is_audit_event(value):
            self._found.held += 1
            typed = "" if "kind" in value else '"kind":"Event","apiVersion":"audit.k8s.io/v1",'
            yield Entry("{" + typed + compact(written)[1:])
        else:
            self._found.strays += 1

    def _held(self, value: Any, about: dict[str, Any]) -> Entry:
        """Return an element of a list of log events; `about` says where they come from."""
        entry = log_event(value, self._where)
        if entry is None:
            return Entry(dumped(value))
        self._found.held += 1
        group, stream = about.get("logGroup"), about.get("logStream")
        group = of_account(entry.group or _text(group), about.get("owner"))
        return entry._replace(group=group, stream=entry.stream or _text(stream))

    def _element(self, value: Any, text: Callable[[], str]) -> Iterator[Entry]:
        """Yield the events in a value that nothing is known about; `text` writes it, if it is an event itself."""
        if is_audit_event(value):
            yield Entry(text())
        elif (entry := row(value, self._where)) is not None:
            self._found.held += not isinstance(value, str)
            yield entry
        elif entries := wrapped(value, self._places):
            self._found.held += len(entries)
            yield from entries
        else:
            self._found.strays += 1
            yield Entry(text())

    def _failed(self, value: dict[str, Any]) -> Iterator[Entry]:
        """Yield the events of a record that Firehose failed to deliver."""
        self._found.failures.add(str(value.get("errorCode") or value.get("ErrorCode")))
        content = inflated(str(value["rawData"]))
        if content is None:
            self._found.undecoded += 1
            return
        self._found.decoded += 1
        yield from _Documents(io.BytesIO(content), self._found, self._where, self._places).entries()

    def _is_data(self, about: dict[str, Any]) -> bool:
        """Return whether a document has log events: a control message has none."""
        control = about.get("messageType") == "CONTROL_MESSAGE"
        self._found.controls += control
        return not control


def _is_holder(value: dict[str, Any]) -> bool:
    if is_audit_event(value):
        return False
    return any(isinstance(value.get(name), list) for name in _LISTS) or "rawData" in value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _in_one_line(written: str) -> str:
    """Return the text of an object; what stands in one line is as the log has it."""
    return compact(written) if "\n" in written else written
