"""pySigma's parsed conditions as expressions.

Sigma ignores case and CloudWatch does not. Kubernetes writes its own names in one way and compares them exactly, so
they are compared exactly here; for fields whose text may have any case, a rule must use `|cased`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SigmaTimestampPart,
    SpecialChars,
)

from eks_audit_constructs.audit_events import fields, impossible
from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    And,
    Comparison,
    Constant,
    Expression,
    Is,
    NotExists,
    Operator,
    Or,
    Path,
    Regex,
    Term,
)
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.sigma.field_names import paths
from eks_audit_constructs.sigma.simple import NEVER, conjunction, disjunction

__all__ = ["Reader"]

_ORDER = {
    CompareOperators.LT: Operator.LT,
    CompareOperators.LTE: Operator.LE,
    CompareOperators.GT: Operator.GT,
    CompareOperators.GTE: Operator.GE,
}
_REGEX_PLAIN = re.compile(r"[A-Za-z0-9:_#=@/;,-]")
_REGEX_SPECIAL = re.compile(r"[\^$?\[\]{}|\\*+.]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Compiles the conditions of one rule.

    Args:
        where: The file and the rule, for error messages.
        dead: Collects descriptions of the parts of the rule that no event can match. Such a part is left out if there
            are others: `verb: [patch, replace]` becomes `patch`.
    """

    where: str
    dead: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> list[str]:
        """The dead parts, as blind spots of the detection."""
        return [f"Left out of the rule: {words}." for words in self.dead]

    def condition(self, node: object) -> Expression:
        """Translate a node of pySigma's condition tree.

        Raises:
            AuditConfigurationError: A filter pattern cannot express it, or no audit event has the field.
        """
        match node:
            case ConditionAND():
                return self._all(node.args)
            case ConditionOR():
                return disjunction(self.condition(part) for part in node.args)
            case ConditionNOT():
                return self._negation(node)
            case ConditionFieldEqualsValueExpression():
                return self._comparison(node.field, node.value)
            case ConditionValueExpression():
                return self._keyword(node.value)
        raise self._refused(node, "the condition is empty", "Name a search of the rule in it")

    def _all(self, nodes: Iterable[object]) -> Expression:
        """Join conditions with `and`. If one is never met, nobody has to rewrite the others."""
        parts: list[Expression] = []
        refused: AuditConfigurationError | None = None
        for node in nodes:
            try:
                parts.append(self.condition(node))
            except AuditConfigurationError as error:
                refused = refused or error
        if refused is not None and NEVER not in parts:
            raise refused
        return conjunction(parts)

    def _negation(self, node: ConditionNOT) -> Expression:
        positive = self.condition(node.args[0])
        if positive == EVERYTHING:
            return NEVER
        try:
            return _shortened(~positive)
        except AuditConfigurationError as error:
            raise self._refused(
                f"not {', '.join(sorted(_names(node.args[0])))}",
                error.limit,
                "Name one element, as in sourceIPs[0], or reverse the condition",
            ) from None

    def _comparison(self, name: str, value: object) -> Expression:
        if isinstance(value, SigmaExpansion):
            return disjunction(self._comparison(name, alternative) for alternative in value.values)
        where = paths(name, self.where)
        if isinstance(value, SigmaNull) or (isinstance(value, SigmaExists) and not value.exists):
            return conjunction(NotExists(path) for path in where)  # an audit event omits empty fields
        return disjunction(self._in(path, name, value) for path in where)

    def _in(self, path: Path, name: str, value: object) -> Expression:
        shape = fields.shape(path)
        match value:
            case SigmaExists():
                return Comparison(path, Operator.EQ, "*")
            case SigmaString():
                return self._string(path, name, value)
            case SigmaRegularExpression():
                if shape in fields.NUMBERS:
                    raise self._a_number(name, value.to_plain())
                return self._asked(Comparison(path, Operator.EQ, self._regex(value)), f"{name}|re: {value.to_plain()}")
            case SigmaNumber() if not isinstance(value, SigmaTimestampPart):
                plain = str(value.number) if shape in fields.TEXTS else value.number
                return self._asked(Comparison(path, Operator.EQ, plain), f"{name}: {plain!r}")
            case SigmaCompareExpression(number, operator) if operator in _ORDER:
                compared = Comparison(path, _ORDER[operator], number.number)
                return self._asked(compared, f"{name} compared with {number.number}")
            case SigmaBool():
                constant = Constant.TRUE if value.boolean else Constant.FALSE
                return self._asked(Is(path, constant), f"{name}: {str(value.boolean).lower()}")
            case SigmaCIDRExpression():
                limit, way_out = "a filter pattern cannot match subnets", "Use wildcards, as in 10.*, or a saved query"
                raise self._refused(f"{name}|cidr: {value}", limit, way_out)
            case SigmaFieldReference():
                limit, way_out = (
                    "a filter pattern compares a field with a value, not with another field",
                    "Use a saved query",
                )
                raise self._refused(f"{name}|fieldref: {value.field}", limit, way_out)
        raise self._refused(name, f"{type(value).__name__} has no counterpart in a filter pattern", "Reword the rule")

    def _string(self, path: Path, name: str, value: SigmaString) -> Expression:
        shape = fields.shape(path)
        shown = value.to_plain()
        self._refuse_unknown_parts(name, value)
        if shape in fields.NUMBERS and "*" in shown and shown != "*":
            raise self._a_number(name, shown)
        starred = any(isinstance(part, str) and "*" in part for part in value.s)
        glob = _glob(value)
        plain = int(glob) if shape in fields.NUMBERS and re.fullmatch(r"\d+", glob) else glob
        compared = Comparison(path, Operator.EQ, plain)
        if not starred and (asked := self._asked(compared, f"{name}: {plain!r}")) == NEVER:
            return asked
        if fields.any_case(path) and _has_letters(shown) and not isinstance(value, SigmaCasedString):
            limit = "Sigma ignores case here, and CloudWatch does not"
            raise self._refused(f"{name}: {shown}", limit, f"Write the exact case, with {name}|cased")
        return Comparison(path, Operator.EQ, self._starred(name, value)) if starred else compared

    def _asked(self, part: Comparison | Is, words: str) -> Expression:
        """Return the part, or `NEVER` if no audit event meets it. Rules are about Kubernetes' own, so likely is enough.

        Args:
            part: The part.
            words: The part as the rule has it.
        """
        reason = impossible.never(part)
        return part if reason is None else self._dead(f"{words}: {reason.says}")

    def _starred(self, name: str, value: SigmaString) -> Regex:
        """Return text with literal stars as a regex, since CloudWatch reads every star in quoted text as a wildcard."""
        source = "".join(".*" if isinstance(part, SpecialChars) else self._escaped(name, str(part)) for part in value.s)
        return Regex(f"^{source}$".removeprefix("^.*").removesuffix(".*$"))

    def _escaped(self, name: str, text: str) -> str:
        escaped = _REGEX_SPECIAL.sub(r"\\\g<0>", text)
        if not all(_REGEX_PLAIN.match(char) or _REGEX_SPECIAL.match(char) for char in text):
            limit = "a literal * needs a regular expression, in which CloudWatch allows few other symbols"
            raise self._refused(f"{name}: {text}", limit, "Compare with text without the star")
        return escaped

    def _keyword(self, value: object) -> Expression:
        match value:
            case SigmaExpansion():
                return disjunction(self._keyword(alternative) for alternative in value.values)
            case SigmaRegularExpression():
                return Term(self._regex(value))
            case SigmaNumber():
                return Term(str(value.number))
            case SigmaString():
                self._refuse_unknown_parts("keywords", value)
                text = _glob(value).strip("*")
                if "*" in text or not text:
                    limit = "CloudWatch searches for keywords literally, without wildcards"
                    raise self._refused(value.to_plain(), limit, "Search for the parts with |all, or name a field")
                if _has_letters(text) and not isinstance(value, SigmaCasedString):
                    limit = "Sigma ignores the case of keywords, and CloudWatch does not"
                    raise self._refused(text, limit, "Write the exact case, with '|cased' as the key")
                return Term(text)
        raise self._refused(value, "a keyword must be text or a number", "Name the field")

    def _regex(self, value: SigmaRegularExpression) -> Regex:
        if value.flags:
            flags = ", ".join(sorted(flag.name.lower() for flag in value.flags))
            limit = f"CloudWatch's regular expressions have no flags, and this one has {flags}"
            raise self._refused(value.to_plain(), limit, "Write the cases out, as in [Aa]")
        return Regex(str(value.regexp))

    def _refuse_unknown_parts(self, name: str, value: SigmaString) -> None:
        if SpecialChars.WILDCARD_SINGLE in value.s:
            limit, way_out = "CloudWatch has no wildcard for one character", "Use *, or |re with a dot"
            raise self._refused(f"{name}: {value.to_plain()}", limit, way_out)
        if value.contains_placeholder():
            limit, way_out = "the rule has a placeholder, which only a pipeline can fill", "Write its values out"
            raise self._refused(f"{name}: {value.to_plain()}", limit, way_out)

    def _dead(self, words: str) -> Expression:
        self.dead.append(words)
        return NEVER

    def _a_number(self, name: str, value: str) -> AuditConfigurationError:
        limit = "the field holds a number, and wildcards are for text"
        return self._refused(f"{name}: {value}", limit, f"Write the numbers out, or use {name}|gte and {name}|lt")

    def _refused(self, value: object, limit: str, way_out: str) -> AuditConfigurationError:
        return AuditConfigurationError(self.where, value=value, limit=limit, way_out=way_out)


def _glob(value: SigmaString) -> str:
    return "".join("*" if isinstance(part, SpecialChars) else str(part) for part in value.s)


def _has_letters(text: str) -> bool:
    return text.lower() != text.upper()


def _names(node: object) -> set[str]:
    if isinstance(node, ConditionFieldEqualsValueExpression):
        return {node.field}
    return set().union(*map(_names, getattr(node, "args", ())))


def _shortened(negation: Expression) -> Expression:
    """Drop what no audit event meets: that a required field is missing, or that one is null (it would be omitted)."""
    if _never_met(negation):
        return NEVER
    match negation:
        case And(terms):
            return conjunction(map(_shortened, terms))
        case Or(terms):
            return disjunction(map(_shortened, terms))
    return negation


def _never_met(term: Expression) -> bool:
    return (isinstance(term, Is) and term.constant is Constant.NULL) or (
        isinstance(term, NotExists) and impossible.never(term) is not None
    )
