"""Find the log files to read, and detect the shape of each.

- lines: one event per line (JSONL), with or without gzip
- export: CloudWatch export files, with a time before the event in each line

Anything else that holds log events (`documents`) is rewritten as one of these in a temporary file. A damaged file is
read up to the damage. Skipped and lost input is always reported.

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
"""Called with a warning about a log that can still be read."""

_GZIP = b"\x1f\x8b"
_HEAD = 65_536
"""Bytes from which the shape is detected, unless the first line is longer."""
_EXPORT_PROBE = "aws-logs-write-test"
"""A file without events that every export task leaves in its bucket."""
_EXPORT_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ")
_GLOB = re.compile(r"[*?\[\]{}]")
_BOM = b"\xef\xbb\xbf"


_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


class Shape(Enum):
    """The format of a log."""

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
    """Called with a warning if the log turns out to be damaged."""


@contextmanager
def opened(paths: Iterable[str | Path], *, say: Say | None = None) -> Iterator[list[Log]]:
    """Open the logs at the given paths: files, folders (recursively) and `-` for standard input.

    Input that is not a regular file (standard input, a pipe), or does not have one event per line, is copied to a
    temporary file until the context ends.

    Args:
        paths: The paths.
        say: Called once for each warning about skipped or damaged input. Default: log it.

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
    """Open a log for reading, decompressed."""
    return _open(log.path, log.gzipped)


def read_lines(log: Log) -> Iterator[bytes]:
    """Yield the lines of a log without their ends, and without a byte order mark at the beginning.

    A damaged file ends, with a warning, where the damage begins.

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
    """Read a compressed log to its end, to report any damage.

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
    """Return the error for a log that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return LogError(
        name,
        value=Path(name).name,
        limit=f"the log cannot be read: {reason}",
        way_out="Name a complete and readable file of audit events.",
    )


class _Finder:
    """Finds logs, and copies those that need it to a folder."""

    def __init__(self, spool: Path, warn: Say) -> None:
        self._spool, self._warn = spool, warn

    def found(self, name: str) -> Iterator[Log]:
        path = Path(name)
        try:
            if name == "-":
                yield self._log("standard input", self._copied(sys.stdin.buffer))
            elif path.is_dir():
                yield from self._in_folder(path)
            elif path.is_file() or not path.exists():
                yield self._log(name, self._plain(path))
            else:
                with path.open("rb") as pipe:
                    copy = self._copied(pipe)
                yield self._log(name, copy)
        except OSError as error:
            raise unreadable_log(name, error) from error

    def _in_folder(self, folder: Path) -> Iterator[Log]:
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or file.name.startswith("."):
                continue
            if file.name == _EXPORT_PROBE:
                self._warn(f"{file}: left out, the export task wrote it to test the bucket")
            else:
                yield self._log(str(file), self._plain(file))

    def _log(self, name: str, path: Path) -> Log:
        """Return the log in a file, or in a copy if the file has another shape."""
        with path.open("rb") as file:
            gzipped = file.read(2) == _GZIP
        head = _head(path, gzipped)
        if head.startswith(_GZIP):  # Firehose compresses what CloudWatch Logs already compressed
            return self._log(name, self._decompressed(name, path))
        head = head.removeprefix(_BOM).lstrip()
        shape = Shape.EXPORT if _EXPORT_LINE.match(head) else Shape.LINES
        if documents.holds_documents(head.decode(errors="replace")):
            path, shape = self._rewritten(name, path, gzipped)
            gzipped = False
        return Log(name=name, path=path, shape=shape, gzipped=gzipped, size=path.stat().st_size, say=self._warn)

    def _rewritten(self, name: str, path: Path, gzipped: bool) -> tuple[Path, Shape]:
        copy = self._new("log")
        with _open(path, gzipped) as source, copy.open("wb") as target:
            summary = documents.rewrite(_Sound(source, name, self._warn), target.write, name)
        if summary.broken:
            self._warn(f"{name}: invalid JSON at {summary.broken} place(s), each counted as one unreadable event")
        if summary.controls:
            self._warn(f"{name}: {summary.controls} control message(s) left out, they are not log events")
        if len(summary.groups) > 1:
            self._warn(f"{name}: events of {len(summary.groups)} log groups: {', '.join(sorted(summary.groups))}")
        return copy, Shape.EXPORT if summary.timed else Shape.LINES

    def _decompressed(self, name: str, path: Path) -> Path:
        with _open(path, gzipped=True) as source:
            return self._copied(_Sound(source, name, self._warn))

    def _copied(self, stream: documents.Readable) -> Path:
        copy = self._new("log")
        with copy.open("wb") as target:
            while piece := stream.read(1 << 20):
                target.write(piece)
        return copy

    def _plain(self, path: Path) -> Path:
        """Return a path without characters that DuckDB would interpret as a glob."""
        if not _GLOB.search(str(path.absolute())):
            return path.absolute()
        link = self._new("link")
        link.symlink_to(path.absolute())
        return link

    def _new(self, kind: str) -> Path:
        return self._spool / f"{len(list(self._spool.iterdir()))}.{kind}"


class _Sound:
    """A stream that ends, with a warning, where the damage begins."""

    def __init__(self, stream: io.BufferedReader, name: str, warn: Say) -> None:
        self._stream, self._name, self._warn = stream, name, warn

    def read(self, size: int, /) -> bytes:
        content = b""
        try:
            # a longer read would lose the data before the damage
            while len(content) < size and (piece := self._stream.read1(size - len(content))):
                content += piece
        except _DAMAGE as error:
            self._warn(_damaged(self._name, error))
        return content


def _open(path: Path, gzipped: bool) -> io.BufferedReader:
    # GzipFile behaves like a BufferedReader
    return cast(io.BufferedReader, gzip.open(path, "rb")) if gzipped else path.open("rb")


def _head(path: Path, gzipped: bool) -> bytes:
    """Return the first bytes, including the whole first line unless it is longer than any log event."""
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
    return f"{name}: {reason}; only what could be decompressed is counted"


def _once(warn: Say) -> Say:
    given: set[str] = set()

    def warn_once(warning: str) -> None:
        if warning not in given:
            given.add(warning)
            warn(warning)

    return warn_once
