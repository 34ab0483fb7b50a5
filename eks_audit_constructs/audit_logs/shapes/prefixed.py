"""Lines with something around the event: times, names of log groups, streams, pods.

    2026-11-23T09:00:00 {…}                                            aws logs tail --format short
    2026-11-23T09:00:00.000000+00:00 kube-apiserver-audit-01 {…}       aws logs tail
    /aws/eks/demo/cluster kube-apiserver-audit-01 {…}                  awslogs
    [pod/kube-apiserver-cp/kube-apiserver] {…}                         kubectl logs --prefix
    1795424400000<tab>{…}                                              aws --query 'events[].[timestamp,message]'

    {…}<tab>1795424400000                                              aws --query 'events[].[message,timestamp]'

What stands there is learned from a line with an audit event, so tools that are not named here are read too.
`aws logs tail --format json` writes the event over several lines, below such a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from functools import partial
from typing import TypeAlias

from eks_audit_constructs.audit_logs.json_line import integer
from eks_audit_constructs.audit_logs.shapes.entry import (
    EKS_STREAM,
    LONGEST,
    Entry,
    Found,
    Readable,
    Reader,
    compact,
    epoch,
    is_audit_event,
    moment,
)
from eks_audit_constructs.audit_logs.shapes.lines import lines

__all__ = ["recognise"]


class _Role(Enum):
    """What a word beside a message is."""

    TIME = auto()
    GROUP = auto()
    STREAM = auto()
    OTHER = auto()


_Layout: TypeAlias = tuple[Sequence[_Role], Sequence[_Role]]
"""What stands before a message, and after it."""

_DECODER = json.JSONDecoder(parse_int=integer)
_MOST = 12
"""Words beside a message."""
_TRIES = 6
"""Braces that are tried as the beginning of the event."""
_MILLISECONDS = re.compile(r"\d{13}")
_SHORT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ")
_DETAILED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d (\S+) *(\S?)")
_AWSLOGS = re.compile(r"/\S+ +(\S+) +((?:\d{4}-\d\d-\d\dT[\d:.]+Z )*)")


def recognise(line: str) -> Reader | None:
    """Return the reader for files with such a line; None if it is in another form."""
    layout = _learned(line) or _known(line)
    return partial(_read, layout=layout) if layout else None


def _known(line: str) -> _Layout | None:
    """Return what stands before any message, in the forms of AWS's tools."""
    if _SHORT.match(line):
        return (_Role.TIME,), ()
    # the offset is rare in other logs; a stream of EKS, or no message on the line, makes it certain
    if (found := _DETAILED.match(line)) and (EKS_STREAM.fullmatch(found[2]) or not found[3]):
        return (_Role.TIME, _Role.STREAM), ()
    if (found := _AWSLOGS.match(line)) and EKS_STREAM.fullmatch(found[1]):
        return (_Role.GROUP, _Role.STREAM, *[_Role.TIME] * len(found[2].split())), ()
    return None


def _learned(line: str) -> _Layout | None:
    """Return what stands around the audit event in a line."""
    start = -1
    for _ in range(_TRIES):
        start = line.find("{", start + 1)
        if start < 0:
            return None
        try:
            value, end = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            continue
        before, after = line[:start].split(), line[end:].split()
        apart = all(
            character.isspace() for character in (line[start - 1 : start] or " ") + (line[end : end + 1] or " ")
        )
        if apart and is_audit_event(value) and 0 < len(before) + len(after) <= _MOST:
            return _roles(before), [_role(word) for word in after]
    return None


def _roles(words: Sequence[str]) -> Sequence[_Role]:
    roles = [_role(word) for word in words]
    # the stream stands after the group, or alone after the time
    for before in (_Role.GROUP, _Role.TIME):
        if _Role.STREAM not in roles and roles[-2:] == [before, _Role.OTHER]:
            roles[-1] = _Role.STREAM
    return roles


def _role(word: str) -> _Role:
    if _time(word) is not None:
        return _Role.TIME
    if word.startswith("/"):
        return _Role.GROUP
    return _Role.STREAM if EKS_STREAM.fullmatch(word) else _Role.OTHER


def _time(word: str) -> int | None:
    return epoch(word) if _MILLISECONDS.fullmatch(word) else moment(word)


def _read(source: Readable, found: Found, layout: _Layout) -> Iterator[Entry]:
    block: _Block | None = None
    for line in lines(source, found):
        if block is not None:
            if block.takes(line):
                if block.event is not None:
                    yield block.event
                    block = None
                continue
            yield from block.given_up(found)
            block = None
        entry = _entry(line, *layout)
        if entry is None:
            found.unfit += 1
            yield Entry(line)
        elif entry.message:
            yield entry
        else:
            block = _Block(entry)
    if block is not None:
        yield from block.given_up(found)


class _Block:
    """An event that was written over several lines, below a line that says where it comes from."""

    def __init__(self, head: Entry) -> None:
        self._head = head
        self._lines: list[str] = []
        self._size = 0
        self.event: Entry | None = None
        """The event, once its last line was taken."""

    def takes(self, line: str) -> bool:
        """Take a line; return whether it belongs to the event."""
        self._size += len(line)
        if (not self._lines and line != "{") or self._size > LONGEST:
            return False
        self._lines.append(line)
        if line == "}":
            self.event = self._head._replace(message=compact("\n".join(self._lines)))
        return True

    def given_up(self, found: Found) -> Iterator[Entry]:
        """Yield the lines as they are."""
        found.unfit += len(self._lines)
        yield from map(Entry, self._lines)


def _entry(line: str, before: Sequence[_Role], after: Sequence[_Role]) -> Entry | None:
    """Read a line; None if something else stands around its message."""
    words = line.split(None, len(before))
    if line[:1].isspace() or len(words) < len(before):
        return None
    message, behind = words[len(before)] if len(words) > len(before) else "", []
    if after:
        message, *behind = message.rsplit(None, len(after)) or [""]
    roles = [*before, *after]
    if len(behind) < len(after) or (_Role.OTHER in roles and not message.startswith("{")):
        return None  # nothing tells whether the words are those of the layout
    at: int | None = None
    group = stream = None
    for word, role in zip([*words[: len(before)], *behind], roles, strict=True):
        if role is _Role.TIME:
            time = _time(word)
            if time is None:
                return None
            at = time if at is None else at  # the second one is when CloudWatch received it
        elif role is _Role.GROUP:
            if not word.startswith("/"):
                return None
            group = word
        elif role is _Role.STREAM:
            stream = word
    return Entry(message, at, group, stream)
