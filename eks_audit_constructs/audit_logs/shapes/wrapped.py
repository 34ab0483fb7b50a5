"""Log events in JSON objects: as AWS prints them, and in the wrappers of log shippers.

A wrapper is recognised by what it holds: somewhere in it is a text that is an audit event. So it does not matter who
wrapped it (Fluent Bit, Vector, Docker, Loki, Filebeat, Splunk, an OpenTelemetry collector), or how often. Where it was
found, later messages that are no audit events are found too.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Iterator
from typing import Any, TypeAlias

from eks_audit_constructs.audit_logs.json_line import integer
from eks_audit_constructs.audit_logs.shapes.entry import Entry, epoch, is_audit_event, is_audit_line, moment
from eks_audit_constructs.errors import LogError

__all__ = ["Places", "aws_time", "dumped", "inflated", "log_event", "of_account", "row", "without_messages", "wrapped"]

Places: TypeAlias = set[tuple[str, ...]]
"""The keys on the way to messages."""

_CLOUDWATCH = {
    "eventId", "id", "ingestionTime", "message", "timestamp",
    "logGroup", "logGroupName", "logStream", "logStreamName", "extractedFields",
}  # fmt: skip
"""The keys of a log event, as the API returns it."""
_GROUPS = ("logGroupName", "logGroup", "log_group", "@log")
_STREAMS = ("logStreamName", "logStream", "log_stream", "@logStream")
_TIMES = ("timestamp", "@timestamp", "time", "_time", "ts", "date", "timeUnixNano", "__REALTIME_TIMESTAMP")
_SIGNATURES = (
    ({"log", "stream", "time"}, "log"),  # Docker, Fluent Bit
    ({"labels", "line", "timestamp"}, "line"),  # Loki's logcli
    ({"message", "source_type", "timestamp"}, "message"),  # Vector
)
"""Wrappers that are recognised whatever the message is."""
_DOCKER = {"log", "stream", "time", "attrs"}
_DEEPEST = 12
_ACCOUNT = re.compile(r"\d{12}")
_GZIP_IN_BASE64 = "H4sI"
_INFLATED = 32 * 1024 * 1024
"""Bytes of a decompressed record; Firehose takes records of up to 1 MB."""
_NANOSECONDS = 18
"""Fewest digits of a time in nanoseconds, as Loki writes it."""


def log_event(value: Any, where: str) -> Entry | None:
    """Read an element of a list of log events, in one of the forms that AWS prints; None if it is something else.

    Raises:
        LogError: It is a query result without a message.
    """
    if isinstance(value, dict) and isinstance(message := value.get("message"), str):
        return Entry(message, aws_time(value.get("timestamp")), *_origin(value), aws_time(value.get("ingestionTime")))
    return row(value, where)


def row(value: Any, where: str) -> Entry | None:
    """Read a message, or a result of a query; None if it is something else.

    Raises:
        LogError: It is a query result without a message.
    """
    if isinstance(value, str):
        return Entry(value)
    if isinstance(value, list) and value and all(isinstance(item, dict) and "field" in item for item in value):
        value = {str(item["field"]): item.get("value") for item in value}
        if "@message" not in value:
            raise without_messages(where, value)
    return _result(value) if isinstance(value, dict) else None


def _result(value: dict[str, Any]) -> Entry | None:
    """Read a result of a query; None if it is something else."""
    message = value.get("@message")
    if message is None:
        return None
    written = message if isinstance(message, str) else dumped(message)
    return Entry(written, aws_time(value.get("@timestamp")), *_origin(value), aws_time(value.get("@ingestionTime")))


def without_messages(where: str, columns: Any) -> LogError:
    """Return the error for query results that lack the messages."""
    return LogError(
        where,
        value=", ".join(map(str, columns)),
        limit="these query results have no messages",
        way_out="Query `fields @timestamp, @message`.",
    )


def wrapped(value: Any, places: Places) -> list[Entry]:
    """Return the log events in a wrapper; none if it is not one.

    Args:
        value: The JSON value.
        places: Where earlier messages were found; where these are is added.
    """
    if isinstance(value, dict):
        if value.keys() <= _CLOUDWATCH and isinstance(value.get("message"), str) and "timestamp" in value:
            received = aws_time(value.get("ingestionTime"))
            return [Entry(value["message"], aws_time(value["timestamp"]), *_origin(value), received)]
        if (entry := _result(value)) is not None:
            return [entry]
        for keys, name in _SIGNATURES:
            if value.keys() >= keys and isinstance(message := value[name], str):
                return [_shipped(message, value)]
    elif not isinstance(value, list):
        return []
    found = []
    for place, entry in _within(value, (), {}):
        places.add(place)
        found.append(entry)
    if not found and isinstance(value, dict):
        found = [_shipped(message, value) for place in places if isinstance(message := _at(value, place), str)]
    return found


def inflated(text: str) -> bytes | None:
    """Decode a record as Kinesis and Firehose pass it on: base64 of what may be gzip; None if it is damaged."""
    try:
        content = base64.b64decode(text, validate=True)
        if not content.startswith(b"\x1f\x8b"):
            return content
        decoder = zlib.decompressobj(wbits=31)
        content = decoder.decompress(content, _INFLATED)
    except (binascii.Error, ValueError, zlib.error):
        return None
    return content if decoder.eof and content else None


def aws_time(value: Any) -> int | None:
    """Read a time as AWS writes it: in milliseconds, or 2026-11-23 06:02:05.123, in UTC."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    return moment(value)


def dumped(value: Any) -> str:
    """Write a JSON value as API servers do."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _shipped(message: str, wrapper: dict[str, Any]) -> Entry:
    """Return a message that a shipper wrapped.

    The time of an audit event is its own: a shipper may write when it read the event, which may be days later.
    """
    docker = {"log", "stream", "time"} <= wrapper.keys() <= _DOCKER and not message.endswith("\n")
    partial = docker or wrapper.get("logtag") == "P" or wrapper.get("_p") == "P"
    source = str(wrapper.get("stream", "")) if isinstance(wrapper.get("stream"), str) else ""
    at = None if is_audit_line(message) else _time(wrapper)
    return Entry(message, at, *_origin(wrapper), partial=partial, source=source)


def _within(
    value: Any, place: tuple[str, ...], around: dict[str, Any], depth: int = 0
) -> Iterator[tuple[tuple[str, ...], Entry]]:
    """Yield each audit event in a value, at any depth, and where it is."""
    if isinstance(value, str):
        if value.startswith(_GZIP_IN_BASE64) and (content := inflated(value)):
            yield from _within(_parsed(content), place, around, depth + 1)
        elif is_audit_line(value):
            yield place, _shipped(value, around)
    elif is_audit_event(value):
        yield place, Entry(dumped(value), None, *_origin(around))
    elif depth < _DEEPEST and isinstance(value, dict):
        inner = {**around, **value}
        for key, item in value.items():
            yield from _within(item, (*place, key), inner, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        if _is_loki_pair(value):
            yield place, _shipped(value[1], {"timestamp": value[0]})
        else:
            for item in value:
                yield from _within(item, place, around, depth + 1)


def _is_loki_pair(value: list[Any]) -> bool:
    """["1795424400000000000", "the line", {…}]"""
    if len(value) not in (2, 3) or not all(isinstance(item, str) for item in value[:2]):
        return False
    return len(value[0]) >= _NANOSECONDS and value[0].isdecimal()


def _parsed(content: bytes) -> Any:
    """Parse a JSON document; None if it is not one."""
    try:
        return json.loads(content, parse_int=integer)
    except (ValueError, RecursionError):
        return None


def _at(value: Any, place: tuple[str, ...]) -> Any:
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _origin(value: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the log group and the log stream that an object names, itself or in an object in it."""
    inner = [item for item in value.values() if isinstance(item, dict)]
    return of_account(_first(_GROUPS, [value, *inner]), value.get("owner")), _first(_STREAMS, [value, *inner])


def of_account(group: str | None, owner: object) -> str | None:
    """Return a log group with its account, as AWS writes `@log`, if that is known."""
    known = isinstance(owner, str) and _ACCOUNT.fullmatch(owner)
    return f"{owner}:{group}" if group and known and ":" not in group else group


def _first(names: tuple[str, ...], objects: list[dict[str, Any]]) -> str | None:
    for item in objects:
        for name in names:
            if isinstance(found := item.get(name), str) and found:
                return found
    return None


def _time(wrapper: dict[str, Any]) -> int | None:
    return next((at for name in _TIMES if (at := epoch(wrapper.get(name))) is not None), None)
