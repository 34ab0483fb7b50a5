"""Parse filter patterns into expressions: the JSON form and the unstructured form (`ERROR -"is fine"`).

The third form, `[ip, user, code = 4*]` for space-delimited lines, cannot describe an audit event and is rejected.
Where AWS's page is silent, the stricter reading applies, and `caveats` says what nobody has seen on the live service.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path as FilePath
from typing import Any, cast

from lark import Lark, Token, Transformer, Tree, UnexpectedInput
from lark.exceptions import VisitError

from eks_audit_constructs.conditions.expression import (
    ANY_FIELD,
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

__all__ = ["caveats", "parse"]

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def parse(text: str, *, where: str = "filter pattern") -> Expression:
    """Parse a filter pattern into an expression; the empty pattern matches everything.

    Raises:
        AuditConfigurationError: CloudWatch would reject the pattern, or it is for space-delimited lines.
    """
    try:
        return cast(Expression, _Reader().transform(_tree(text, where)))  # the result of the rules `json` and `text`
    except VisitError as error:
        if not isinstance(error.orig_exc, ValueError):
            raise
        limit = str(error.orig_exc)
        raise AuditConfigurationError(where, value=text, limit=limit, way_out="Correct the pattern.") from error


def caveats(text: str, *, where: str = "filter pattern") -> tuple[str, ...]:
    """Return what nobody has seen on the live service in a pattern that `parse` accepts, a sentence each.

    AWS's page does not settle it either. Each sentence says which reading is taken here.

    Raises:
        AuditConfigurationError: The text is no filter pattern.
    """
    tree = _tree(text, where)
    tokens = tree.scan_values(lambda _: True) if tree.data == "json" else ()
    unseen = dict.fromkeys(doubt for token in tokens for doubt in _doubts(token))
    return tuple(f"Not seen on CloudWatch: {doubt}. `eks-audit verify` settles it." for doubt in unseen)


def _doubts(token: Token) -> Iterator[str]:
    match token.type:
        case "SELECTOR" if not _SELECTOR.fullmatch(token):
            yield f"brackets other than in AWS's own $.['cluster.name'], as in {token}, read as one key"
        case "SELECTOR" if ANY_FIELD in _read_path(token):
            yield f"how deep {token} reaches, read as any field of the object itself and of none in it"
        case "IS" | "NOT" | "EXISTS" | "CONSTANT" if not token.isupper():
            yield "keywords in lower case, read like IS NULL and NOT EXISTS"
        case "QUOTED" if _NUMBER.fullmatch(_unquoted(token)) or NumberGlob.is_one(_unquoted(token)):
            yield f"{token} against a JSON number, which does not match here"
        case "REGEX" if " " in token:
            yield f"a space in a regular expression, as in {token}, read as a space"
        case "REGEX" if _DIGITS_REGEX.fullmatch(token):
            yield f"{token} against a JSON number, which does not match here"
        case "BARE" if NumberGlob.is_one(token):
            yield f"{token} against text or a number with a fraction or an exponent, which do not match here"
        case "BARE" if _NUMBER.fullmatch(token):
            if "E" in token:
                yield f"{token} with a capital E, read as a number"
        case "BARE" if _NUMBER_LIKE.fullmatch(token):
            yield f"{token} against a JSON number, which does not match here"
        case "BARE" if token.upper() in Constant.__members__:
            yield f"{token} without quotes, read as text and not as IS {token.upper()}"
        case "BARE" if not _PLAIN.fullmatch(token):
            yield f"{token} without quotes, read as text"


_SELECTOR = re.compile(r"""\$(\.\['[\w.-]+'\])?[^']*""", re.ASCII)
"""What AWS's page has: `$.['cluster.name']`, and plain keys and indexes."""
_DIGITS_REGEX = re.compile(r"%(?=.*[0-9d])(\\d|[0-9^$.*+?\[\]{}|,-])+%")
_NUMBER_LIKE = re.compile(r"(?=.*[0-9])(?=.*\*)[+-]?[0-9*]*(\.[0-9*]*)?([eE][+-]?[0-9*]*)?")
_PLAIN = re.compile(r"[\w.*]+", re.ASCII)
"""Text that the page has without quotes: `UpdateTrail` and `123.123.*`."""


def _tree(text: str, where: str) -> Tree[Token]:
    if text.lstrip().startswith("["):
        raise AuditConfigurationError(
            where,
            value=text,
            limit="this is a pattern for space-delimited log lines; audit events are JSON",
            way_out='Select fields of the JSON, as in { $.verb = "delete" }.',
        )
    form = "json" if text.lstrip().startswith("{") else "text"
    try:
        return _parser(form).parse(text)
    except UnexpectedInput as error:
        position = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text)
        raise AuditConfigurationError(
            where,
            value=text,
            limit=f"invalid from character {position + 1} on: {text[position : position + 20] or 'the end'!r}",
            way_out="Quote text with characters other than letters, digits and underscores; "
            'a JSON pattern looks like { ($.verb = "get") && ($.responseStatus.code >= 400) }.',
        ) from error


@cache
def _parser(form: str) -> Lark:
    grammar = FilePath(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    return Lark(grammar, start=form, parser="lalr", maybe_placeholders=True)


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
        return Is(_read_path(parts[0]), Constant[parts[2].upper()])

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
    if quote := _QUOTE.search(token):
        raise ValueError(f'{token} has the quote {quote[0]}, and CloudWatch knows only the double quote, "')
    if not _NUMBER.fullmatch(token):
        return str(token)
    number = int(token) if token.lstrip("+-").isdigit() else float(token)
    if abs(number) == math.inf:
        raise ValueError(f"{token} is too large for a number")
    return number


_QUOTE = re.compile(r"['`\u00b4\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]")


def _unquoted(token: Token) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.type == "QUOTED" else token.value
