"""Comparisons that no audit event meets, and those that every event meets: what is known of each field by itself.

What EKS leaves out of its log, and which comparisons exclude each other, is in `logged`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

from eks_audit_constructs.audit_events import fields
from eks_audit_constructs.audit_events.fields import Holds
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
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
    has_wildcard,
    selector,
)

__all__ = ["Reason", "always", "never", "no_value"]

_CODES = range(100, 1000)
"""What Go's HTTP server lets a response have."""
_KNOWN_CODES = range(100, 600)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a part of a condition never matches, or always does.

    Args:
        says: The reason, as the end of a sentence.
        way_out: What to write instead.
        certain: Whether no audit event can differ; otherwise it is likely.
    """

    says: str
    way_out: str
    certain: bool = True


@lru_cache(maxsize=4096)
def never(part: Expression) -> Reason | None:
    """Return why no audit event meets a comparison; None if one may."""
    match part:
        case Comparison(path):
            return no_value(path) or _compared(part)
        case Is(path, constant):
            return no_value(path) or _is(path, constant)
        case NotExists(path) if fields.shape(path) in fields.ALWAYS and not has_wildcard(path):
            return Reason(says=f"every audit event has {selector(path)}", way_out="Drop this part.")
    return None


def always(part: Expression) -> Reason | None:
    """Return why every audit event that has the field meets a comparison, so that it leaves nothing out."""
    match part:
        case NotExists(path) if fields.holds(path) is Holds.NOTHING:
            return no_value(path)
        case Comparison(path, Operator.NE, value):
            return _never_held(path, value)
    return None


def no_value(path: Path) -> Reason | None:
    """Return why no audit event has a value to compare at a path; None if one may."""
    name = selector(path)
    match fields.holds(path):
        case Holds.NOTHING:
            return _no_field(path)
        case Holds.OBJECT:
            return Reason(
                says=f"{name} holds an object, and CloudWatch compares only values", way_out="Name a field in it."
            )
        case Holds.LIST:
            return Reason(
                says=f"{name} holds a list, and CloudWatch compares only values",
                way_out=f"Write {name}[0] for the first element, or {name}[*] for any.",
            )
        case Holds.ANYTHING:
            return _in_a_body(path)
    return None


def _no_field(path: Path) -> Reason:
    name, plain = selector(path), tuple(key for key in path if isinstance(key, str))
    says = f"no Kubernetes audit event has this field, {name}"
    if ANY_FIELD not in path and fields.holds(plain) in (Holds.TEXT, Holds.NUMBER, Holds.OBJECT):
        return Reason(says=f"{selector(plain)} is no list", way_out=f"Write {selector(plain)}.")
    for parent, index in ((("annotations",), ""), (("user", "extra"), "[0]"), (("impersonatedUser", "extra"), "[0]")):
        if path[: len(parent)] == parent:
            key = ".".join(plain[len(parent) :])
            return Reason(
                says=f"{says}: what {'.'.join(parent)} holds has no fields of its own, and a key may have dots",
                way_out=f"Write {selector((*parent, key))}{index}.",
            )
    known = sorted(fields.TEXTS | fields.NUMBERS)
    near = difflib.get_close_matches(fields.shape(path), known, n=1, cutoff=0.7)
    instead = fields.INSTEAD.get(fields.shape(path)) or (near[0] if near else None)
    way_out = (
        "Use the audit event's own names, such as objectRef.resource or user.username."
        if instead is None
        else f"Use {instead}."
    )
    return Reason(says=says, way_out=way_out)


def _in_a_body(path: Path) -> Reason | None:
    """Return why a field of a body likely has no value: a list without an index, or a key with dots."""
    for at, segment in enumerate(path):
        rest = path[at + 1 :]
        if segment in fields.MAPS and at:
            if len(rest) > 1 and all(isinstance(key, str) for key in rest):
                whole = selector((*path[: at + 1], ".".join(map(str, rest))))
                return Reason(
                    says=f"{selector(path[: at + 1])} holds text under keys that may have dots",
                    way_out=f"Write {whole} if this is one key.",
                    certain=False,
                )
            return None
        if isinstance(segment, str) and (not rest or isinstance(rest[0], str)) and fields.is_list(path[: at + 1]):
            name = selector(path[: at + 1])
            indexed = selector((*path[: at + 1], ANY_ELEMENT, *rest))
            return Reason(
                says=f"{name} is a list in Kubernetes' own objects, and CloudWatch looks into none without an index",
                way_out=f"Write {indexed}, or an index in place of the *.",
                certain=False,
            )
    return None


def _compared(part: Comparison) -> Reason | None:
    path, value = part.path, part.value
    name, number = selector(path), isinstance(part.value, (int, float, NumberGlob))
    if value == "*":
        return None
    match fields.holds(path):
        case Holds.TEXT if number:
            return Reason(
                says=f"the field holds text, and no number equals text: {name}", way_out="Write it in quotes."
            )
        case Holds.NUMBER if not number:
            return Reason(
                says=f"{name} is always a number, and no text equals a number",
                way_out=f'Write field("{name}") == 403, .is_in([401, 403]) or >= 400, '
                'or .matches_number("4*") for a wildcard.',
            )
        case Holds.NUMBER:
            return _code(part)
        case Holds.TEXT if part.operator is Operator.EQ:
            return _never_held(path, value)
        case Holds.ANYTHING:
            return _typed(path, value)
    return None


def _never_held(path: Path, value: Operand) -> Reason | None:
    """Return why no event has this text in a field of text."""
    if not isinstance(value, (str, Regex)) or fields.holds(path) is not Holds.TEXT:
        return None
    name = fields.shape(path)
    if isinstance(value, str):
        if name in fields.LOWER_CASE and value != value.lower():
            return Reason(
                says=f"audit events have {value.lower()!r}, and CloudWatch is case-sensitive",
                way_out=f'Write "{value.lower()}".',
            )
        if (reason := _misplaced(path, value)) is not None:
            return reason
    known = fields.KNOWN_VALUES.get(name)
    if known is not None and not any(_is_met(Comparison(path, Operator.EQ, value), text) for text in known):
        listed = f"audit events have {', '.join(sorted(known))}" if len(known) < 5 else "no audit event has it"
        near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
        return Reason(says=listed, way_out=f'Did you mean "{near[0]}"?' if near else "Drop this value.")
    if path == ("objectRef", "resource") and value in fields.PLURALS:
        plural = fields.PLURALS[str(value)]
        return Reason(
            says=f"audit events have the plural, {plural!r}",
            way_out=f'Write "{plural}", unless a custom resource is called like that.',
            certain=False,
        )
    return None


def _misplaced(path: Path, value: str) -> Reason | None:
    """Return why text is not in this field but, perhaps, in another one."""
    name = fields.shape(path)
    if name == "objectRef.resource" and "/" in value:
        resource, _, rest = value.partition("/")
        return Reason(
            says="a resource has no slash: what comes after it is the subresource",
            way_out=f'Write (field("objectRef.resource") == "{resource}") & '
            f'(field("objectRef.subresource") == "{rest}").',
        )
    if name == "objectRef.apiGroup" and "/" in value:
        return Reason(
            says="a group has no slash: what comes after it is the version",
            way_out=f'Write "{value.partition("/")[0]}".',
        )
    if name == "objectRef.apiGroup" and value in ("core", "v1"):
        return Reason(
            says="the core group has no name, so audit events leave the field out",
            way_out=f'Write field("{name}").not_exists().',
            certain=False,
        )
    if name == "sourceIPs" and "/" in value:
        return Reason(
            says="the field holds addresses, and a filter pattern cannot match subnets",
            way_out="Use a wildcard, as in 10.*, or a saved query.",
        )
    if name == "requestURI" and not value.startswith(("/", "*")):
        return Reason(says="a requestURI begins with /", way_out=f'Write "*{value}" or "/{value}".', certain=False)
    return None


def _code(part: Comparison) -> Reason | None:
    """Return why no response has such a code."""
    if any(_is_met(part, code) for code in _tried(part.value) if code in _KNOWN_CODES):
        return None
    some = any(_is_met(part, code) for code in _tried(part.value))
    return Reason(
        says="a response's code is between 100 and 599, and left out if there is none",
        way_out="Correct the number.",
        certain=not some,
    )


def _tried(value: Operand) -> list[int]:
    """Return codes of which one meets a comparison with this value if any code does."""
    if isinstance(value, (int, float)) and abs(value) < 10_000:
        near = (int(value) - 1, int(value), int(value) + 1)
        return [*(code for code in near if code in _CODES), _CODES[0], _KNOWN_CODES[-1], _CODES[-1]]
    return list(_CODES)


def _typed(path: Path, value: Operand) -> Reason | None:
    """Return why a field of Kubernetes' own objects likely has no such value."""
    last = path[-1]
    if last in fields.BOOLEANS:
        return Reason(
            says=f"{selector(path)} is true or false, and neither text nor a number equals that",
            way_out="Write .is_true() or .is_false(), or IS TRUE in a pattern.",
            certain=False,
        )
    if last in fields.WHOLE_NUMBERS and not isinstance(value, (int, float, NumberGlob)):
        return Reason(
            says=f"{selector(path)} is a number, and no text equals a number",
            way_out="Write the number without quotes.",
            certain=False,
        )
    return None


def _is(path: Path, constant: Constant) -> Reason | None:
    if fields.holds(path) not in (Holds.TEXT, Holds.NUMBER):
        return None
    if constant is Constant.NULL:
        return Reason(
            says=f"{selector(path)} is never null: an audit event leaves out what is empty",
            way_out="Write .not_exists(), or NOT EXISTS in a pattern.",
        )
    return Reason(says=f"the field is not a boolean: {selector(path)}", way_out="Compare it with a value.")


def _is_met(part: Comparison, value: object) -> bool:
    """Return whether a field with this value meets a comparison."""
    return predicate(Comparison(("it",), part.operator, part.value))(b"", {"it": value})
