"""What is wrong with a detection: an error where it is made, or one of many for whoever checks a whole file."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import Enum

from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Collected", "Finding", "Rule", "collected", "collecting", "tell"]


class Rule(Enum):
    """What kind of fault a finding is."""

    NEVER = "never-matches"
    """No audit event of EKS can match a condition, or a part of it."""
    DOUBT = "may-never-match"
    """A part of a condition likely never matches, or leaves nothing out."""
    SAMPLE = "sample-differs"
    """A sample event matches and must not, or must and does not."""
    REFUSED = "refused"
    """CloudWatch, EKS or this library would reject it for another reason."""

    @property
    def certain(self) -> bool:
        return self is not Rule.DOUBT


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """A fault, and the calls that led to it, the innermost last."""

    rule: Rule
    error: AuditConfigurationError
    stack: tuple[traceback.FrameSummary, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found, and what was asked: detections, exclusions, guards and queries, by their names in errors."""

    findings: list[Finding] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)


_collected: ContextVar[Collected | None] = ContextVar("collected", default=None)


def collecting(where: str) -> bool:
    """Return whether anybody collects findings, who then learns that this was asked."""
    found = _collected.get()
    if found is not None:
        found.asked.add(where)
    return found is not None


def tell(rule: Rule, error: AuditConfigurationError) -> None:
    """Tell whoever collects findings of a fault; if nobody does, raise it if it is certain.

    Raises:
        AuditConfigurationError: The error.
    """
    found = _collected.get()
    if found is not None:
        found.findings.append(Finding(rule=rule, error=error, stack=tuple(traceback.extract_stack()[:-1])))
    elif rule.certain:
        raise error


@contextmanager
def collected() -> Iterator[Collected]:
    """Collect the findings of all that is made inside, in place of raising the first one."""
    found = Collected()
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)
