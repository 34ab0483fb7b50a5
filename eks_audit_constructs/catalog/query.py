"""Saved CloudWatch Logs Insights queries."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from eks_audit_constructs.arguments import check_fields, control_character
from eks_audit_constructs.audit_events import never
from eks_audit_constructs.conditions import insights
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["SavedQuery", "as_title", "listing", "ranking"]

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STREAM = re.compile(r"[\w.-]*", re.ASCII)
_NOT_IN_TITLES = re.compile(r"\s*[/:*]+\s*")
"""A slash makes folders; tools that manage queries by name refuse the others."""


def as_title(text: str) -> str:
    """Return a headline as the title of a query, with spaces for the characters that its name cannot hold."""
    return _NOT_IN_TITLES.sub(" ", text).strip()


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
        AuditConfigurationError: A value has the wrong type, CloudWatch would refuse the name or the text, or no audit
            event can match the condition.
    """

    id: str
    title: str
    answers: str
    condition: Expression = EVERYTHING
    commands: tuple[str, ...]
    stream: str = insights.AUDIT_STREAM

    def __post_init__(self) -> None:
        where = f"query {self.id!r}"
        check_fields(self, where)
        if not _ID.fullmatch(self.id) or len(self.id) > 64:
            raise AuditConfigurationError(
                where,
                value=self.id,
                limit="an id is at most 64 lower-case letters, digits and single hyphens",
                way_out="Rename it, as in 'secrets-denied'.",
            )
        if not self.title.strip() or _NOT_IN_TITLES.search(self.title) or control_character(self.title):
            raise AuditConfigurationError(
                where,
                value=self.title,
                limit="a title is a line of text without /, which makes folders, and without : and *",
                way_out="Reword it.",
            )
        for command in self.commands:
            if not command.strip() or control_character(command, lines=True):
                raise AuditConfigurationError(
                    where,
                    value=command,
                    limit="a command is text without control characters",
                    way_out="Write one per entry, as in 'limit 5'.",
                )
        if not _STREAM.fullmatch(self.stream):
            raise AuditConfigurationError(
                where,
                value=self.stream,
                limit="the beginning of a stream's name is letters, digits, and the characters _ . -",
                way_out="Leave out where it ends, as in 'kube-apiserver-audit-'.",
            )
        if self.stream == insights.AUDIT_STREAM:
            never.refuse(self.condition, where)
        insights.check_query(self.text, where)

    @property
    def pascal_id(self) -> str:
        """The id in Pascal case, of which its logical id is made."""
        return "".join(word.capitalize() for word in self.id.split("-"))

    @property
    def text(self) -> str:
        """The query in the syntax of CloudWatch Logs Insights."""
        where = f"query {self.id!r}"
        return insights.audit_query(self.condition, commands=self.commands, stream=self.stream, where=where)

    def excluding(self, condition: Expression) -> SavedQuery:
        """Return a copy that leaves these events out. Events without the condition's fields stay in."""
        return replace(self, condition=self.condition & ~condition)
