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

from collections.abc import Iterable
from dataclasses import dataclass

from eks_audit_constructs.conditions import paths
from eks_audit_constructs.conditions.operands import Constant, NumberGlob, Operand, Operator, Regex
from eks_audit_constructs.conditions.paths import ANY_ELEMENT, ANY_FIELD, Path, has_wildcard, selector

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
        raise TypeError("a condition has no truth value: combine conditions with &, | and ~, not and, or and not")


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`path operator value`; `*` in a `str` value matches any text."""

    path: Path
    operator: Operator
    value: Operand

    def __post_init__(self) -> None:
        number = isinstance(self.value, (int, float))
        if isinstance(self.value, bool):
            raise TypeError("compare a boolean with .is_true() or .is_false()")
        if not number and self.operator not in (Operator.EQ, Operator.NE):
            raise TypeError(f"{self.operator.value} compares numbers, not {self.value!r}")

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
        return Comparison(self.path, Operator.EQ, _comparable(value))

    def __ne__(self, value: object) -> Expression:  # type: ignore[override]  # builds a condition, as in SQLAlchemy
        return Comparison(self.path, Operator.NE, _comparable(value))

    __hash__ = None  # type: ignore[assignment]  # == builds a condition, so a Field cannot be a key

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
        return any_of(Comparison(self.path, Operator.EQ, value) for value in values)

    def matches(self, regex: str) -> Expression:
        """Match if the field is a string that contains a match of a regular expression in CloudWatch's syntax."""
        return Comparison(self.path, Operator.EQ, Regex(regex))

    def matches_number(self, digits: str) -> Expression:
        """Match if the field is a whole number with these digits, of which `*` stands for any: `"4*"` for 4, 40, 403.

        Raises:
            ValueError: The text is not digits and at least one `*`.
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
        ValueError: The name does not have this form.
    """
    return Field(paths.read(name))


def message_contains(text: str) -> Expression:
    """Match if the log line contains the text: for lines that are not JSON, such as the authenticator's."""
    return Term(text)


def all_of(terms: Iterable[Expression]) -> Expression:
    """Match if all of the conditions match."""
    flat = _flatten(And, terms)
    return flat[0] if len(flat) == 1 else And(flat)


def any_of(terms: Iterable[Expression]) -> Expression:
    """Match if at least one of the conditions matches.

    Raises:
        ValueError: There are no conditions, so nothing could ever match.
    """
    flat = _flatten(Or, terms)
    if not flat:
        raise ValueError("any_of() without conditions can never match")
    return flat[0] if len(flat) == 1 else Or(flat)


def _flatten(kind: type[And] | type[Or], terms: Iterable[Expression]) -> tuple[Expression, ...]:
    flat: list[Expression] = []
    for term in terms:
        if not isinstance(term, Expression):
            raise TypeError(f"{term!r} is not a condition")
        flat.extend(term.terms if isinstance(term, kind) else (term,))
    return tuple(flat)


def _comparable(value: object) -> Operand:
    if isinstance(value, Operand):
        return value
    raise TypeError(f"a field is compared with a string or a number, not with {value!r}")


def _refuse_wildcard(path: Path) -> None:
    if has_wildcard(path):
        some = "element of an array" if ANY_ELEMENT in path else "field of an object"
        raise ValueError(f"~ on {selector(path)}: no filter pattern can express that no {some} matches")
