"""What the role of the function behind the custom resources may do: only what the template's custom resources ask.

`eks:UpdateClusterConfig` also changes a cluster's network and more, so what it may change is a condition: a statement
for each log type to switch on, and one for each that `switch_off` names. A call with several log types passes if one
statement allows it, so switching off any other type is denied. EKS takes one kind of change in a call: no statement
needs to exclude the others.

The condition keys were seen in policies of the `aws` partition only. Elsewhere, and where they are turned off, every
update is allowed except switching off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aws_cdk import ArnFormat, Stack, Token
from aws_cdk.region_info import RegionInfo

from eks_audit_constructs.cdk.control_plane.log_group import log_group_arn
from eks_audit_constructs.cdk.control_plane.wish import LOG_TYPES, Wish

__all__ = ["Grant", "Permissions", "Target", "every_log_group"]

_UPDATE = "eks:UpdateClusterConfig"
_MAX_POLICY = 6144 - 300
"""Characters that a managed policy can have, less its own and those of a statement that rendering splits.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
_ARN, _LONGEST_NAME = 100, 100
"""Characters of an ARN without the name in it, in every partition and Region, and of a name that is not known."""


@dataclass(frozen=True, slots=True)
class Target:
    """An ARN of a policy, which may be a token, with the wish that it is for and its greatest length."""

    arn: str
    length: int
    wish: Wish | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A statement before rendering."""

    actions: tuple[str, ...]
    targets: tuple[Target, ...]
    effect: str = "Allow"
    condition: tuple[str, bool] | None = None
    """A log type, and whether it is switched on."""

    def rendered(self) -> list[dict[str, Any]]:
        """The statement, or two of them: log groups without tags get no permission to set any."""
        if "logs:TagResource" not in self.actions:
            return [self._statement(self.actions, self.targets)]
        tagged = [one for one in self.targets if one.wish is None or one.wish.tagged()]
        others = [one for one in self.targets if one not in tagged]
        fewer = tuple(action for action in self.actions if action != "logs:TagResource")
        return [self._statement(*both) for both in ((self.actions, tagged), (fewer, others)) if both[1]]

    def _statement(self, actions: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        arns = [one.arn for one in targets]
        statement = {
            "Effect": self.effect,
            "Action": [*actions] if len(actions) > 1 else actions[0],
            # A list for clusters, so that one more is one line more.
            "Resource": arns[0] if any(one.wish is None for one in targets) else arns,
        }
        if self.condition is None:
            return statement
        log_type, on = self.condition
        return statement | {"Condition": {"Bool": {f"eks:loggingType/{log_type}": "true" if on else "false"}}}

    @property
    def length(self) -> int:
        """The most characters of the statement without its targets."""
        return len(json.dumps(self._statement(self.actions, ())))


@dataclass(frozen=True, slots=True)
class _Asker:
    """A wish with what its permissions are about."""

    wish: Wish
    cluster: Target
    log_group: Target
    tagging: Target


class Permissions:
    """The grants for all wishes of a stack. They do not depend on the order of the wishes."""

    def __init__(self, stack: Stack, always: Iterable[Grant]) -> None:
        self._stack = stack
        self._always = [*always]
        self._askers: dict[str, _Asker] = {}
        self._conditions = _has_condition_keys(stack)

    def add(self, wish: Wish) -> None:
        """Allow what a wish asks."""
        name = wish.cluster_name
        length = _ARN + (_LONGEST_NAME if Token.is_unresolved(name) else len(name))
        cluster = self._stack.format_arn(service="eks", resource="cluster", resource_name=name)
        log_group = log_group_arn(self._stack, name)
        # In policies a log group's ARN ends in ":*", except for tagging.
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        arns = (cluster, f"{log_group}:*", log_group)
        asker = _Asker(wish, *(Target(arn, length, wish) for arn in arns))
        key = json.dumps(self._stack.resolve(name))
        self._askers = dict(sorted({**self._askers, key: asker}.items(), key=lambda item: item[0]))

    @property
    def wishes(self) -> list[Wish]:
        """All wishes, sorted by cluster."""
        return [one.wish for one in self._askers.values()]

    def policies(self) -> list[list[Grant]]:
        """The grants of each managed policy, none of which is empty. More wishes never make fewer policies."""
        policies: list[list[Grant]] = []
        room = 0
        for grant in [*self._always, *self._for_log_groups(), *self._for_clusters()]:
            part: list[Target] = []
            room -= grant.length
            for target in grant.targets:
                if target.length > room:
                    if part:
                        policies[-1].append(replace(grant, targets=tuple(part)))
                    policies.append([])
                    part, room = [], _MAX_POLICY - grant.length
                part.append(target)
                room -= target.length
            policies[-1].append(replace(grant, targets=tuple(part)))
        return policies

    def _for_log_groups(self) -> Iterator[Grant]:
        askers = [*self._askers.values()]
        for actions in sorted({one.wish.log_group_actions for one in askers}):
            equal = (one.log_group for one in askers if one.wish.log_group_actions == actions)
            yield Grant(actions, tuple(equal))
        if askers:  # former tags are taken off, and this template does not show whether there were any
            yield Grant(("logs:TagResource", "logs:UntagResource"), tuple(one.tagging for one in askers))
        if any(one.wish.keeps_retention for one in askers):
            yield Grant(("logs:DescribeLogGroups",), (Target(every_log_group(self._stack), _ARN),))

    def _for_clusters(self) -> Iterator[Grant]:
        updated = [one for one in self._askers.values() if one.wish.updates]
        bound = [one for one in updated if one.wish.conditions and self._conditions]
        grants = [
            _on(updated, "eks:DescribeCluster", "eks:DescribeUpdate"),
            _on((one for one in updated if one not in bound), _UPDATE),
        ]
        for name in LOG_TYPES:
            on, off = (name, True), (name, False)
            grants += [
                _on((one for one in bound if name in one.wish.log_types), _UPDATE, condition=on),
                _on((one for one in bound if name in one.wish.switch_off), _UPDATE, condition=off),
                _on((one for one in updated if name not in one.wish.switch_off), _UPDATE, effect="Deny", condition=off),
            ]
        yield from (grant for grant in grants if grant.targets)


def _on(
    askers: Iterable[_Asker], *actions: str, effect: str = "Allow", condition: tuple[str, bool] | None = None
) -> Grant:
    return Grant(actions, tuple(one.cluster for one in askers), effect, condition)


def every_log_group(stack: Stack) -> str:
    """The resource of calls that list log groups."""
    return stack.format_arn(
        service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def _has_condition_keys(stack: Stack) -> bool:
    """Whether the Region is in the partition whose policies have the keys, or not known."""
    return Token.is_unresolved(stack.region) or RegionInfo.get(stack.region).partition in ("aws", None)
