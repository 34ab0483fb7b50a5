"""The rule of a composite alarm, parsed and evaluated.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.grammar import syntax_error

__all__ = ["AllOf", "AnyOf", "AtLeast", "Constant", "InState", "Not", "Rule", "alarms", "holds", "parse"]

_MAX_LENGTH = 10_240
"""Characters in a rule."""
_MAX_DEPTH = 100
_EXAMPLE = 'Write a rule like ALARM("a") AND (OK("b") OR NOT ALARM("c"))'


@dataclass(frozen=True, slots=True)
class Constant:
    """`TRUE` or `FALSE`."""

    value: bool


@dataclass(frozen=True, slots=True)
class InState:
    """`ALARM(name)`, `OK(name)` or `INSUFFICIENT_DATA(name)`."""

    alarm: str
    """A name, an ARN, or a reference to a resource of the template."""
    state: str


@dataclass(frozen=True, slots=True)
class Not:
    rule: Rule


@dataclass(frozen=True, slots=True)
class AllOf:
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`AT_LEAST(2, ALARM, (a, b, c))`: so many of the rules hold."""

    count: int
    rules: tuple[Rule, ...]


Rule: TypeAlias = Constant | InState | Not | AllOf | AnyOf | AtLeast


def parse(text: str, *, where: str) -> Rule:
    """Return the rule that a text describes.

    Args:
        text: The rule, as in `ALARM("a") AND NOT OK("b")`.
        where: What an error names.

    Raises:
        TemplateError: CloudWatch would reject the rule.
    """
    if len(text) > _MAX_LENGTH:
        limit = f"a rule of {len(text):,} characters; CloudWatch takes {_MAX_LENGTH:,}"
        raise _rejected(where, text, limit, "Combine fewer alarms, or combine composite alarms")
    try:
        rule = cast(Rule, _parser().parse(text))  # the result of its transformer
    except UnexpectedInput as error:
        raise _rejected(where, text, syntax_error(error), _EXAMPLE) from None
    for depth, part in _parts(rule):
        if depth > _MAX_DEPTH:
            raise _rejected(
                where, text, f"more than {_MAX_DEPTH} levels are not evaluated here", "Use fewer parentheses"
            )
        if isinstance(part, AtLeast) and not 1 <= part.count <= len(part.rules):
            limit = f"AT_LEAST asks for {part.count} of {len(part.rules)} alarms"
            raise _rejected(where, text, limit, "Ask for at least one alarm, and at most for all")
    return rule


def _rejected(where: str, text: str, limit: str, way_out: str) -> TemplateError:
    return TemplateError(where, value=text, limit=limit, way_out=way_out)


def alarms(rule: Rule) -> list[str]:
    """Return the alarms that a rule refers to, sorted."""
    return sorted({part.alarm for _, part in _parts(rule) if isinstance(part, InState)})


def holds(rule: Rule, states: Mapping[str, str]) -> bool | None:
    """Return whether a rule holds; None if that depends on an alarm whose state is unknown.

    Args:
        rule: The rule.
        states: The states that are known, by alarm.
    """
    match rule:
        case Constant(value):
            return value
        case InState(alarm, wanted):
            return states[alarm] == wanted if alarm in states else None
        case Not(negated):
            negated_holds = holds(negated, states)
            return None if negated_holds is None else not negated_holds
        case AllOf(rules):
            return _at_least(len(rules), rules, states)
        case AnyOf(rules):
            return _at_least(1, rules, states)
        case AtLeast(count, rules):
            return _at_least(count, rules, states)


def _at_least(count: int, rules: Sequence[Rule], states: Mapping[str, str]) -> bool | None:
    values = [holds(rule, states) for rule in rules]
    if values.count(True) >= count:
        return True
    return None if values.count(True) + values.count(None) >= count else False


def _parts(rule: Rule) -> Iterator[tuple[int, Rule]]:
    """Yield a rule and all rules in it, with their depths."""
    waiting = [(1, rule)]
    while waiting:
        depth, part = waiting.pop()
        yield depth, part
        if isinstance(part, Not):
            waiting.append((depth + 1, part.rule))
        elif isinstance(part, AllOf | AnyOf | AtLeast):
            waiting += ((depth + 1, each) for each in part.rules)


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_suffix(".lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=True, transformer=_Builder())


class _Builder(Transformer[Token, Rule]):
    """Builds the rule bottom-up; the methods are named after the rules of the grammar."""

    def start(self, parts: list[Rule]) -> Rule:
        return parts[0]

    def either(self, parts: list[Rule]) -> Rule:
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def both(self, parts: list[Rule]) -> Rule:
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def negation(self, parts: list[Rule]) -> Rule:
        [rule] = parts
        return rule.rule if isinstance(rule, Not) else Not(rule)

    def constant(self, parts: list[Token]) -> Rule:
        return Constant(parts[0] == "TRUE")

    def in_state(self, parts: list[Token]) -> Rule:
        return InState(parts[1].strip('"'), str(parts[0]))

    def at_least(self, parts: list[Token | None]) -> Rule:
        threshold, negated, state, *names = parts
        assert threshold is not None
        rules: list[Rule] = [InState(str(name).strip('"'), str(state)) for name in names]
        if negated is not None:
            rules = [Not(rule) for rule in rules]
        number = int(threshold.removesuffix("%"))
        # AWS does not document how it rounds. At least 60 % of 3 alarms cannot be fewer than 2.
        count = -(-number * len(rules) // 100) if threshold.endswith("%") else number
        return AtLeast(count, tuple(rules))
