"""What the exit codes of `eks-audit` mean; `docs/guides/commands.md` says the same."""

from __future__ import annotations

__all__ = ["BAD_INPUT", "CLOSED_PIPE", "FOUND", "INTERRUPTED", "MEANINGS", "OK"]

OK = 0
FOUND = 1
BAD_INPUT = 2
INTERRUPTED = 130
CLOSED_PIPE = 141

MEANINGS = {
    OK: "done",
    FOUND: "an alarm went off (with --fail-on-alarm), or verify found a difference",
    BAD_INPUT: "wrong input, no answer, or nothing to judge by (with --fail-on-alarm)",
    INTERRUPTED: "interrupted with Ctrl-C",
    CLOSED_PIPE: "the reader of the output closed the pipe",
}
