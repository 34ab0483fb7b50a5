"""The account and Region that something is in, where they are known at synthesis."""

from __future__ import annotations

from typing import Protocol

from aws_cdk import Stack, Token
from constructs import Construct

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Environment", "refuse_elsewhere"]


class Environment(Protocol):
    """What a stack and the `env` of any resource tell."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...


def refuse_elsewhere(
    scope: Construct, there: Environment, *, where: str, what: str, name: str, of_any_account: bool = False
) -> None:
    """Reject what is in another Region or account than the scope's stack. What only a deployment knows passes.

    Args:
        scope: A construct in that stack.
        there: Where it is.
        where: The construct that needs it.
        what: Its path.
        name: The argument that it is.
        of_any_account: Whether it may be in another account.
    """
    here = Stack.of(scope)
    either = (("Region", here.region, there.region), ("account", here.account, there.account))
    for kind, ours, theirs in either[:1] if of_any_account else either:
        if ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
            raise AuditConfigurationError(
                where,
                value=what,
                limit=f"{name} is in the {kind} {theirs}, and this stack is in {ours}",
                way_out=f"Define this in a stack in {theirs}, or pass one of {ours}",
            )
