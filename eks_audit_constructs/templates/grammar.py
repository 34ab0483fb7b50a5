"""What is shared by the texts of templates that have a grammar of their own."""

from __future__ import annotations

from lark.exceptions import UnexpectedInput, UnexpectedToken

__all__ = ["syntax_error"]


def syntax_error(error: UnexpectedInput) -> str:
    """Return where a text breaks its grammar: `syntax error at character 7`."""
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    return "syntax error at the end" if at_end else f"syntax error at character {(error.pos_in_stream or 0) + 1}"
