"""Render expressions as CloudWatch Logs filter patterns, within CloudWatch's limits.

Syntax and limits: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal

from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operand,
    Or,
    Path,
    Regex,
    Term,
    has_wildcard,
    selector,
)
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["MAX_LENGTH", "has_regex", "read", "render"]

MAX_LENGTH = 1024
"""Maximum characters of a filter pattern (PutMetricFilter)."""
_MAX_REGEXES = 2
_MAX_WILDCARDS = 3
_REGEX_CHARACTERS = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+. ]+")
"""The page lists them, without the space, which one of its examples has: `%^starting|^shutting down%`."""


def render(expression: Expression, *, where: str) -> str:
    """Render an expression as a filter pattern.

    Args:
        expression: The condition.
        where: The subject of an error: the construct's path or the detection's id.

    Raises:
        AuditConfigurationError: CloudWatch would reject the pattern, or no pattern can express the condition.
    """
    if any(isinstance(node, Term) for node in _nodes(expression)):
        text = _render_terms(expression, where)
    elif expression == EVERYTHING:
        text = ""
    else:
        text = f"{{ {_render(expression, where, nested=False)} }}"
    _check(expression, text, where)
    return text


def read(text: str, *, where: str) -> Expression:
    """Read a pattern of anyone's, and reject one that CloudWatch would reject.

    Args:
        text: The pattern.
        where: The subject of an error: the template's resource or the construct's path.

    Raises:
        AuditConfigurationError: With the position in the text, or the limit it exceeds.
    """
    from eks_audit_constructs.conditions.pattern_parser import parse  # lark is slow to import

    expression = parse(text, where=where)
    _check(expression, text, where)
    return expression


def has_regex(expression: Expression) -> bool:
    """Return whether the pattern counts towards the log group's limit on patterns with regular expressions."""
    return any(isinstance(_value(node), Regex) for node in _nodes(expression))


def _render(expression: Expression, where: str, *, nested: bool = True) -> str:
    match expression:
        case And(terms) if terms:
            text = " && ".join(_render(term, where) for term in terms)
        case Or(terms) if terms:
            text = " || ".join(_render(term, where) for term in terms)
        case Comparison(path, sign, value):
            text = f"{_selector(path)} {sign.value} {_literal(value, where)}"
        case Is(path, constant):
            text = f"{_selector(path)} IS {constant.value}"
        case NotExists(path):
            text = f"{_selector(path)} NOT EXISTS"
        case _:
            raise AuditConfigurationError(
                where,
                value=expression,
                limit="a filter pattern has either conditions on fields or terms in the line, and at least one of them",
                way_out="Use one form only, and at least one condition.",
            )
    return f"({text})" if nested else text


def _selector(path: Path) -> str:
    return f"$.{selector(path)}"


def _literal(value: Operand, where: str) -> str:
    if isinstance(value, Regex):
        return f"%{value.source}%"
    if isinstance(value, NumberGlob):
        return value.text
    if isinstance(value, str):
        return _quoted(value, where)
    if not math.isfinite(value):
        raise AuditConfigurationError(
            where, value=value, limit="a filter pattern compares finite numbers", way_out="Give a decimal number."
        )
    # CloudWatch reads exponents too, but plain digits leave nothing open.
    return str(value) if isinstance(value, int) else f"{Decimal(repr(value)):f}"


def _quoted(text: str, where: str) -> str:
    if not text or not text.isprintable():
        raise AuditConfigurationError(
            where,
            value=text,
            limit="text in a filter pattern has at least one character, and only printable ones",
            way_out="Compare with printable text, or test for the field with .exists() or .not_exists().",
        )
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _render_terms(expression: Expression, where: str) -> str:
    match expression:
        case Or(terms) if all(isinstance(term, Term) and not term.absent for term in terms):
            return " ".join(f"?{_term(term, where)}" for term in terms)
        case And(terms) if all(isinstance(term, Term) for term in terms):
            return " ".join(_term(term, where) for term in terms)
        case Term():
            return _term(expression, where)
    raise AuditConfigurationError(
        where,
        value=expression,
        limit="terms in the line are joined by & (negated or not) or by | (not negated), without fields",
        way_out="Split the detection in two, or test fields of the JSON only.",
    )


def _term(term: Expression, where: str) -> str:
    assert isinstance(term, Term)
    text = f"%{term.text.source}%" if isinstance(term.text, Regex) else _quoted(term.text, where)
    return f"-{text}" if term.absent else text


def _check(expression: Expression, text: str, where: str) -> None:
    regexes = [value.source for value in map(_value, _nodes(expression)) if isinstance(value, Regex)]
    wild = [path for path in map(_path, _nodes(expression)) if has_wildcard(path)]
    refusal: tuple[object, str, str] | None = None
    if len(text) > MAX_LENGTH:
        refusal = (text, f"{len(text)} characters; a filter pattern has at most {MAX_LENGTH}", "Split it.")
    elif len(regexes) > _MAX_REGEXES:
        refusal = (text, f"{len(regexes)} regular expressions; a pattern has at most {_MAX_REGEXES}", "Use wildcards.")
    elif len(wild) > _MAX_WILDCARDS:
        refusal = (
            text,
            f"{len(wild)} selectors with [*] or .*; a pattern has at most {_MAX_WILDCARDS}",
            "Split it.",
        )
    elif nested := [path for path in wild if sum(has_wildcard((segment,)) for segment in path) > 1]:
        refusal = (
            selector(nested[0]),
            "a selector has at most one [*] or .*",
            "Give an index or a key for all but one.",
        )
    else:
        for source in regexes:
            if not _REGEX_CHARACTERS.fullmatch(source) or not _compiles(source):
                limit = "CloudWatch's regular expressions have no parentheses, no % and few symbols"
                refusal = (source, limit, "Write it without groups, or use * in a quoted string.")
    if refusal is not None:
        value, limit, way_out = refusal
        raise AuditConfigurationError(where, value=value, limit=limit, way_out=way_out)


def _compiles(source: str) -> bool:
    try:
        re.compile(source, re.ASCII)
    except re.error:
        return False
    return True


def _nodes(expression: Expression) -> Iterator[Expression]:
    yield expression
    if isinstance(expression, (And, Or)):
        for term in expression.terms:
            yield from _nodes(term)


def _value(node: Expression) -> object:
    return node.value if isinstance(node, Comparison) else node.text if isinstance(node, Term) else None


def _path(node: Expression) -> Path:
    return node.path if isinstance(node, (Comparison, Is, NotExists)) else ()
