"""Audit logs as people have them: which files to read, and in which shape each one is.

- lines: one event a line (JSONL), gzip or not
- export: CloudWatch export files, each line a time and then the event

Anything else that holds log events (`documents`) is rewritten as one of these in a temporary file. A damaged file is
read up to the damage. What is left out or lost is said, never passed over.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
"""

from __future__ import annotations

import gzip
import io
import logging
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from eks_audit_constructs.audit_logs import documents
from eks_audit_constructs.errors import LogError

__all__ = ["Log", "Say", "Shape", "open_log", "opened", "unreadable_log"]

Say: TypeAlias = Callable[[str], None]
"""Takes a sentence about a log that is read, though not all is well with it."""

_GZIP = b"\x1f\x8b"
_HEAD = 65_536
"""Bytes by which a shape is told, unless the first line is longer."""
_EXPORT_PROBE = "aws-logs-write-test"
"""An empty file that every export task leaves in its bucket."""
_EXPORT_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ")
_GLOB = re.compile(r"[*?\[\]{}]")
_BOM = b"\xef\xbb\xbf"


_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


class Shape(Enum):
    """How a log holds its events."""

    LINES = "lines"
    EXPORT = "export"


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
    say: Say = field(default=logging.getLogger(__name__).warning, repr=False, compare=False)
    """Told of damage when the log is read."""


@contextmanager
def opened(paths: Iterable[str | Path], *, say: Say | None = None) -> Iterator[list[Log]]:
    """The log files behind the paths: files, folders (with all in them) and `-` for standard input.

    What is no regular file (standard input, a pipe), and what does not hold an event a line, is kept in a temporary
    file until the end of the context.

    Args:
        paths: The paths.
        say: Told, once each, what is left out and what is damaged; without it, that is logged as warnings.

    Raises:
        LogError: There is no log, or one cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as spool:
        finder = _Finder(Path(spool), _once(say or logging.getLogger(__name__).warning))
        logs = [log for path in paths for log in finder.found(str(path))]
        if not logs:
            raise LogError(
                "logs", value="", limit="at least one log is needed", way_out="Name a file, a folder or - for stdin."
            )
        yield logs


def open_log(log: Log) -> BinaryIO:
    """The log's bytes, decompressed."""
    return _open(log.path, log.gzipped)


def read_lines(log: Log) -> Iterator[bytes]:
    """The log's lines without their ends; a byte order mark at its beginning is not part of it.

    A damaged file ends where the damage begins, which is said.

    Raises:
        LogError: The file cannot be read.
    """
    number = 0
    try:
        with open_log(log) as file:
            for number, line in enumerate(file, start=1):
                yield (line.removeprefix(_BOM) if number == 1 else line).rstrip(b"\n").removesuffix(b"\r")
    except _DAMAGE as error:
        log.say(_damaged(log.name, error))
    except OSError as error:
        raise unreadable_log(log.name, error) from error


def check_gzip(log: Log) -> None:
    """Read a compressed log to its end, so that no damage to it goes unsaid.

    Raises:
        LogError: The file cannot be read.
    """
    try:
        with open_log(log) as file:
            while file.read(1 << 20):
                pass
    except _DAMAGE as error:
        log.say(_damaged(log.name, error))
    except OSError as error:
        raise unreadable_log(log.name, error) from error


def unreadable_log(name: str, error: BaseException) -> LogError:
    """The error for a log that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return LogError(
        name,
        value=Path(name).name,
        limit=f"the log cannot be read: {reason}",
        way_out="Name a file of audit events that is whole and that you may read.",
    )


class _Finder:
    """Finds logs, and keeps in a folder what has to be copied."""

    def __init__(self, spool: Path, say: Say) -> None:
        self._spool, self._say = spool, say

    def found(self, name: str) -> Iterator[Log]:
        path = Path(name)
        try:
            if name == "-":
                yield self._told("standard input", self._copied(sys.stdin.buffer))
            elif path.is_dir():
                yield from self._in_folder(path)
            elif path.is_file() or not path.exists():
                yield self._told(name, self._plain(path))
            else:
                with path.open("rb") as pipe:
                    copy = self._copied(pipe)
                yield self._told(name, copy)
        except OSError as error:
            raise unreadable_log(name, error) from error

    def _in_folder(self, folder: Path) -> Iterator[Log]:
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or file.name.startswith("."):
                continue
            if file.name == _EXPORT_PROBE:
                self._say(f"{file}: left out, the export task wrote it to try the bucket")
            else:
                yield self._told(str(file), self._plain(file))

    def _told(self, name: str, path: Path) -> Log:
        """The log in a file; if that has another shape, the log is in a copy."""
        with path.open("rb") as file:
            gzipped = file.read(2) == _GZIP
        head = _head(path, gzipped)
        if head.startswith(_GZIP):  # Firehose compresses what CloudWatch Logs has compressed already
            return self._told(name, self._decompressed(name, path))
        head = head.removeprefix(_BOM).lstrip()
        shape = Shape.EXPORT if _EXPORT_LINE.match(head) else Shape.LINES
        if documents.holds_documents(head.decode(errors="replace")):
            path, shape = self._rewritten(name, path, gzipped)
            gzipped = False
        return Log(name=name, path=path, shape=shape, gzipped=gzipped, size=path.stat().st_size, say=self._say)

    def _rewritten(self, name: str, path: Path, gzipped: bool) -> tuple[Path, Shape]:
        copy = self._new("log")
        with _open(path, gzipped) as source, copy.open("wb") as target:
            told = documents.rewrite(_Sound(source, name, self._say), target.write, name)
        if told.broken:
            self._say(f"{name}: no JSON at {told.broken} place(s), of which each counts as an event nobody can read")
        if told.controls:
            self._say(f"{name}: {told.controls} control message(s) left out, they are no log events")
        if len(told.groups) > 1:
            self._say(f"{name}: events of {len(told.groups)} log groups: {', '.join(sorted(told.groups))}")
        return copy, Shape.EXPORT if told.timed else Shape.LINES

    def _decompressed(self, name: str, path: Path) -> Path:
        with _open(path, gzipped=True) as source:
            return self._copied(_Sound(source, name, self._say))

    def _copied(self, stream: documents.Readable) -> Path:
        copy = self._new("log")
        with copy.open("wb") as target:
            while piece := stream.read(1 << 20):
                target.write(piece)
        return copy

    def _plain(self, path: Path) -> Path:
        """A path without the signs that DuckDB would take for a pattern of file names."""
        if not _GLOB.search(str(path.absolute())):
            return path.absolute()
        link = self._new("link")
        link.symlink_to(path.absolute())
        return link

    def _new(self, kind: str) -> Path:
        return self._spool / f"{len(list(self._spool.iterdir()))}.{kind}"


class _Sound:
    """A stream that ends where damage to it begins, which is said."""

    def __init__(self, stream: io.BufferedReader, name: str, say: Say) -> None:
        self._stream, self._name, self._say = stream, name, say

    def read(self, size: int, /) -> bytes:
        content = b""
        try:
            # a longer read would lose what comes before the damage
            while len(content) < size and (piece := self._stream.read1(size - len(content))):
                content += piece
        except _DAMAGE as error:
            self._say(_damaged(self._name, error))
        return content


def _open(path: Path, gzipped: bool) -> io.BufferedReader:
    # GzipFile is one in all but name
    return cast(io.BufferedReader, gzip.open(path, "rb")) if gzipped else path.open("rb")


def _head(path: Path, gzipped: bool) -> bytes:
    """The first bytes, with the whole first line unless it is longer than a log event can be."""
    head = b""
    with _open(path, gzipped) as content:
        sound = _Sound(content, path.name, lambda _: None)
        while piece := sound.read(_HEAD):
            head += piece
            if len(head) >= documents.WHOLE or (len(head) >= _HEAD and b"\n" in head):
                break
    return head


def _damaged(name: str, error: BaseException) -> str:
    reason = "it is cut short" if isinstance(error, EOFError) else f"it is damaged ({error})"
    return f"{name}: {reason}; what could be decompressed before is counted"


def _once(say: Say) -> Say:
    said: set[str] = set()

    def say_once(sentence: str) -> None:
        if sentence not in said:
            said.add(sentence)
            say(sentence)

    return say_once
