"""What every command line is answered with: a result, or one error of ours, in text that is safe for a terminal."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass
from unittest import mock

import pytest

from eks_audit_constructs.cli import main
from eks_audit_constructs.cli.exit_codes import BAD_INPUT, FOUND, OK

__all__ = ["Answer", "answer"]

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ERROR = re.compile(r"^(eks-audit: .*: .*|Error: .*|Commands:$)", re.MULTILINE)
"""An error of ours names the place before what is wrong; click's are about the options, or list the commands."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left."""

    code: int
    out: str
    err: str


def answer(*arguments: str, stdin: bytes = b"") -> Answer:
    """Run `eks-audit` with arguments in this process, check what holds of any answer, and return it."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    with (
        mock.patch.object(sys, "argv", ["eks-audit", *arguments]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
        mock.patch.object(sys, "stdout", streams[0]),
        mock.patch.object(sys, "stderr", streams[1]),
        pytest.raises(SystemExit) as left,
    ):
        main()
    out, err = (_written(stream) for stream in streams)
    code = left.value.code
    assert "Traceback (most recent call last)" not in err, err
    for text in (out, err):
        assert (found := _UNSAFE.search(text)) is None, (found, text)
    assert code in (OK, FOUND, BAD_INPUT)
    if code == BAD_INPUT:
        assert _ERROR.search(err), err
    assert isinstance(code, int)
    return Answer(code, out, err)


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
