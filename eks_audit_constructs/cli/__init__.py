"""The command line: `eks-audit`, a file for each group of commands.

What a command needs is imported inside it, so that `--help` is quick.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from eks_audit_constructs.cli import demo, detections, query, replay, tune, verify
from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import BAD_INPUT, CLOSED_PIPE, INTERRUPTED, OK
from eks_audit_constructs.errors import EksAuditError

__all__ = ["app", "demo", "detections", "main", "query", "replay", "tune", "verify"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main() -> None:
    """Run the command line and exit with one of the `exit_codes`; what its user can mend is said in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no ≥ is no reason to stop
    raise SystemExit(_run())


def _run() -> int:
    with _interrupts() as interrupts:
        try:
            code = app(standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where it can still be said that there is no room
        except Exception as error:
            # Libraries make errors of their own out of an interrupt: DuckDB a RuntimeError.
            return _said(KeyboardInterrupt() if interrupts else error)
        except KeyboardInterrupt as error:
            return _said(error)
        except SystemExit as error:
            # Where a pipe is closed, click and rich exit with 1, which would say that an alarm went off.
            if error.code == 1:
                return _said(BrokenPipeError())
            raise
        return code or OK


def _said(error: BaseException) -> int:
    """Say what went wrong, in one line if its user can mend it; the exit code."""
    match error:
        case click.ClickException():
            error.show()
        case EksAuditError():
            _say(str(error))
        case KeyboardInterrupt() | click.Abort():
            _say("interrupted")
            return INTERRUPTED
        case BrokenPipeError():
            _discard_output()
            return CLOSED_PIPE
        case OSError(errno=number) if number in _NO_ROOM:
            _say(f"{error.filename or 'the output'} cannot be written: {error.strerror}")
            _discard_output()
        case _:
            # An error of ours. Python itself would exit with 1, which says that an alarm went off.
            traceback.print_exception(error)
    return BAD_INPUT


def _say(sentence: str) -> None:
    with suppress(OSError):
        print(f"eks-audit: {sentence}", file=sys.stderr)


def _discard_output() -> None:
    """What could not be written is still in a buffer, and Python would try again, and complain, when it exits."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """The interrupts that came, unless whoever started this asked for them to be ignored."""
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield came
        return
    signal.signal(signal.SIGINT, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, before)
