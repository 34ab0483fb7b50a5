"""The command line, `eks-audit`, with one file for each group of commands.

Commands import what they need inside the function, so that `--help` is fast.
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

from eks_audit_constructs.cli import check, demo, detections, query, replay, tune, verify
from eks_audit_constructs.cli.app import app
from eks_audit_constructs.cli.exit_codes import BAD_INPUT, CLOSED_PIPE, INTERRUPTED, OK
from eks_audit_constructs.cli.terminal import escaped
from eks_audit_constructs.errors import EksAuditError

__all__ = ["app", "check", "demo", "detections", "main", "query", "replay", "tune", "verify"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main() -> None:
    """Run the command line and exit with one of `exit_codes`; errors that the user can fix take one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every terminal can show ≥
    raise SystemExit(_run())


def _run() -> int:
    with _interrupts() as interrupts:
        try:
            code = app(standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()  # a full disk must be reported here; at exit it is too late
        except Exception as error:
            # DuckDB, for one, turns an interrupt into a RuntimeError.
            return _report(KeyboardInterrupt() if interrupts else error)
        except KeyboardInterrupt as error:
            return _report(error)
        except SystemExit as error:
            # When the pipe is closed, click and rich exit with 1, which would mean that an alarm went off.
            if error.code == 1:
                return _report(BrokenPipeError())
            raise
        return code or OK


def _report(error: BaseException) -> int:
    """Report an error, in one line if the user can fix it, and return the exit code."""
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
            # A bug. Python itself would exit with 1, which would mean that an alarm went off.
            traceback.print_exception(error)
    return BAD_INPUT


def _say(sentence: str) -> None:
    with suppress(OSError):
        print(escaped(f"eks-audit: {sentence}"), file=sys.stderr)


def _discard_output() -> None:
    """Drop what is left in the buffer, or Python would try to write it at exit, and complain."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Record interrupts, unless the parent process had them ignored."""
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
