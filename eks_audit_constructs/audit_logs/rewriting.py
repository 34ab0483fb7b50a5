"""Write the events of a file as lines: a file for each log stream that they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from eks_audit_constructs.audit_logs.log_files import long_lines
from eks_audit_constructs.audit_logs.shapes.entry import CONTROL, Entry, Found, is_audit_line, log_line

__all__ = ["Written", "notes", "write"]

_MOST = 64
"""Streams that get a file; the others of a log group share one, and so do groups beyond twice as many files."""


@dataclass(kw_only=True, slots=True)
class Written:
    """A file of lines."""

    path: Path
    group: str | None
    stream: str | None
    timed: bool = False
    """The log has a time for some event."""
    file: BinaryIO = field(repr=False)
    lines: int = 0
    received: Path | None = None
    """A file with a line for each line of this one: when CloudWatch received it, in milliseconds since 1970."""
    times: BinaryIO | None = field(default=None, repr=False)


def write(entries: Iterable[Entry], found: Found, new: Callable[[], Path]) -> list[Written]:
    """Write events as lines: their times, if the log has them, and their messages.

    Args:
        entries: The events. Control messages are counted and left out.
        found: What is found in the file besides its events.
        new: Returns the path of a new file.

    Returns:
        The files, in the order in which their streams appear; one even if there are no events.
    """
    files: dict[tuple[str | None, str | None], Written] = {}
    with ExitStack() as opened:

        def file_of(group: str | None, stream: str | None) -> Written:
            if (group, stream) not in files:
                if len(files) >= _MOST and stream is not None:
                    return file_of(group, None)
                if len(files) >= 2 * _MOST and group is not None:
                    return file_of(None, None)
                path = new()
                file = opened.enter_context(path.open("wb"))
                files[group, stream] = Written(path=path, group=group, stream=stream, file=file)
            return files[group, stream]

        for entry in entries:
            if entry.message.startswith(CONTROL):
                found.controls += 1
                continue
            found.events += 1
            found.audit = found.audit or is_audit_line(entry.message)
            line = log_line(entry.message, entry.at)
            written = file_of(entry.group, entry.stream)
            written.timed |= entry.at is not None
            written.file.write(line)
            if entry.received is not None and written.times is None:
                written.received = new()
                written.times = opened.enter_context(written.received.open("wb"))
                written.times.write(b"\n" * written.lines)
            if written.times is not None:
                written.times.write(b"%d\n" % entry.received if entry.received is not None else b"\n")
            written.lines += 1
        if not files:
            file_of(None, None)
    return [*files.values()]


def notes(name: str, found: Found, files: Iterable[Written]) -> list[str]:
    """Return what a reader of the results has to know about a file."""
    said = []
    if found.broken:
        said.append(f"{name}: invalid JSON at {found.broken} place(s), each counted as one unreadable event")
    if found.unfit:
        said.append(f"{name}: {found.unfit} line(s) in another form than the rest, each counted as one event as it is")
    if found.long:
        said.append(long_lines(name, found.long))
    if found.controls:
        said.append(f"{name}: {found.controls} control message(s) left out, they are not log events")
    if found.failures:
        errors = ", ".join(sorted(found.failures))
        said.append(
            f"{name}: these are records that Firehose failed to deliver ({errors}): {found.decoded} decoded, "
            f"{found.undecoded} left out because they cannot be"
        )
    if found.part:
        said.append(f"{name}: this is a part of the log: {found.part}")
    groups = sorted({file.group for file in files if file.group})
    if len(groups) > 1:
        said.append(f"{name}: events of {len(groups)} log groups: {', '.join(groups)}")
    return said
