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
    scope: Construct, there: Environment, *, what: str, limit: str, other_account: bool = False
) -> None:
    """Reject what is in another Region or account than the scope's stack. What only a deployment knows passes.

    Args:
        scope: The construct that needs it.
        there: Where it is.
        what: It, for the error.
        limit: Why it must be in the same place.
        other_account: Whether it may be in another account.
    """
    here = Stack.of(scope)
    pairs = [(here.region, there.region), *([] if other_account else [(here.account, there.account)])]
    for ours, theirs in pairs:
        if ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
            raise AuditConfigurationError(
                scope.node.path,
                value=what,
                limit=f"this is in {theirs}, and the stack in {ours}; {limit}",
                way_out=f"Use one in {ours}, or define this in a stack in {theirs}",
            )
