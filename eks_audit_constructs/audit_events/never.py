"""Whether a condition can match an audit event of EKS at all.

This is the one place that detections, exclusions, guards, saved queries, Sigma rules and templates ask. What is certain
is refused: a part that no event meets (`impossible`), and a whole that EKS never logs (`logged`). What is only likely
is a doubt, since a custom resource, for one, may be called like the singular of a resource of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from eks_audit_constructs.audit_events import impossible
from eks_audit_constructs.audit_events.fields import Holds, holds
from eks_audit_constructs.audit_events.findings import Rule, collecting, tell
from eks_audit_constructs.audit_events.impossible import Reason
from eks_audit_constructs.audit_events.logged import EXCLUDED, why_never
from eks_audit_constructs.conditions.expression import (
    ANY_FIELD,
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    Path,
    Regex,
    all_of,
    leaves,
    selector,
)
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Never", "doubts", "is_about_audit_events", "refusals", "refuse", "shown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Never:
    """A part of a condition that never matches, or that leaves nothing out, and why."""

    part: str
    """As a filter pattern has it."""
    effect: str = "never matches"
    reason: Reason

    def __str__(self) -> str:
        part = self.part if len(self.part) <= _SHOWN else f"{self.part[:_SHOWN]}…"
        return f"{part} {self.effect}: {self.reason.says}. {self.reason.way_out}"

    @property
    def certain(self) -> bool:
        return self.reason.certain

    def error(self, where: str) -> AuditConfigurationError:
        """Return the error that says so."""
        limit = f"{self.effect}: {self.reason.says}"
        return AuditConfigurationError(where, value=self.part, limit=limit, way_out=self.reason.way_out)


_SHOWN = 120
"""Maximum characters of a part in a sentence."""
_LIKELY = "likely never matches"


def refuse(condition: Expression, where: str) -> bool:
    """Refuse a condition that can match no audit event of EKS, wholly or in a part.

    Args:
        condition: The condition.
        where: The detection, query or guard.

    Returns:
        Whether it is refused, which whoever collects findings has been told.

    Raises:
        AuditConfigurationError: With the part, the reason and the way out.
    """
    refused = refusals(condition)
    for found in refused:
        tell(Rule.NEVER, found.error(where))
    if collecting(where):
        for found in doubts(condition):
            tell(Rule.DOUBT, found.error(where))
    return bool(refused)


def refusals(condition: Expression) -> list[Never]:
    """Return the parts of a condition that certainly match no audit event; if there are none, the whole if it does."""
    parts = [Never(part=shown(part), reason=reason) for part, reason in _parts(condition) if reason.certain]
    if not parts and (why := why_never(condition)) is not None:
        says, way_out = why
        return [Never(part=shown(condition), reason=Reason(says=says, way_out=way_out))]
    return list(dict.fromkeys(parts))


def doubts(condition: Expression) -> list[Never]:
    """Return the parts of a condition that likely match no audit event, or that leave nothing out."""
    found = [
        Never(part=shown(part), effect=_LIKELY, reason=reason)
        for part, reason in _parts(condition)
        if not reason.certain
    ]
    found += [
        Never(part=shown(part), effect="leaves nothing out", reason=replace(reason, certain=False))
        for part in leaves(condition)
        if (reason := impossible.always(part)) is not None
    ]
    if why_never(condition) is None:
        found += _vain_alternatives(condition)
    return list(dict.fromkeys(found))


def is_about_audit_events(condition: Expression) -> bool:
    """Return whether a condition names a field of the audit event, as one on other logs hardly does."""
    return any(
        holds(leaf.path) not in (Holds.NOTHING, Holds.OBJECT) and leaf.path[0] not in _COMMON
        for leaf in leaves(condition)
        if isinstance(leaf, (Comparison, Is, NotExists))
    )


_COMMON = (ANY_FIELD, "kind", "level", "stage", "user", "userAgent", "verb")
"""Names that other logs have too."""


def _parts(condition: Expression) -> Iterator[tuple[Expression, Reason]]:
    """Yield the comparisons that no event meets."""
    if isinstance(condition, (And, Or)):
        for term in condition.terms:
            if not (isinstance(condition, Or) and _is_left_over(term, condition)):
                yield from _parts(term)
    elif (reason := impossible.never(condition)) is not None:
        yield condition, reason


def _vain_alternatives(condition: Expression) -> Iterator[Never]:
    """Yield the alternatives that EKS never logs, given the rest of the condition.

    Those that only the rest excludes are left alone: that is how a general condition is narrowed.
    """
    terms = condition.terms if isinstance(condition, And) else (condition,)
    for term in terms:
        if not isinstance(term, Or):
            continue
        rest = [other for other in terms if other is not term]
        for alternative in term.terms:
            if _is_negative(alternative) or _is_left_over(alternative, term):
                continue
            why = why_never(all_of([*rest, alternative]))
            if why is not None and why != EXCLUDED:
                says, way_out = why
                reason = Reason(says=says, way_out=way_out, certain=False)
                yield Never(part=shown(alternative), effect="never matches here", reason=reason)


def _is_negative(part: Expression) -> bool:
    return isinstance(part, NotExists) or (isinstance(part, Comparison) and part.operator is Operator.NE)


def _is_left_over(part: Expression, alternatives: Or) -> bool:
    """Return whether a part comes from `~`, which also matches events that do not have the field."""
    match part:
        case NotExists(path) | Is(path, Constant.NULL):
            others = (other for other in alternatives.terms if other is not part)
            return any(isinstance(other, Comparison | Is) and other.path == path for other in others)
    return False


def shown(condition: Expression) -> str:
    """Return a condition as a filter pattern has it, also one that CloudWatch would reject."""
    match condition:
        case And(terms):
            return " && ".join(f"({shown(term)})" if isinstance(term, Or) else shown(term) for term in terms)
        case Or(terms):
            return " || ".join(f"({shown(term)})" if isinstance(term, And) else shown(term) for term in terms)
        case Comparison(path, operator, value):
            return f"{_selector(path)} {operator.value} {_literal(value)}"
        case Is(path, constant):
            return f"{_selector(path)} IS {constant.value}"
        case NotExists(path):
            return f"{_selector(path)} NOT EXISTS"
    return repr(condition)


def _selector(path: Path) -> str:
    return f"$.{selector(path)}"


def _literal(value: object) -> str:
    match value:
        case Regex(source):
            return f"%{source}%"
        case NumberGlob(text):
            return text
        case str():
            return f'"{value}"'
    return str(value)
