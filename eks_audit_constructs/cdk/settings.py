"""The app's context keys, from `cdk deploy -c …` or cdk.json. Unknown keys are errors, so a typo is never ignored."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection, Detections, SavedQuery, Severity
from eks_audit_constructs.catalog.detections import Numbers
from eks_audit_constructs.conditions.expression import Expression, all_of
from eks_audit_constructs.conditions.expression import field as audit_field
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The app's context keys.

    Args:
        cluster: Names of the clusters. Each gets a stack. Required.
        alarm_email: Addresses to notify.
        retention_days: How many days to keep log events, one of the numbers that CloudWatch Logs supports. It deletes
            older events. Default: an existing log group keeps its retention, a new one gets a year.
        export: Add a bucket for exports.
        detections: By id: `false` for off, `true` for on, or an object with new numbers and events to exclude, as in
            `{"pod-exec": true, "forbidden-requests": {"threshold": 25, "excluding": {"user.username": "ci-*"}}}`.
        queries: Queries to save in addition to those of the detections: `default`, or `all` of the catalogue.
        ok_actions: Also tell when an alarm has ended.
        actions_enabled: `false` for a silent roll-out, in which alarms notify nobody.
        alarm_name_prefix: What the names of alarms begin with.
        namespace: What the namespace of the metrics begins with.
        runbook_url: A link for the alarms' descriptions, in which `{id}` is the detection's id.
        alarm_tags: Tag the alarms, and send the tags along with notifications.
    """

    cluster: tuple[str, ...]
    alarm_email: tuple[str, ...] = ()
    retention_days: int | None = None
    export: bool = False
    detections: Detections = field(default=catalog.DEFAULT)
    queries: tuple[SavedQuery, ...] = catalog.DEFAULT_QUERIES
    ok_actions: bool = False
    actions_enabled: bool = True
    alarm_name_prefix: str = "eks-audit"
    namespace: str = "EksAudit"
    runbook_url: str | None = None
    alarm_tags: bool = False

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Settings:
        """Read the context, ignoring CDK's own keys (`@aws-cdk/…`, `aws:cdk:…`).

        Raises:
            AuditConfigurationError: A key is unknown, or its value is invalid.
        """
        ours = {key: value for key, value in context.items() if not set("@:/") & set(key)}
        known = [setting.name for setting in fields(cls)]
        for key in ours:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
                raise AuditConfigurationError(
                    f"context key {key!r}",
                    value=ours[key],
                    limit=f"unknown key; the keys are {', '.join(known)}",
                    way_out=f"Did you mean {near[0]}?" if near else "Remove it.",
                )
        if not ours.get("cluster"):
            raise AuditConfigurationError(
                "context key 'cluster'",
                value=ours.get("cluster"),
                limit="the app needs at least one cluster name",
                way_out="Pass it with cdk deploy -c cluster=prod, or several with -c cluster=prod,staging.",
            )
        return cls(**{key: _READERS[key](key, value) for key, value in ours.items()})


def _names(key: str, value: object) -> tuple[str, ...]:
    """A list of names, or a string with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise _ill_typed(key, value, "expected a name, several separated by commas, or a list of them", "prod,staging")
    return tuple(dict.fromkeys(part.strip() for part in parts))


def _whole_number(key: str, value: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    raise _ill_typed(key, value, "expected a whole number", "365")


def _yes_or_no(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise _ill_typed(key, value, "expected true or false", "true")


def _text(key: str, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise _ill_typed(key, value, "expected text", "security")


def _queries(key: str, value: object) -> tuple[SavedQuery, ...]:
    sets = {"default": catalog.DEFAULT_QUERIES, "all": catalog.QUERIES}
    if not isinstance(value, str) or value not in sets:
        raise _ill_typed(key, value, "expected default or all", "all")
    return sets[value]


def _detections(key: str, value: object) -> Detections:
    choices = value
    if isinstance(value, str):
        try:
            choices = json.loads(value)
        except ValueError:
            choices = None
    if not isinstance(choices, dict):
        raise _ill_typed(key, value, "expected an object keyed by detection id", _EXAMPLE)
    chosen = catalog.DEFAULT
    for id, choice in choices.items():
        detection = catalog.get(id)
        chosen = chosen.without(id) if id in chosen else chosen
        if choice is not False:
            chosen = chosen.adding(_tuned(f"{key}.{id}", detection, {} if choice is True else choice))
    return chosen


_EXAMPLE = '\'{"role-changed": false, "pod-exec": true, "forbidden-requests": {"threshold": 25}}\''


def _tuned(key: str, detection: Detection, choice: object) -> Detection:
    known = [*Numbers.__annotations__, "excluding"]
    if not isinstance(choice, dict) or not choice.keys() <= set(known):
        raise _ill_typed(key, choice, f"expected true, false, or an object with any of {', '.join(known)}", _EXAMPLE)
    numbers = {name: _number(key, name, number) for name, number in choice.items() if name != "excluding"}
    detection = detection.tuned(**numbers)
    unwanted = choice.get("excluding", [])
    for fields_wanted in unwanted if isinstance(unwanted, list) else [unwanted]:
        detection = detection.excluding(_fields(f"{key}.excluding", fields_wanted))
    return detection


def _fields(key: str, value: object) -> Expression:
    """A condition that all fields have the given values."""
    example = '\'{"forbidden-requests": {"excluding": {"user.username": "ci-*"}}}\''
    if not isinstance(value, dict) or not value:
        raise _ill_typed(key, value, "expected an object of fields and values, or a list of them", example)
    try:
        return all_of(audit_field(name) == wanted for name, wanted in value.items())
    except AuditConfigurationError as error:
        raise _ill_typed(key, error.value, error.limit, example) from None


def _number(key: str, name: str, value: object) -> Any:
    if name != "severity":
        return _whole_number(f"{key}: {name}", value)
    levels = [level.value for level in Severity]
    if not isinstance(value, str) or value not in levels:
        raise _ill_typed(f"{key}: severity", value, f"expected one of {', '.join(levels)}", "high")
    return Severity(value)


def _ill_typed(key: str, value: object, limit: str, example: str) -> AuditConfigurationError:
    name = key.split(".")[0].split(":")[0]
    return AuditConfigurationError(
        f"context key {key!r}", value=value, limit=limit, way_out=f"Pass, for example, -c {name}={example}"
    )


_READERS: dict[str, Callable[[str, object], Any]] = {
    "cluster": _names,
    "alarm_email": _names,
    "retention_days": _whole_number,
    "export": _yes_or_no,
    "detections": _detections,
    "queries": _queries,
    "ok_actions": _yes_or_no,
    "actions_enabled": _yes_or_no,
    "alarm_name_prefix": _text,
    "namespace": _text,
    "runbook_url": _text,
    "alarm_tags": _yes_or_no,
}
