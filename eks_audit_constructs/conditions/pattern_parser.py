"""Parse filter patterns into expressions: the JSON form and the unstructured form (`ERROR -"is fine"`).

The third form, `[ip, user, code = 4*]` for space-delimited lines, cannot describe an audit event and is rejected.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path as FilePath
from typing import Any, cast

from lark import Lark, Token, Transformer, UnexpectedInput

from eks_audit_constructs.conditions.expression import (
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operand,
    Operator,
    Path,
    Regex,
    Term,
    all_of,
    any_of,
    field,
)
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["parse"]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def parse(text: str, *, where: str = "filter pattern") -> Expression:
    """Parse a filter pattern into an expression; the empty pattern matches everything.

    Raises:
        AuditConfigurationError: CloudWatch would reject the pattern, or it is for space-delimited lines.
    """
    if text.lstrip().startswith("["):
        raise AuditConfigurationError(
            where,
            value=text,
            limit="this is a pattern for space-delimited log lines; audit events are JSON",
            way_out='Select fields of the JSON, as in { $.verb = "delete" }.',
        )
    form = "json" if text.lstrip().startswith("{") else "text"
    try:
        return cast(Expression, _parser(form).parse(text))  # the result of its transformer
    except UnexpectedInput as error:
        position = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text)
        raise AuditConfigurationError(
            where,
            value=text,
            limit=f"invalid from character {position + 1} on: {text[position : position + 20] or 'the end'!r}",
            way_out="Quote text with characters other than letters, digits and underscores; "
            'a JSON pattern looks like { ($.verb = "get") && ($.responseStatus.code >= 400) }.',
        ) from error
    except ValueError as error:
        raise AuditConfigurationError(where, value=text, limit=str(error), way_out="Correct the pattern.") from error


@cache
def _parser(form: str) -> Lark:
    grammar = FilePath(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    return Lark(grammar, start=form, parser="lalr", maybe_placeholders=True, transformer=_Reader())


class _Reader(Transformer[Token, Any]):
    """Builds the expression bottom-up from lark's tree; its methods are named after the grammar's rules."""

    def json(self, parts: list[Expression]) -> Expression:
        return parts[0]

    def either(self, parts: list[Expression]) -> Expression:
        return any_of(parts)

    def both(self, parts: list[Expression]) -> Expression:
        return all_of(parts)

    def comparison(self, parts: list[Token]) -> Expression:
        path, sign, value = _read_path(parts[0]), Operator(parts[1].value), _read_value(parts[2])
        if sign not in (Operator.EQ, Operator.NE) and not isinstance(value, (int, float)):
            raise ValueError(f"{sign.value} compares numbers without quotes and wildcards, not {parts[2]}")
        return Comparison(path, sign, value)

    def is_constant(self, parts: list[Token]) -> Expression:
        return Is(_read_path(parts[0]), Constant(parts[1].value))

    def not_exists(self, parts: list[Token]) -> Expression:
        return NotExists(_read_path(parts[0]))

    def text(self, terms: list[tuple[str | None, Term]]) -> Expression:
        required = [term for sign, term in terms if sign != "?"]
        # CloudWatch ignores "?" terms if there are others.
        return all_of(required) if required or not terms else any_of(term for _, term in terms)

    def term(self, parts: list[Token | None]) -> tuple[str | None, Term]:
        sign, token = parts
        assert token is not None
        if token.type == "WORD" and not _WORD.fullmatch(token):
            raise ValueError(f"{token} has characters that only a quoted term may have")
        value = Regex(token[1:-1]) if token.type == "REGEX" else _unquoted(token)
        return sign and sign.value, Term(value, absent=sign == "-")


def _read_path(token: Token) -> Path:
    name = token.removeprefix("$").removeprefix(".").replace(".[", "[")
    return field(name).path


def _read_value(token: Token) -> Operand:
    """Read what a field is compared with; without quotes, all that can be a number is one, and the rest is text."""
    if token.type == "REGEX":
        return Regex(token[1:-1])
    if token.type == "QUOTED":
        return _unquoted(token)
    if NumberGlob.is_one(token):
        return NumberGlob(token.value)
    if not _NUMBER.fullmatch(token):
        return token.value
    number = int(token) if token.lstrip("+-").isdigit() else float(token)
    if abs(number) == math.inf:
        raise ValueError(f"{token} is too large for a number")
    return number


def _unquoted(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.type == "QUOTED" else token.value
