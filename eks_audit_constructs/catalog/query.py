"""Saved CloudWatch Logs Insights queries."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from eks_audit_constructs.audit_events import never
from eks_audit_constructs.conditions import insights
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["SavedQuery", "listing", "ranking"]

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def listing(*columns: str) -> tuple[str, ...]:
    """Return commands that list events, the latest first: when, who, from where, with what, what, and these columns."""
    shown = ("@timestamp", *_WHO, "verb", "objectRef.namespace", "objectRef.name", *columns)
    return (f"fields {', '.join(shown)}", "sort @timestamp desc", "limit 1000")


def ranking(*columns: str, count: str = "events") -> tuple[str, ...]:
    """Return commands that count events by who, from where, with what, and these columns, the most frequent first."""
    numbers = f"count(*) as {count}, earliest(@timestamp) as first, latest(@timestamp) as last"
    example = "latest(requestURI) as example"
    return (f"stats {numbers}, {example} by {', '.join((*_WHO, *columns))}", f"sort {count} desc", "limit 100")


_WHO = ("user.username", "user.extra.sessionName.0", "sourceIPs.0", "userAgent")


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedQuery:
    """A CloudWatch Logs Insights query about a cluster's audit log.

    Args:
        id: Stable name in lower case with hyphens; the logical id comes from it.
        title: Its name in the console, below the cluster's folder.
        answers: The question it answers.
        condition: The audit events it is about. Default: all.
        commands: The Insights commands after the filter, in order, such as fields, stats, sort and limit.
        stream: The beginning of the names of the log streams it reads. Default: those of the audit log.

    Raises:
        AuditConfigurationError: Insights would refuse the text, or no audit event can match the condition.
    """

    id: str
    title: str
    answers: str
    condition: Expression = EVERYTHING
    commands: tuple[str, ...]
    stream: str = insights.AUDIT_STREAM

    def __post_init__(self) -> None:
        where = f"query {self.id!r}"
        if not _ID.fullmatch(self.id) or len(self.id) > 64:
            raise AuditConfigurationError(
                where,
                value=self.id,
                limit="an id is at most 64 lower-case letters, digits and single hyphens",
                way_out="Rename it, as in 'secrets-denied'.",
            )
        if not self.title or "/" in self.title:
            raise AuditConfigurationError(
                where,
                value=self.title,
                limit="a title must be text without /, which makes folders",
                way_out="Reword it.",
            )
        if self.stream == insights.AUDIT_STREAM:
            never.refuse(self.condition, where)
        insights.check_query(self.text, where)

    @property
    def text(self) -> str:
        """The query in the syntax of CloudWatch Logs Insights."""
        where = f"query {self.id!r}"
        return insights.audit_query(self.condition, commands=self.commands, stream=self.stream, where=where)

    def excluding(self, condition: Expression) -> SavedQuery:
        """Return a copy that leaves these events out. Events without the condition's fields stay in."""
        return replace(self, condition=self.condition & ~condition)
