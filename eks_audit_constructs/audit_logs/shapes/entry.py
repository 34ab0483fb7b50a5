"""A log event taken out of a file, and what is learned about the file on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

from eks_audit_constructs.audit_logs.json_line import parsed

__all__ = [
    "CONTROL",
    "EKS_STREAM",
    "LONGEST",
    "Entry",
    "Found",
    "Readable",
    "Reader",
    "compact",
    "epoch",
    "is_audit_event",
    "is_audit_line",
    "joined",
    "log_line",
    "moment",
]

LONGEST = 16 * 1024 * 1024
"""Bytes of a line that is still read. CloudWatch accepts log events of up to 1 MiB."""
CONTROL = "CWL CONTROL MESSAGE: "
"""The beginning of what CloudWatch Logs sends to test a subscription's destination."""
EKS_STREAM = re.compile(
    r"(kube-apiserver(-audit)?|authenticator|kube-controller-manager|kube-scheduler|cloud-controller-manager)-.+"
)
"""The names of the log streams in the log group of an EKS cluster."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?")
_CALENDAR = range(100, 9900)
"""Years of usable times, as in `events`."""
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"]+|"', re.DOTALL)
_OWN = ("auditID", "stageTimestamp", "requestReceivedTimestamp", "verb")
"""Fields that tell an audit event without its kind, such as one that was cut down to some of its fields."""


class Entry(NamedTuple):
    """A log event."""

    message: str
    at: int | None = None
    """Its time in milliseconds since 1970, if the file has one beside the message."""
    group: str | None = None
    """As AWS writes `@log`, with the account if the file has it: `111122223333:/aws/eks/demo/cluster`."""
    stream: str | None = None
    received: int | None = None
    """When CloudWatch received it, in milliseconds since 1970, if the file says so."""
    partial: bool = False
    """The next entry of the same source continues the message: container runtimes split messages of over 16 KiB."""
    source: str = ""
    """Standard output or standard error."""


@dataclass(kw_only=True, slots=True)
class Found:
    """What was found in a file besides its events."""

    events: int = 0
    audit: bool = False
    """An audit event is among them."""
    held: int = 0
    """Events in a form that says that they are log events."""
    controls: int = 0
    """Control messages; they are not log events."""
    broken: int = 0
    """Places where a document is not valid JSON; each counts as one unreadable event."""
    unfit: int = 0
    """Lines that are not in the form of the others; each is an event as it is."""
    long: int = 0
    """Lines over `LONGEST`; each counts as one unreadable event."""
    strays: int = 0
    """Objects that are no log events."""
    part: str | None = None
    """Why the file is only a part of the log, and what to do."""
    failures: set[str] = field(default_factory=set)
    """The errors with which Firehose failed to deliver these records."""
    decoded: int = 0
    undecoded: int = 0
    """Records of these that can be decoded, and that cannot."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes: ...


Reader: TypeAlias = Callable[[Readable, Found], Iterator[Entry]]
"""Reads the events of a file in one of the shapes."""


def is_audit_event(value: object) -> bool:
    """Return whether a JSON value is an audit event; core/v1 also has an `Event`."""
    if not isinstance(value, dict):
        return False
    if value.get("kind") == "Event":
        return str(value.get("apiVersion", "audit.k8s.io/")).startswith("audit.k8s.io/")
    return "kind" not in value and any(name in value for name in _OWN)


def is_audit_line(line: str | bytes) -> bool:
    """Return whether a line is an audit event, and nothing else."""
    if not (line.lstrip().startswith("{") if isinstance(line, str) else line.lstrip().startswith(b"{")):
        return False
    return is_audit_event(parsed(_bytes(line) if isinstance(line, str) else line))


def compact(text: str) -> str:
    """Return a JSON text without space between its tokens, as API servers write it and CloudWatch keeps it."""
    return "".join(_TOKENS.findall(text))


def moment(text: object) -> int | None:
    """Parse an ISO 8601 time, which is in UTC if it names no offset; return milliseconds since 1970."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text.replace(",", "."))
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(milliseconds=1)


def epoch(value: Any) -> int | None:
    """Read a time as log shippers write it: a number of seconds, or of thousandths and so on of them, or ISO 8601."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return moment(value)
    for unit, limit in ((1e3, 1e11), (1, 1e14), (1e-3, 1e17), (1e-6, 1e20)):
        if 0 < number < limit:
            return int(number * unit)
    return None


def joined(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Join messages that were split."""
    begun: dict[str, Entry] = {}
    for entry in entries:
        first = begun.pop(entry.source, None)
        whole = entry if first is None else first._replace(message=first.message + entry.message, partial=entry.partial)
        if whole.partial and len(whole.message) < LONGEST:
            begun[entry.source] = whole
        else:
            yield whole
    yield from begun.values()


def log_line(message: str, at: int | None) -> bytes:
    """Format a log event as one line of an export file, even if the message has several lines.

    Args:
        message: The message.
        at: Its time in milliseconds since 1970; an unusable one is left out.
    """
    text = message.rstrip("\r\n").replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
    time = _export_time(at)
    return _bytes(f"{time} {text}\n" if time else f"{text}\n")


def _export_time(at: int | None) -> str | None:
    try:
        time = None if at is None else _EPOCH + timedelta(milliseconds=at)
    except OverflowError:
        return None
    if time is None or time.year not in _CALENDAR:
        return None
    return f"{time.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair cannot be encoded
        return text.encode(errors="replace")
