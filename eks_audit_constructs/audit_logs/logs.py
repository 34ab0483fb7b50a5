"""Find the log files to read, and tell the shape of each.

- lines: one event per line (JSONL), with or without gzip
- export: CloudWatch export files, with a time before the event in each line

Anything else that holds log events (`shapes`) is rewritten as one of these in temporary files. A damaged file is
read up to the damage. Skipped and lost input is always reported.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
"""

from __future__ import annotations

import codecs
import logging
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from eks_audit_constructs.audit_logs import rewriting
from eks_audit_constructs.audit_logs.archives import encoding_of, refuse_archive
from eks_audit_constructs.audit_logs.log_files import (
    DAMAGE,
    GZIP,
    Fetched,
    Log,
    Say,
    Sound,
    Source,
    check_gzip,
    decompressed,
    group_in,
    open_log,
    read_lines,
    unreadable_log,
)
from eks_audit_constructs.audit_logs.shapes import Shape, lines, recognised
from eks_audit_constructs.audit_logs.shapes.entry import CONTROL, EKS_STREAM, Found, Readable, Reader, is_audit_line
from eks_audit_constructs.audit_logs.shapes.json_text import WHOLE
from eks_audit_constructs.audit_logs.unknown import Unknown
from eks_audit_constructs.errors import LogError

__all__ = [
    "Fetched",
    "Log",
    "Say",
    "Shape",
    "Source",
    "check_gzip",
    "open_log",
    "opened",
    "read_lines",
    "unreadable_log",
]

_HEAD = 65_536
"""Bytes from which the shape is told, unless the first line is longer."""
_EXPORT_PROBE = "aws-logs-write-test"
"""A file without events that every export task leaves in its bucket."""
_FIREHOSE_OBJECT = 128 * 1024 * 1024
"""Bytes that Firehose puts in an object at most. Larger files are not searched for what it adds."""
_AUDIT_STREAMS = "kube-apiserver-audit-"
_GLOB = re.compile(r"[*?\[\]{}]")
_CONTROL_LINE = f"\n{CONTROL}".encode()
_MARK = re.compile(rb'"(kind|auditID|stageTimestamp|requestReceivedTimestamp|verb)"')
"""One of these is in every audit event."""
_EXPORT_TIME = re.compile(rb"\S+Z ")
_BOM = b"\xef\xbb\xbf"
_BOM_WITHIN = b"\n" + _BOM


@contextmanager
def opened(paths: Iterable[Source], *, say: Say | None = None) -> Iterator[list[Log]]:
    """Open logs: files, folders (recursively), `-` for standard input, and what was fetched.

    Input that is not a regular file (standard input, a pipe), or does not have one event per line, is copied to
    temporary files until the context ends.

    Args:
        paths: The paths.
        say: Called once for each warning about skipped or damaged input. Default: log it.

    Raises:
        LogError: There is no log, or one cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="eks-audit-") as spool:
        warn = _once(say or logging.getLogger(__name__).warning)
        finder = _Finder(Path(spool), warn)
        logs = [
            replace(log, group=log.group or _group(path, log.name))
            for path in paths
            for log in finder.found(_name(path))
        ]
        for note in finder.unknown.notes():
            warn(note)
        if not logs:
            raise LogError(
                "logs",
                value=", ".join(finder.unknown.left_out),
                limit="at least one log is needed",
                way_out="Name a file, a folder or - for stdin.",
            )
        yield logs


def _name(source: Source) -> str:
    return str(source.path if isinstance(source, Fetched) else source)


def _group(source: Source, name: str) -> str | None:
    """Return the log group of a file that does not tell it itself."""
    return source.group if isinstance(source, Fetched) else group_in(str(Path(name).absolute()))


class _Finder:
    """Finds logs, and copies those that need it to a folder."""

    def __init__(self, spool: Path, warn: Say) -> None:
        self._spool, self._warn = spool, warn
        self._numbers = count(1)
        self.unknown = Unknown()

    def found(self, name: str) -> Iterator[Log]:
        path = Path(name)
        try:
            if name == "-":
                yield from self._logs("standard input", self._copied(sys.stdin.buffer))
            elif path.is_dir():
                yield from self._in_folder(path)
            elif path.is_file() or not path.exists():
                yield from self._logs(name, self._plain(path))
            else:
                with path.open("rb") as pipe:
                    copy = self._copied(pipe)
                yield from self._logs(name, copy)
        except OSError as error:
            raise unreadable_log(name, error) from error

    def _in_folder(self, folder: Path) -> Iterator[Log]:
        for file in sorted(folder.rglob("*")):
            if not file.is_file() or file.name.startswith("."):
                continue
            if file.name == _EXPORT_PROBE:
                self._warn(f"{file}: left out, the export task wrote it to test the bucket")
            else:
                yield from self._logs(str(file), self._plain(file), in_folder=True)

    def _logs(self, name: str, path: Path, *, in_folder: bool = False) -> Iterator[Log]:
        """Yield the log in a file, or those in copies if the file has another shape."""
        with path.open("rb") as file:
            gzipped = file.read(2) == GZIP
        head = _head(path, gzipped)
        if head.startswith(GZIP):  # Firehose compresses what CloudWatch Logs already compressed
            yield from self._logs(name, self._decompressed(name, path), in_folder=in_folder)
            return
        refuse_archive(name, head)
        if (encoding := encoding_of(head)) is not None:
            yield from self._logs(name, self._recoded(name, path, gzipped, encoding), in_folder=in_folder)
            return
        text = head.removeprefix(_BOM).decode(errors="surrogateescape").lstrip()
        shape, known = recognised(text, name)
        if shape is Shape.LINES and text and _needs_copy(path, gzipped):
            shape = lines.plain
        if not isinstance(shape, Shape):
            yield from self._rewritten(name, path, gzipped, shape, text, in_folder)
            return
        log = self._log(name, path, shape, gzipped)
        other = log.stream is not None and not log.stream.startswith(_AUDIT_STREAMS)
        if known or (not other and _has_audit_event(log)):
            self.unknown.audit_events = True
        elif not other and not self.unknown.lines(name, text, read_lines(log), in_folder=in_folder):
            return
        yield log

    def _log(self, name: str, path: Path, shape: Shape, gzipped: bool) -> Log:
        folder = Path(name).parent.name if shape is Shape.EXPORT else ""
        stream = folder if EKS_STREAM.fullmatch(folder) else None
        size = path.stat().st_size
        return Log(name=name, path=path, shape=shape, gzipped=gzipped, size=size, stream=stream, say=self._warn)

    def _rewritten(
        self, name: str, path: Path, gzipped: bool, read: Reader, head: str, in_folder: bool
    ) -> Iterator[Log]:
        """Yield the logs of a file in another shape, one for each log stream in it."""
        found = Found()
        with decompressed(path, gzipped) as source:
            entries = read(Sound(source, name, self._warn), found)
            files = rewriting.write(entries, found, lambda: self._new("log"))
        of_eks = all(file.stream is not None and EKS_STREAM.fullmatch(file.stream) for file in files)
        if found.audit:
            self.unknown.audit_events = True
        elif not of_eks and not self.unknown.documents(name, head, found, in_folder=in_folder):
            return
        for note in rewriting.notes(name, found, files):
            self._warn(note)
        for file in files:
            yield Log(
                name=name,
                path=file.path,
                shape=Shape.EXPORT if file.timed else Shape.LINES,
                gzipped=False,
                size=file.path.stat().st_size,
                group=file.group,
                stream=file.stream,
                received=file.received,
                say=self._warn,
            )

    def _decompressed(self, name: str, path: Path) -> Path:
        with decompressed(path, gzipped=True) as source:
            return self._copied(Sound(source, name, self._warn))

    def _recoded(self, name: str, path: Path, gzipped: bool, encoding: str) -> Path:
        copy = self._new("utf-8")
        decode = codecs.getincrementaldecoder(encoding)("replace").decode
        with decompressed(path, gzipped) as content, copy.open("wb") as target:
            source = Sound(content, name, self._warn)
            while piece := source.read(1 << 20):
                target.write(decode(piece).encode(errors="replace"))
        return copy

    def _copied(self, stream: Readable) -> Path:
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
        return self._spool / f"{next(self._numbers)}.{kind}"


def _needs_copy(path: Path, gzipped: bool) -> bool:
    """Return whether control messages or byte order marks are among the lines; DuckDB would not leave them out."""
    if path.stat().st_size > _FIREHOSE_OBJECT:
        return False
    size, end = 0, b"\n"
    with decompressed(path, gzipped) as content, suppress(*DAMAGE):
        while size < _FIREHOSE_OBJECT and (piece := content.read(1 << 20)):
            text = end + piece
            if _CONTROL_LINE in text or _BOM_WITHIN in text:
                return True
            end, size = piece[-len(_CONTROL_LINE) :], size + len(piece)
    return False


def _has_audit_event(log: Log) -> bool:
    """Return whether any line is an audit event."""
    for line in read_lines(log):
        if _MARK.search(line):
            time = _EXPORT_TIME.match(line) if log.shape is Shape.EXPORT else None
            if is_audit_line(line[time.end() :] if time else line):
                return True
    return False


def _head(path: Path, gzipped: bool) -> bytes:
    """Return the first bytes, including the whole first line unless it is longer than any log event."""
    head = b""
    with decompressed(path, gzipped) as content:
        source = Sound(content, path.name, _nothing)
        while piece := source.read(_HEAD):
            head += piece
            if len(head) >= WHOLE or (len(head) >= _HEAD and b"\n" in head):
                break
    return head


def _once(warn: Say) -> Say:
    given: set[str] = set()

    def warn_once(warning: str) -> None:
        if warning not in given:
            given.add(warning)
            warn(warning)

    return warn_once


def _nothing(_: str) -> None:
    """Say nothing: the same file is read again."""
