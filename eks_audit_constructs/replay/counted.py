"""Count logs for a plan: each log once, for the metric filters on its log group only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from eks_audit_constructs.audit_logs.logs import Log
from eks_audit_constructs.conditions.expression import Or
from eks_audit_constructs.duck.session import Progress
from eks_audit_constructs.replay.counting import duplicates, engine
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Tally
from eks_audit_constructs.replay.log_group import Group, Reading, Told, told
from eks_audit_constructs.replay.plan import Plan

__all__ = ["Counted", "count"]

_NOT_ASKED = Question(condition=Or(()))
"""Matches nothing, and costs nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """The counts of logs."""

    whole: LogCounts
    """Of all logs. Its answers count the logs that each question was asked of."""
    groups: Mapping[Group, LogCounts]
    """Of the logs of each log group."""


def count(logs: Sequence[Log], planned: Plan, *, progress: Progress | None = None) -> Counted:
    """Count the events of logs, minute by minute.

    Args:
        logs: The logs.
        planned: What to count, and in which logs.
        progress: Called with the fraction of the work that is done, 0 to 1.

    Raises:
        LogError: A log cannot be read to its end.
    """
    shares = _shares(logs, planned.reading)
    report = progress or (lambda _: None)
    one_in, number = duplicates.one_in(logs), len(planned.questions)
    whole, groups = Tally(number), {group: Tally(number) for group in planned.reading.groups}
    size, done = sum(log.size for log in logs) or 1, 0
    for readers, share in shares.items():
        part = sum(log.size for log in share)
        counted = engine.tally(
            share,
            [
                question if group in readers else _NOT_ASKED
                for question, group in zip(planned.questions, planned.asked_by, strict=True)
            ],
            sizes=planned.asks_sizes,
            one_in=one_in,
            progress=partial(_report_part, report, done / size, part / size),
        )
        done += part
        whole += counted
        for group in readers:
            groups[group] += counted
    if len(shares) == 1:
        result = whole.result(one_in=one_in)
        return Counted(whole=result, groups=dict.fromkeys(groups, result))
    return Counted(
        whole=whole.result(one_in=one_in),
        groups={group: counted.result(one_in=one_in) for group, counted in groups.items()},
    )


def _report_part(report: Progress, before: float, share: float, part: float) -> None:
    report(before + part * share)


def _shares(logs: Sequence[Log], reading: Reading) -> dict[frozenset[Group], list[Log]]:
    """Return the logs that the same groups read, by these groups."""
    readers: dict[Told, frozenset[Group]] = {}
    shares: dict[frozenset[Group], list[Log]] = {}
    for log in logs:
        name = told(log)
        if name not in readers:
            readers[name] = frozenset(group for group, names in reading.groups.items() if name in names)
        shares.setdefault(readers[name], []).append(log)
    return shares
