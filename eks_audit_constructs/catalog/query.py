"""What a saved query is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from eks_audit_constructs.conditions import insights
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["SavedQuery", "listing", "ranking"]

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def listing(*columns: str) -> tuple[str, ...]:
    """Commands that show the events, the latest first: when, who, from where, with what, what, and these columns."""
    shown = ("@timestamp", *_WHO, "verb", "objectRef.namespace", "objectRef.name", *columns)
    return (f"fields {', '.join(shown)}", "sort @timestamp desc", "limit 1000")


def ranking(*columns: str, count: str = "events") -> tuple[str, ...]:
    """Commands that count the events by who, from where, with what, and these columns; the most first."""
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
        condition: Which audit events it is about.
        commands: What follows the filter, one Insights command each, in order: fields, stats, sort, limit.
        stream: The log streams it reads, by the beginning of their names.

    Raises:
        AuditConfigurationError: Insights would refuse the text.
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
                where, value=self.title, limit="a title is text without /, which makes folders", way_out="Reword it."
            )
        insights.check_query(self.text, where)

    @property
    def text(self) -> str:
        """The query as CloudWatch Logs Insights takes it."""
        where = f"query {self.id!r}"
        return insights.audit_query(self.condition, commands=self.commands, stream=self.stream, where=where)

    def excluding(self, condition: Expression) -> SavedQuery:
        """A copy that leaves these events out; those without the condition's fields stay in."""
        return replace(self, condition=self.condition & ~condition)
