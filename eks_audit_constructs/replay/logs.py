"""Audit logs as people have them: which files to read, and in which shape each one is.

- lines: one event a line (JSONL), gzip or not
- export: CloudWatch export files, each line a time and then the event
- pages: what `aws logs filter-log-events` or `get-log-events` prints

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
https://docs.aws.amazon.com/cli/latest/reference/logs/filter-log-events.html
"""

from __future__ import annotations

import gzip
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO, cast

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Log", "Shape", "open_log", "opened", "unreadable_log"]

_GZIP = b"\x1f\x8b"
_HEAD = 65_536
"""Bytes by which a shape is told."""
_EXPORT_PROBE = "aws-logs-write-test"
"""An empty file that every export task leaves in its bucket."""
_EXPORT_LINE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z ")
_PAGE = re.compile(rb'\s*\{\s*"(events|searchedLogStreams|nextToken|nextForwardToken|nextBackwardToken)"\s*:\s*["\[n]')
_GLOB = re.compile(r"[*?\[\]{}]")
_BOM = b"\xef\xbb\xbf"


class Shape(Enum):
    """How a log holds its events."""

    LINES = "lines"
    EXPORT = "export"
    PAGES = "pages"


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


@contextmanager
def opened(paths: Iterable[str | Path]) -> Iterator[list[Log]]:
    """The log files behind the paths: files, folders (with all in them) and `-` for standard input.

    What is no regular file (standard input, a pipe) is kept in a temporary file until the end of the context.

    Raises:
        AuditConfigurationError: There is none, or one cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as spool:
        logs = [log for path in paths for log in _found(str(path), Path(spool))]
        if not logs:
            raise AuditConfigurationError(
                "logs", value="", limit="at least one log is needed", way_out="Name a file, a folder or - for stdin."
            )
        yield logs


def open_log(log: Log) -> BinaryIO:
    """The log's bytes, decompressed."""
    # GzipFile is a BinaryIO in all but name
    return cast(BinaryIO, gzip.open(log.path, "rb")) if log.gzipped else log.path.open("rb")


def read_lines(log: Log) -> Iterator[bytes]:
    """The log's lines without their ends; a byte order mark at its beginning is not part of it.

    Raises:
        AuditConfigurationError: The file cannot be read to its end.
    """
    try:
        with open_log(log) as file:
            for number, line in enumerate(file):
                yield (line.removeprefix(_BOM) if number == 0 else line).rstrip(b"\n").removesuffix(b"\r")
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_log(log.name, error) from error


def check_gzip(log: Log) -> None:
    """Read a compressed log to its end, so that no damage to it goes unseen.

    Raises:
        AuditConfigurationError: It is cut short, or its checksum is wrong.
    """
    try:
        with open_log(log) as file:
            while file.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_log(log.name, error) from error


def unreadable_log(name: str, error: BaseException) -> AuditConfigurationError:
    """The error for a log that cannot be read."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return AuditConfigurationError(
        name,
        value=Path(name).name,
        limit=f"the log cannot be read: {reason}",
        way_out="Name a file of audit events that is whole and that you may read.",
    )


def _found(name: str, spool: Path) -> Iterator[Log]:
    path = Path(name)
    try:
        if name == "-":
            yield _spooled("standard input", sys.stdin.buffer, spool)
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and file.name != _EXPORT_PROBE and not file.name.startswith("."):
                    yield _told(str(file), _plain(file, spool))
        elif path.is_file() or not path.exists():
            yield _told(name, _plain(path, spool))
        else:
            with path.open("rb") as pipe:
                yield _spooled(name, pipe, spool)
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable_log(name, error) from error


def _plain(path: Path, spool: Path) -> Path:
    """A path without the signs that DuckDB would take for a pattern of file names."""
    if not _GLOB.search(str(path.absolute())):
        return path.absolute()
    link = spool / f"{len(list(spool.iterdir()))}.link"
    link.symlink_to(path.absolute())
    return link


def _spooled(name: str, stream: BinaryIO, spool: Path) -> Log:
    path = spool / f"{len(list(spool.iterdir()))}.log"
    with path.open("wb") as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
    return _told(name, path)


def _told(name: str, path: Path) -> Log:
    with path.open("rb") as file:
        gzipped = file.read(2) == _GZIP
    log = Log(name=name, path=path, shape=Shape.LINES, gzipped=gzipped, size=path.stat().st_size)
    with open_log(log) as content:
        head = content.read(_HEAD).removeprefix(_BOM).lstrip()
    shape = Shape.EXPORT if _EXPORT_LINE.match(head) else Shape.PAGES if _PAGE.match(head) else Shape.LINES
    return Log(name=name, path=path, shape=shape, gzipped=gzipped, size=log.size)
