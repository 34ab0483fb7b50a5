"""The order in which commands may follow each other.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Stats.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Dedup.html
"""

from __future__ import annotations

from collections.abc import Sequence

from eks_audit_constructs.insights.syntax import Command, Dedup, Display, Fields, Limit, Script, Sort, Stats

__all__ = ["check_order"]


_MOST_STATS = 10


def check_order(script: Script, commands: Sequence[Command]) -> None:
    """Check the order of a query's commands.

    Raises:
        QueryError: CloudWatch would reject the order, or does not document what it does.
    """
    before: list[type[Command]] = []
    for command in commands:
        kind = type(command)
        if Dedup in before and kind is not Limit:
            raise script.refusal(command.start, "only limit may follow dedup", "Move this before it.")
        if kind is Stats and not {Sort, Limit, Dedup}.isdisjoint(before):
            raise script.refusal(command.start, "sort, limit and dedup come after the last stats", "Move them.")
        if kind is Stats and before.count(Stats) == _MOST_STATS:
            raise script.refusal(command.start, f"a query can have at most {_MOST_STATS} stats", "Merge them.")
        if Limit in before and kind not in (Fields, Display):
            raise script.refusal(command.start, "what this does after limit is undocumented", "Move limit to the end.")
        if kind in (Sort, Limit) and kind in before:
            raise script.refusal(command.start, "this command may appear only once in a query", "Merge them into one.")
        before.append(kind)
