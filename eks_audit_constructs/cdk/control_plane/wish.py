"""Wish: what one custom resource asks, and with it what may be asked of the function behind it at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LOG_TYPES", "Wish", "asked"]

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""The log types that EKS has."""

_PER_CLUSTER = ("ClusterName", "KmsKeyId")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What one custom resource asks.

    Args:
        properties: The custom resource's properties except Tags, in the handler's words. Values may be tokens.
        conditions: Let EKS's updates depend on the log types in them, with IAM's condition keys.
        remove_key: Whether the function may take a key off the log group.
        tagged: Whether the log group gets tags, which is known at synthesis only.
    """

    properties: Mapping[str, Any]
    conditions: bool = True
    remove_key: bool = False
    tagged: Callable[[], bool] = field(default=lambda: True)

    @property
    def cluster_name(self) -> str:
        """The cluster's name, which may be a token."""
        return str(self.properties["ClusterName"])

    @property
    def log_types(self) -> frozenset[str]:
        """The log types to switch on."""
        return frozenset(self.properties.get("LogTypes", ()))

    @property
    def switch_off(self) -> frozenset[str]:
        """The log types to switch off."""
        return frozenset(self.properties.get("SwitchOff", ()))

    @property
    def updates(self) -> bool:
        """Whether EKS is to change the cluster's logging."""
        return bool(self.log_types or self.switch_off)

    @property
    def keeps_retention(self) -> bool:
        """Whether only a new log group gets the retention."""
        return "KeepRetention" in self.properties

    @property
    def log_group_actions(self) -> tuple[str, ...]:
        """What it takes to set up the log group, without its tags."""
        asked = self.properties
        retention = asked.get("RetentionInDays")
        needed = {
            "logs:AssociateKmsKey": "KmsKeyId" in asked,
            "logs:CreateLogGroup": True,
            "logs:DeleteRetentionPolicy": retention == 0,
            "logs:DisassociateKmsKey": self.remove_key,
            "logs:PutIndexPolicy": "FieldIndexes" in asked,
            "logs:PutLogGroupDeletionProtection": "DeletionProtection" in asked,
            "logs:PutRetentionPolicy": bool(retention),
        }
        return tuple(action for action, is_needed in needed.items() if is_needed)


def asked(wishes: Iterable[Wish]) -> list[dict[str, Any]]:
    """The most that may be asked, as the handler takes it. Clusters with equal wishes share an entry."""
    groups: dict[str, list[Wish]] = {}
    for wish in wishes:
        groups.setdefault(json.dumps(_shared(wish)), []).append(wish)
    return [
        _shared(first)
        | {"Clusters": [wish.cluster_name for wish in (first, *others)]}
        | ({"KmsKeyId": keys} if (keys := _keys([first, *others])) else {})
        for first, *others in groups.values()
    ]


def _shared(wish: Wish) -> dict[str, Any]:
    """The properties that other clusters may have too, as CloudFormation passes them on: as strings."""
    return {
        name: value if isinstance(value, list) else json.dumps(value).strip('"')
        for name, value in sorted(wish.properties.items())
        if name not in _PER_CLUSTER
    }


def _keys(wishes: Iterable[Wish]) -> list[str]:
    return [*dict.fromkeys(wish.properties["KmsKeyId"] for wish in wishes if "KmsKeyId" in wish.properties)]
