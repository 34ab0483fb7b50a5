"""Constructs for the same cluster or log group, wherever in the app they are.

What they create has names that an account and Region can have only once. CloudFormation would find the second one only
at deployment, after it has created half of a stack.
"""

from __future__ import annotations

import json
from typing import TypeVar, cast

from aws_cdk import Stack, Token
from constructs import Construct, IConstruct

__all__ = ["companions", "remember", "top"]

C = TypeVar("C", bound=Construct)


def companions(kind: type[C], construct: Construct, name: str) -> list[C]:
    """Return the constructs of a kind that are remembered for a name, in the order of the app.

    Args:
        kind: Their class.
        construct: The construct that asks.
        name: The name of their cluster or log group. It may be a token: tokens are compared only within a stack, and
            other names where the account and Region of both stacks are known to be equal.
    """
    known = _Known.of(construct).constructs
    found = next((known[place] for place in _places(kind, construct, name) if place in known), [])
    return cast(list[C], list(found))


def remember(kind: type[C], construct: C, name: str) -> None:
    """Let later constructs find this one, once it is known to be right."""
    for place in _places(kind, construct, name):
        _Known.of(construct).constructs.setdefault(place, []).append(construct)


def top(stack: Stack) -> Stack:
    """Return the top-level stack, with which nested ones are deployed."""
    parent = stack.nested_stack_parent
    return stack if parent is None else top(parent)


def _places(kind: type, construct: Construct, name: str) -> list[tuple[str, ...]]:
    """The class and the name in the account and Region, if all three are known, and in the stack."""
    stack = top(Stack.of(construct))
    what = kind.__name__, json.dumps(stack.resolve(name), sort_keys=True)
    is_open = any(Token.is_unresolved(part) for part in (stack.account, stack.region, name))
    return [*([] if is_open else [(*what, stack.account, stack.region)]), (*what, stack.node.path)]


class _Known(Construct):
    """A construct without resources at the root of the app, where it is found from everywhere."""

    _ID = "EksAuditConstructs"

    def __init__(self, root: IConstruct) -> None:
        super().__init__(cast(Construct, root), self._ID)  # for pyright, as in grants.py
        self.constructs: dict[tuple[str, ...], list[Construct]] = {}

    @classmethod
    def of(cls, construct: Construct) -> _Known:
        root = construct.node.root
        found = root.node.try_find_child(cls._ID)
        return found if isinstance(found, cls) else cls(root)
