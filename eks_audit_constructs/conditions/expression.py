"""A condition on one audit event, written once and rendered everywhere.

    field("responseStatus.code") == 403
    (field("verb") == "delete") & ~(field("user.username") == "ci")

Every rendering has the semantics of CloudWatch Logs filter patterns:

- A comparison with a missing field, or with an object or an array, is false, even `!=`.
- Strings only compare with strings, numbers only with numbers. `*` in a string matches any text,
  and in a number (`matches_number("4*")`) any digits.
- The string `"*"` on its own means that the field holds a string, a number or a boolean.
- `a[*].b == x` is true if it is true for some element, and `a.* == x` if it is true for some field of `a` itself.

Where CloudWatch's documentation is silent (a quoted number against a JSON number, for example) the stricter reading
applies, so that nothing matches here that might not match there.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from eks_audit_constructs.conditions import paths
from eks_audit_constructs.conditions.operands import Constant, NumberGlob, Operand, Operator, Regex
from eks_audit_constructs.conditions.paths import ANY_ELEMENT, ANY_FIELD, Path, has_wildcard, selector
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = [
    "ANY_ELEMENT",
    "ANY_FIELD",
    "EVERYTHING",
    "And",
    "Comparison",
    "Constant",
    "Expression",
    "Field",
    "Is",
    "NotExists",
    "NumberGlob",
    "Operand",
    "Operator",
    "Or",
    "Path",
    "Regex",
    "Term",
    "all_of",
    "any_of",
    "field",
    "has_wildcard",
    "leaves",
    "message_contains",
    "selector",
]


class Expression:
    """A condition. Combine with `&` (and), `|` (or) and `~` (not)."""

    __slots__ = ()

    def __and__(self, other: Expression) -> Expression:
        return all_of([self, other])

    def __or__(self, other: Expression) -> Expression:
        return any_of([self, other])

    def __invert__(self) -> Expression:
        """Match the events that this condition does not match, including those without the field.

        A field of another type than the value it is compared with matches neither a condition nor its negation.
        """
        raise NotImplementedError  # implemented by every node below

    def __bool__(self) -> bool:
        raise _refusal(
            "a condition", self, "it has no truth value", "Combine conditions with &, | and ~, not and, or, not"
        )


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`path operator value`; `*` in a `str` value matches any text."""

    path: Path
    operator: Operator
    value: Operand

    def __post_init__(self) -> None:
        name = f"field {selector(self.path)!r}"
        if isinstance(self.value, bool):
            raise _refusal(name, self.value, "a comparison has no booleans", "Write .is_true() or .is_false()")
        if not isinstance(self.value, Operand):
            raise _refusal(name, self.value, "a field is compared with a string or a number", f"Write {_EXAMPLE}")
        if not isinstance(self.value, (int, float)) and self.operator not in (Operator.EQ, Operator.NE):
            raise _refusal(name, self.value, f"{self.operator.value} compares numbers", "Give a number")

    def __invert__(self) -> Expression:
        _refuse_wildcard(self.path)
        if self.value == "*":
            return NotExists(self.path) if self.operator is Operator.EQ else Comparison(self.path, Operator.EQ, "*")
        return Or((Comparison(self.path, self.operator.opposite, self.value), NotExists(self.path)))


@dataclass(frozen=True, slots=True)
class Is(Expression):
    """`path IS TRUE`, `IS FALSE` or `IS NULL`."""

    path: Path
    constant: Constant

    def __invert__(self) -> Expression:
        _refuse_wildcard(self.path)
        if self.constant is Constant.NULL:
            return Or((Comparison(self.path, Operator.EQ, "*"), NotExists(self.path)))
        other = Constant.FALSE if self.constant is Constant.TRUE else Constant.TRUE
        return any_of([Is(self.path, other), Is(self.path, Constant.NULL), NotExists(self.path)])


@dataclass(frozen=True, slots=True)
class NotExists(Expression):
    """The event does not have the field. With a wildcard: no element has it, or no field."""

    path: Path

    def __invert__(self) -> Expression:
        return Comparison(self.path, Operator.EQ, "*")


@dataclass(frozen=True, slots=True)
class Term(Expression):
    """Text in the log line itself, JSON or not: the unstructured form of a filter pattern."""

    text: str | Regex
    absent: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.text, (str, Regex)):
            raise _refusal("message_contains", self.text, "a log line contains text", 'Write message_contains("…")')

    def __invert__(self) -> Expression:
        return Term(self.text, not self.absent)


@dataclass(frozen=True, slots=True)
class And(Expression):
    """All of the terms; matches everything if there are none."""

    terms: tuple[Expression, ...]

    def __invert__(self) -> Expression:
        return any_of(~term for term in self.terms)


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """At least one of the terms."""

    terms: tuple[Expression, ...]

    def __invert__(self) -> Expression:
        return all_of(~term for term in self.terms)


EVERYTHING = And(())
"""Matches every log line: the empty filter pattern."""


class Field:
    """A field of the event, created by `field()`. Comparing it builds an `Expression`."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def __eq__(self, value: object) -> Expression:  # type: ignore[override]  # builds a condition, as in SQLAlchemy
        return Comparison(self.path, Operator.EQ, value)  # type: ignore[arg-type]  # which refuses what is no operand

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]  # builds a condition, as in SQLAlchemy
        return Comparison(self.path, Operator.NE, value)  # type: ignore[arg-type]  # which refuses what is no operand

    __hash__ = None  # type: ignore[assignment]  # == builds a condition, so a Field cannot be a key

    def __contains__(self, value: object) -> NoReturn:
        raise _refusal(
            repr(self),
            value,
            "`in` cannot ask the field of an event",
            "Write .is_in([...]), or == with [*] in the name",
        )

    def __bool__(self) -> NoReturn:
        raise _refusal("a field", self, "it has no truth value", f"Compare it, as in {_EXAMPLE}")

    def __lt__(self, value: float) -> Expression:
        return Comparison(self.path, Operator.LT, value)

    def __le__(self, value: float) -> Expression:
        return Comparison(self.path, Operator.LE, value)

    def __gt__(self, value: float) -> Expression:
        return Comparison(self.path, Operator.GT, value)

    def __ge__(self, value: float) -> Expression:
        return Comparison(self.path, Operator.GE, value)

    def is_in(self, values: Iterable[str | int | float]) -> Expression:
        """Match if the field equals one of the values."""
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise _refusal(repr(self), values, "is_in takes a list of values", 'Write .is_in(["get", "list"])')
        return any_of(Comparison(self.path, Operator.EQ, value) for value in values)

    def matches(self, regex: str) -> Expression:
        """Match if the field is a string that contains a match of a regular expression in CloudWatch's syntax."""
        return Comparison(self.path, Operator.EQ, Regex(regex))

    def matches_number(self, digits: str) -> Expression:
        """Match if the field is a whole number with these digits, of which `*` stands for any: `"4*"` for 4, 40, 403.

        Raises:
            AuditConfigurationError: The text is not digits and at least one `*`.
        """
        return Comparison(self.path, Operator.EQ, NumberGlob(digits))

    def is_true(self) -> Expression:
        return Is(self.path, Constant.TRUE)

    def is_false(self) -> Expression:
        return Is(self.path, Constant.FALSE)

    def is_null(self) -> Expression:
        return Is(self.path, Constant.NULL)

    def exists(self) -> Expression:
        """Match if the field holds a string, a number or a boolean; CloudWatch cannot test for objects or arrays."""
        return Comparison(self.path, Operator.EQ, "*")

    def not_exists(self) -> Expression:
        return NotExists(self.path)

    def __repr__(self) -> str:
        return f"field({selector(self.path)!r})"


def field(name: str) -> Field:
    """Return a field of the audit event by name: `objectRef.resource`, `sourceIPs[0]`, `annotations['a.b/c']`.

    Raises:
        AuditConfigurationError: The name does not have this form.
    """
    return Field(paths.read(name))


def message_contains(text: str) -> Expression:
    """Match if the log line contains the text: for lines that are not JSON, such as the authenticator's."""
    return Term(text)


def leaves(condition: Expression) -> Iterator[Comparison | Is | NotExists | Term]:
    """Yield the terms of a condition that are not combined from others, from left to right."""
    if isinstance(condition, And | Or):
        for term in condition.terms:
            yield from leaves(term)
    else:
        assert isinstance(condition, Comparison | Is | NotExists | Term)  # there are no others
        yield condition


def all_of(terms: Iterable[Expression]) -> Expression:
    """Match if all of the conditions match."""
    flat = _flatten(And, terms)
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(terms: Iterable[Expression]) -> Expression:
    """Match if at least one of the conditions matches.

    Raises:
        AuditConfigurationError: There are no conditions, so nothing could ever match.
    """
    flat = _flatten(Or, terms)
    if not flat:
        raise _refusal("any_of", (), "without conditions it can never match", "Give at least one condition")
    return flat[0] if len(flat) == 1 else Or(flat)


def _flatten(kind: type[And] | type[Or], terms: Iterable[Expression]) -> tuple[Expression, ...]:
    flat: list[Expression] = []
    for term in terms if isinstance(terms, Iterable) else [None]:
        if not isinstance(term, Expression):
            wrong = term if isinstance(terms, Iterable) else terms
            raise _refusal("a condition", wrong, "this is not a condition, or not a list of them", f"Write {_EXAMPLE}")
        flat.extend(term.terms if isinstance(term, kind) else (term,))
    return tuple(flat)


def _refuse_wildcard(path: Path) -> None:
    if has_wildcard(path):
        some = "element of an array" if ANY_ELEMENT in path else "field of an object"
        raise _refusal(
            "~",
            selector(path),
            f"no filter pattern can express that no {some} matches",
            "Name one, as in groups[0], or leave out the events by another field",
        )


def _refusal(where: str, value: object, limit: str, way_out: str) -> AuditConfigurationError:
    return AuditConfigurationError(where, value=value, limit=limit, way_out=way_out)


_EXAMPLE = 'field("verb") == "delete"'
