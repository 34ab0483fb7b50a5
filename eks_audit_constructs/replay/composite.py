"""Evaluate composite alarms from the states of the alarms that they combine.

A composite alarm is evaluated when one of these changes its state. Suppressors and mute rules decide what its actions
do, not its state.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from eks_audit_constructs.replay.alarms import State, Transition
from eks_audit_constructs.templates.alarm_rule import Rule, alarms, holds
from eks_audit_constructs.templates.items import Alarm, Key, Template

__all__ = ["evaluate", "transitions"]


def evaluate(
    template: Template, composites: Iterable[Alarm], evaluated: Mapping[Key, Sequence[Transition]], *, first: datetime
) -> dict[Key, tuple[Transition, ...] | str]:
    """Return the changes of state of composite alarms, or why one cannot be evaluated.

    Args:
        template: The template.
        composites: Its composite alarms that have no error.
        evaluated: The changes of state of its other alarms that can be evaluated.
        first: When the alarms are evaluated first.
    """
    known = dict(evaluated)
    labels = {alarm.key: alarm.alarm_name for alarm in template.alarms}
    results: dict[Key, tuple[Transition, ...] | str] = {}
    waiting = {alarm.key: (alarm, _combined(alarm, template)) for alarm in composites}
    while waiting:
        ready = [key for key, (_, names) in waiting.items() if waiting.keys().isdisjoint(names.values())]
        if not ready:
            return results | dict.fromkeys(waiting, "its rule leads back to itself")
        for key in ready:
            alarm, names = waiting.pop(key)
            assert alarm.rule is not None  # it is a composite alarm
            combined = {name: known[other] for name, other in names.items() if other in known}
            named = {name: labels[other] for name, other in names.items()}
            changes = transitions(alarm.rule, combined, first=first, names=named)
            if changes is None:
                others = sorted(named.get(name, name) for name in alarms(alarm.rule) if name not in combined)
                results[key] = f"it depends on alarms that are not evaluated: {', '.join(others)}"
            else:
                results[key] = known[key] = changes
    return results


def _combined(alarm: Alarm, template: Template) -> dict[str, Key]:
    """Return the alarms of a template that a composite alarm combines, by the names that its rule has for them.

    A rule names an alarm, gives its ARN, or refers to it; a name that several stacks have is that of its own stack.
    """
    found: dict[str, Key] = {}
    for name in [] if alarm.rule is None else alarms(alarm.rule):
        plain = _ARN.sub("", name)
        others = [other for other in template.alarms if _is_named(other, name, plain, alarm.template)]
        own = [other for other in others if other.template == alarm.template] or others
        if len(own) == 1:
            found[name] = own[0].key
    return found


def _is_named(alarm: Alarm, name: str, plain: str, template: str) -> bool:
    if alarm.template == template and name in (f"${{{alarm.logical_id}}}", f"${{{alarm.logical_id}.Arn}}"):
        return True
    return not alarm.absent and alarm.alarm_name == plain


_ARN = re.compile(r"^arn:[^:]*:cloudwatch:[^:]*:[^:]*:alarm:")


def transitions(
    rule: Rule, combined: Mapping[str, Sequence[Transition]], *, first: datetime, names: Mapping[str, str]
) -> tuple[Transition, ...] | None:
    """Return a composite alarm's changes of state; None if they depend on an alarm that is not in `combined`.

    Args:
        rule: Its rule.
        combined: The changes of state of the alarms that can be evaluated, by the names that the rule has for them.
        first: When the alarm is evaluated first, with all the others in INSUFFICIENT_DATA.
        names: The names of the alarms for people, by the names that the rule has for them.
    """
    states = {name: State.INSUFFICIENT_DATA.value for name in alarms(rule) if name in combined}
    changes = [(first, "", ""), *((each.at, name, each.state.value) for name in states for each in combined[name])]
    found: list[Transition] = []
    current = State.INSUFFICIENT_DATA
    for at, changed in groupby(sorted(changes), key=itemgetter(0)):
        states |= {name: state for _, name, state in changed if name}
        value = holds(rule, states)
        if value is None:
            return None
        new = State.ALARM if value else State.OK
        if new is not current:
            found.append(Transition(at=at, state=new, reason=_reason(states, names)))
            current = new
    return tuple(found)


def _reason(states: Mapping[str, str], names: Mapping[str, str]) -> str:
    """Name the alarms in ALARM, or report that there is none."""
    alarming = sorted(names.get(name, name) for name, state in states.items() if state == State.ALARM.value)
    return f"in ALARM: {', '.join(alarming)}" if alarming else "none of its alarms is in ALARM"
