"""The exit codes of `eks-audit`, as documented in `docs/guides/commands.md`."""

from __future__ import annotations

__all__ = ["BAD_INPUT", "CLOSED_PIPE", "FOUND", "INTERRUPTED", "MEANINGS", "OK"]

OK = 0
FOUND = 1
BAD_INPUT = 2
INTERRUPTED = 130
CLOSED_PIPE = 141

MEANINGS = {
    OK: "done",
    FOUND: "an alarm went off (with --fail-on-alarm), verify found a difference, or check found a fault",
    BAD_INPUT: "wrong input, no answer from AWS, or an alarm could not be judged (with --fail-on-alarm)",
    INTERRUPTED: "interrupted with Ctrl-C",
    CLOSED_PIPE: "the reader of the output closed the pipe",
}
