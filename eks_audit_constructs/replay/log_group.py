"""Which log group a log is of, and so which metric filters read it.

Lines of a log do not say so. Its envelope may (subscription records name their group, and so does whoever fetched it),
or its path; each filter then reads the logs of its own group only. A log that does not tell its group is taken for
that of the only group, or of the one that the user assumes, or else of each EKS group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TypeAlias

from eks_audit_constructs.audit_logs.log_files import group_name
from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.items import Alarm, MetricFilter, Template, is_eks

__all__ = ["Group", "Reading", "Told", "group_of", "read_as", "told"]

Told: TypeAlias = str | None
"""The name of the log group that a log tells; None if it tells none."""

_OPTION = "--assume-log-group"
_ALL_READ = "which all metric filters read"


@dataclass(frozen=True, order=True, slots=True)
class Group:
    """A log group of a template. What only a deployment knows may differ between templates."""

    name: str
    template: str = ""

    @property
    def is_eks(self) -> bool:
        return is_eks(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The log groups as whose log each log is read."""

    groups: Mapping[Group, Set[Told]]
    """The groups that have a log, and what their logs tell."""
    left_out: Mapping[Group, str] = field(default_factory=dict)
    """The other groups, and why no log is theirs."""
    notes: tuple[str, ...] = ()
    """What is assumed or left out, where that is worth saying."""

    def excludes(self, item: MetricFilter) -> str | None:
        """Return why a metric filter reads none of the logs; None if it reads some."""
        return self.left_out.get(group_of(item.log_group, item.template))

    def read_by(self, item: MetricFilter) -> Set[Told]:
        """Return what the logs tell that a metric filter reads."""
        return self.groups.get(group_of(item.log_group, item.template), frozenset())


def group_of(name: str, template: str) -> Group:
    """Return the group with a name in a template."""
    return Group(name, template if needs_of(name) else "")


def told(log: Log) -> Told:
    """Return the name of the log group that a log tells."""
    return group_name(log.group) if log.group else None


def read_as(template: Template, *, assumed: str | None = None, names: Iterable[Told] = (None,)) -> Reading:
    """Return as whose log each log is read.

    Args:
        template: The template.
        assumed: The log group of the logs that do not tell theirs, or tell one that no metric filter reads.
        names: What the logs tell.

    Raises:
        AuditConfigurationError: No metric filter reads the group that is assumed.
    """
    groups = _groups(template)
    given = set(names) or {None}
    own: dict[Group, set[Told]] = {group: given & {group.name} for group in groups}
    others = given.difference(*own.values())
    if assumed is not None:
        chosen = _assumed(groups, assumed, template.name)
        taken = others
        note = None if taken else f"every log tells its log group, so {_OPTION} changes nothing"
    elif len(groups) == 1:
        chosen = groups
        taken = others & {None} if own[groups[0]] else others
        note = _taken(groups[0], given)
    else:
        chosen = [group for group in groups if group.is_eks]
        taken = others & {None}
        note = _guessed(groups, chosen, given) if taken else None
    for group in chosen:
        own[group] |= taken
    lost = sorted(name for name in others - taken if name)
    notes = [note] if note else []
    if lost and groups:
        notes.append(_lost(lost, alone=given == {*lost}))
    known = {name for name in given | ({assumed} if taken else set()) if name}
    untold = None in given and assumed is None
    return Reading(
        groups={group: own[group] for group in groups if own[group]},
        left_out={group: _why(group, () if untold else sorted(known)) for group in groups if not own[group]},
        notes=tuple(notes),
    )


def _groups(template: Template) -> list[Group]:
    """Return the groups that metric filters read, or without filters those that alarms watch."""
    filters = {group_of(item.log_group, item.template) for item in template.filters if not item.absent}
    return sorted(filters or {group for alarm in template.alarms for group in _watched(alarm)})


def _watched(alarm: Alarm) -> list[Group]:
    """Return the groups that an alarm watches by metrics of the group itself."""
    metrics = [watched.metric for watched in alarm.watched if watched.metric.namespace == "AWS/Logs"]
    return [
        group_of(value, alarm.template)
        for metric in metrics
        for name, value in metric.dimensions
        if name == "LogGroupName"
    ]


def _assumed(groups: Sequence[Group], assumed: str, template: str) -> list[Group]:
    chosen = [group for group in groups if group.name == assumed]
    unknown = [group for group in groups if needs_of(group.name)]
    if not chosen and len(unknown) == 1:
        chosen = unknown
    if not chosen:
        names = ", ".join(group.name for group in groups) or "it has no metric filter"
        raise AuditConfigurationError(
            _OPTION,
            value=assumed,
            limit=f"no metric filter of {template} reads this group",
            way_out=f"Name one that they read: {names}",
        )
    return chosen


def _taken(group: Group, given: Set[Told]) -> str | None:
    """Say that logs are taken for those of the one group that all filters read, unless that is what anyone expects."""
    names = sorted(name for name in given if name)
    if group.name in names or needs_of(group.name):
        several = len(names) > 1 and group.name not in names
        return f"the logs of {', '.join(names)} are read as those of {group.name}, {_ALL_READ}" if several else None
    if names:
        return f"the log is that of {', '.join(names)}, and read as that of {group.name}, {_ALL_READ}"
    return None if group.is_eks else f"read as the log of {group.name}, {_ALL_READ}"


def _guessed(groups: Sequence[Group], chosen: Sequence[Group], given: Set[Told]) -> str | None:
    """Say as whose log is read what tells no group, where filters read several."""
    names = ", ".join(group.name for group in chosen)
    some = "" if given == {None} else "some of the logs do not tell their log group: "
    if len(chosen) > 1:
        which = some or "nothing says which log group this is: "
        return f"{which}read as if it were that of each of {names} ({_OPTION} names one)"
    if chosen:
        return f"{some}read as the log of {names}, the only EKS log group that metric filters read"
    return f"{some}left out, since no metric filter reads an EKS log group" if some else None


def _lost(names: Sequence[str], *, alone: bool) -> str:
    """Say that no metric filter reads the groups that logs tell."""
    listed = ", ".join(names)
    if not alone:
        return f"left out: the log of {listed}, which no metric filter reads"
    those = "the log is that" if len(names) == 1 else "the logs are those"
    return f"{those} of {listed}, which no metric filter reads; {_OPTION} says otherwise"


def _why(group: Group, known: Sequence[str]) -> str:
    """Say why no log is that of a group; `known` are the groups of all logs, if all are known."""
    if needs := needs_of(group.name):
        return f"its log group {in_words(needs)}"
    if known:
        those = "the log is that" if len(known) == 1 else "the logs are those"
        return f"it reads {group.name}, and {those} of {', '.join(known)}"
    return f"it reads {group.name}, not an EKS log group: {_OPTION} {group.name}, if the log is that"
