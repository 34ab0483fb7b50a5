"""Which log group a log is of, and so which metric filters read it.

Lines of a log do not say so. Where all filters read one group, the log is taken for it. Otherwise its envelope decides
(subscription records name their group, and so does whoever fetched it), or the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.templates.deployment import in_words, needs_of
from eks_audit_constructs.templates.items import Alarm, MetricFilter, Template

__all__ = ["Group", "Reading", "group_of", "named_by", "read_as"]

_EKS = re.compile(r"/aws/eks/.+/cluster")
_OPTION = "--assume-log-group"


@dataclass(frozen=True, order=True, slots=True)
class Group:
    """A log group of a template. What only a deployment knows may differ between templates."""

    name: str
    template: str = ""

    @property
    def is_eks(self) -> bool:
        return _EKS.fullmatch(self.name) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """The log groups as whose log a log is read."""

    groups: tuple[Group, ...] = ()
    left_out: dict[Group, str] = field(default_factory=dict)
    """The other groups, and why the log is not theirs."""
    note: str | None = None
    """What is assumed, where that is worth saying."""

    def excludes(self, item: MetricFilter) -> str | None:
        """Return why a metric filter does not read the log; None if it does."""
        return self.left_out.get(group_of(item.log_group, item.template))


def group_of(name: str, template: str) -> Group:
    """Return the group with a name in a template."""
    return Group(name, template if needs_of(name) else "")


def named_by(logs: Iterable[Log]) -> set[str]:
    """Return the log groups that the envelopes of logs name."""
    return {log.group for log in logs if log.group}


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


def read_as(template: Template, *, assumed: str | None = None, known: Iterable[str] = ()) -> Reading:
    """Return as whose log a log is read.

    Args:
        template: The template.
        assumed: The log group that the user says it is.
        known: The log groups that the envelopes of the logs name.

    Raises:
        AuditConfigurationError: No metric filter reads the group that is assumed.
    """
    groups = _groups(template)
    known = sorted({name.partition("log-group:")[2].removesuffix(":*") or name for name in known})
    if assumed is not None:
        return _assumed(groups, assumed, template.name)
    if len(groups) < 2:
        return Reading(groups=tuple(groups), note=_taken(groups, known))
    if len(known) > 1:
        reason = f"the logs are those of {', '.join(known)}: replay one at a time, or give {_OPTION}"
        return Reading(left_out=dict.fromkeys(groups, reason), note=reason)
    if known:
        return _of(groups, [group for group in groups if group.name == known[0]], known[0])
    return _guessed(groups)


def _assumed(groups: Sequence[Group], assumed: str, template: str) -> Reading:
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
    return _of(groups, chosen, assumed)


def _of(groups: Sequence[Group], chosen: Sequence[Group], name: str) -> Reading:
    others = {group: f"it reads {group.name}, and the log is that of {name}" for group in groups if group not in chosen}
    note = None if chosen else f"the log is that of {name}, which no metric filter reads; {_OPTION} says otherwise"
    return Reading(groups=tuple(chosen), left_out=others, note=note)


def _taken(groups: Sequence[Group], known: Sequence[str]) -> str | None:
    """Say that the log is taken for the one group that all filters read, unless that is what anyone expects."""
    if not groups or (known and known == [groups[0].name]):
        return None
    name = groups[0].name
    if known and not needs_of(name):
        return f"the log is that of {', '.join(known)}, and read as that of {name}, which all metric filters read"
    return None if groups[0].is_eks or needs_of(name) else f"read as the log of {name}, which all metric filters read"


def _guessed(groups: Sequence[Group]) -> Reading:
    chosen = [group for group in groups if group.is_eks]
    left_out = {}
    for group in groups:
        if group in chosen:
            continue
        if needs := needs_of(group.name):
            left_out[group] = f"its log group {in_words(needs)}"
        else:
            left_out[group] = f"it reads {group.name}, not an EKS log group: {_OPTION} {group.name}, if the log is that"
    names = ", ".join(group.name for group in chosen)
    note = None
    if len(chosen) > 1:
        note = f"nothing says which log group this is: read as if it were that of each of {names} ({_OPTION} names one)"
    elif left_out and chosen:
        note = f"read as the log of {names}, the only EKS log group that metric filters read"
    return Reading(groups=tuple(chosen), left_out=left_out, note=note)
