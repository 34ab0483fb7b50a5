"""A log file, and how it is read: decompressed, up to where it is damaged, line by line."""

from __future__ import annotations

import gzip
import io
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from eks_audit_constructs.audit_logs.shapes import Shape
from eks_audit_constructs.audit_logs.shapes.entry import LONGEST
from eks_audit_constructs.errors import LogError

__all__ = [
    "DAMAGE",
    "GZIP",
    "Fetched",
    "Log",
    "Say",
    "Sound",
    "Source",
    "check_gzip",
    "decompressed",
    "group_in",
    "group_name",
    "open_log",
    "read_lines",
    "unreadable_log",
]

Say: TypeAlias = Callable[[str], None]
"""Called with a warning about a log that can still be read."""

GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged gzip file raises."""
_KEPT = 1024
"""Bytes kept of a line that is too long to be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """One log file."""

    name: str
    """As the user gave it."""
    path: Path
    shape: Shape
    gzipped: bool
    size: int
    """Bytes on disk."""
    group: str | None = None
    """The log group that the events come from, if that is known: its name or ARN, or `account:name` like `@log`."""
    stream: str | None = None
    """The log stream that the events come from, if that is known."""
    received: Path | None = None
    """A file with a line for each line of the log: when CloudWatch received it, in milliseconds since 1970."""
    say: Say = field(default=logging.getLogger(__name__).warning, repr=False, compare=False)
    """Called with a warning if the log turns out to be damaged."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched from AWS."""

    path: Path
    group: str | None
    """The log group that it comes from, if that is known; as in `Log`."""


Source: TypeAlias = str | Path | Fetched
"""What logs are read from: a file, a folder, `-` for standard input, or a file that was fetched."""


def group_name(group: str) -> str:
    """Return the name of a log group, given as in `Log`; a name has no colon."""
    return group.removesuffix(":*").rpartition(":")[2]


def group_in(path: str) -> str | None:
    """Return the EKS log group whose name is part of a path; None if there is none.

    Export tasks and Firehose write nothing about the group, so people give its name as the prefix.
    """
    found = _GROUP_IN_PATH.search(path)
    return found and found[1]


_GROUP_IN_PATH = re.compile(r"(/aws/eks/[\w-]+/cluster)/", re.ASCII)


def open_log(log: Log) -> BinaryIO:
    """Open a log for reading, decompressed."""
    return decompressed(log.path, log.gzipped)


def read_lines(log: Log) -> Iterator[bytes]:
    """Yield the lines of a log without their ends, and without a byte order mark at the beginning.

    A damaged file ends, with a warning, where the damage begins. Of a line over 16 MiB, only the beginning is read.

    Raises:
        LogError: The file cannot be read.
    """
    first, too_long = True, 0
    try:
        with open_log(log) as file:
            while line := file.readline(LONGEST + 1):
                if len(line) > LONGEST and not line.endswith(b"\n"):
                    too_long += 1
                    while (rest := file.readline(LONGEST)) and not rest.endswith(b"\n"):
                        pass
                    line = line[:_KEPT]
                yield (line.removeprefix(_BOM) if first else line).rstrip(b"\n").removesuffix(b"\r")
                first = False
    except DAMAGE as error:
        log.say(_damaged(log.name, error))
    except OSError as error:
        raise unreadable_log(log.name, error) from error
    if too_long:
        log.say(long_lines(log.name, too_long))


def check_gzip(log: Log) -> None:
    """Read a compressed log to its end, to report any damage.

    Raises:
        LogError: The file cannot be read.
    """
    try:
        with open_log(log) as file:
            while file.read(1 << 20):
                pass
    except DAMAGE as error:
        log.say(_damaged(log.name, error))
    except OSError as error:
        raise unreadable_log(log.name, error) from error


def unreadable_log(name: str, error: BaseException) -> LogError:
    """Return the error for a log that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return LogError(
        name,
        value=Path(name).name,
        limit=f"the log cannot be read: {reason}",
        way_out="Name a complete and readable file of audit events.",
    )


def long_lines(name: str, count: int) -> str:
    """Return the warning about lines that are too long to be read."""
    return f"{name}: {count} line(s) of over {LONGEST >> 20} MiB not read, each counted as one unreadable event"


class Sound:
    """A stream that ends, with a warning, where the damage begins."""

    def __init__(self, stream: io.BufferedReader, name: str, warn: Say) -> None:
        self._stream, self._name, self._warn = stream, name, warn

    def read(self, size: int, /) -> bytes:
        content = b""
        try:
            # a longer read would lose the data before the damage
            while len(content) < size and (piece := self._stream.read1(size - len(content))):
                content += piece
        except DAMAGE as error:
            self._warn(_damaged(self._name, error))
        return content


def decompressed(path: Path, gzipped: bool) -> io.BufferedReader:
    """Open a file; GzipFile behaves like a BufferedReader."""
    return cast(io.BufferedReader, gzip.open(path, "rb")) if gzipped else path.open("rb")


def _damaged(name: str, error: BaseException) -> str:
    reason = "it is cut short" if isinstance(error, EOFError) else f"it is damaged ({error})"
    return f"{name}: {reason}; only what could be decompressed is counted"
