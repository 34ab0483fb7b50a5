"""The code of the custom resource: `index.py`, deployed inline."""

from __future__ import annotations

import io
import tokenize
from importlib.resources import files

__all__ = ["inline_code"]


def inline_code() -> str:
    """The handler as it goes into a template: what it does, without what only readers of the source need.

    A template without a bucket has at most 51,200 bytes, which would be spent on comments.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    source = files(__package__ or "").joinpath("index.py").read_text("utf-8")
    lines = source.splitlines()
    begins = True  # a statement: a string there is a docstring
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (first, column), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[first - 1] = lines[first - 1][:column]
        elif token.type == tokenize.STRING and begins:
            lines[first - 1 : last] = [""] * (last - first + 1)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    kept = [line.rstrip() for line in lines if line.strip()]
    return "# The handler of eks_audit_constructs.control_plane, without its comments.\n" + "".join(
        " " * ((len(line) - len(line.lstrip())) // 4) + line.lstrip() + "\n" for line in kept
    )
