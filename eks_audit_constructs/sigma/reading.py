"""Sigma rules as detections.

Two conditions are added to a rule unless it has its own: `kind = "Event"`, since the log group contains other lines
too; and the stage at which each request counts once (`logged.once`).
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path as File
from typing import Any

import yaml
from sigma.collection import SigmaCollection
from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaLevel, SigmaRule, SigmaRuleBase, SigmaYAMLLoader

from eks_audit_constructs.audit_events.logged import once, why_never
from eks_audit_constructs.catalog.detection import Detection, Severity
from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    Comparison,
    Expression,
    Is,
    NotExists,
    Path,
    Term,
    field,
    leaves,
    selector,
)
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.sigma.conditions import Reader
from eks_audit_constructs.sigma.simple import NEVER, conjunction, disjunction

__all__ = ["read"]

_SEVERITIES = {
    SigmaLevel.CRITICAL: Severity.HIGH,
    SigmaLevel.HIGH: Severity.HIGH,
    SigmaLevel.MEDIUM: Severity.MEDIUM,
    SigmaLevel.LOW: Severity.LOW,
    SigmaLevel.INFORMATIONAL: Severity.LOW,
}
_PERIODS = {minutes * 60: minutes for minutes in (1, 5, 15, 60)}
_LONGEST_ID = 64
_TECHNIQUE = r"t\d{4}(?:\.\d{3})?"
_TACTIC = r"[a-z][a-z_-]+"


def read(path: str | PathLike[str]) -> tuple[Detection, ...]:
    """Read a file of Sigma rules as detections; see `eks_audit_constructs.sigma.read`."""
    detections = tuple(
        _detection(rule, f"{path}, rule {rule.title!r}")
        for rule in _rules(path).get_output_rules()
        if isinstance(rule, (SigmaRule, SigmaCorrelationRule))
    )
    if not detections:
        raise AuditConfigurationError(
            str(path), value=str(path), limit="the file contains no Sigma rule", way_out="Add one"
        )
    return detections


def _rules(path: str | PathLike[str]) -> SigmaCollection:
    try:
        documents = list(yaml.load_all(File(path).read_text(encoding="utf-8"), SigmaYAMLLoader))
        for document in documents:
            if not isinstance(document, (dict, type(None))):
                raise SigmaError(f"a document must be a rule, not {document!r}")
        rules = SigmaCollection.from_dicts(documents)
        for rule in rules:
            if isinstance(rule, SigmaRule):
                _ = [condition.parsed for condition in rule.detection.parsed_condition]
    except (OSError, UnicodeError, yaml.YAMLError, SigmaError, TypeError, AttributeError) as error:
        # pySigma does not check the type of every value: a list in place of text is a TypeError or AttributeError.
        raise AuditConfigurationError(
            str(path),
            value=str(path),
            limit=f"the file cannot be read as Sigma rules: {error}",
            way_out="Correct the file",
        ) from error
    return rules


def _detection(rule: SigmaRule | SigmaCorrelationRule, where: str) -> Detection:
    if not rule.title:
        raise AuditConfigurationError(where, value=rule.title, limit="a rule needs a title", way_out="Give it one")
    reader = Reader(where=where)
    threshold, period = 1, 5
    about = rule
    if isinstance(rule, SigmaCorrelationRule):
        threshold, period = _count(rule, where)
        parts = [part.rule for part in rule.referenced_rules]
        condition = disjunction(_condition(part, reader) for part in parts)
        about = next((part for part in parts if isinstance(part, SigmaRule)), rule)
    else:
        condition = _condition(rule, reader)
    if condition == NEVER:
        raise AuditConfigurationError(
            where,
            value=rule.title,
            limit=f"no audit event can match the rule: {'; '.join(reader.dead) or 'its parts exclude each other'}",
            way_out="Correct the values",
        )
    techniques = _tagged(rule, _TECHNIQUE) or _tagged(about, _TECHNIQUE)
    try:
        return Detection(
            id=_id(rule),
            title=rule.title.replace("/", " or "),  # in the title of a saved query, / makes folders
            severity=_SEVERITIES[rule.level or about.level or SigmaLevel.MEDIUM],
            condition=condition,
            what=" ".join((rule.description or about.description or rule.title).split()),
            next_steps=_next_steps(rule.references or about.references),
            techniques=tuple(technique.upper() for technique in techniques),
            threshold=threshold,
            period=period,
            grounds="Taken from the Sigma rule." if threshold > 1 else "The Sigma rule has none: one event is enough.",
            false_positives=tuple(map(str, rule.falsepositives or about.falsepositives)),
            blind_spots=tuple(dict.fromkeys([*reader.left_out, *_doubts(condition)])),
            tags=("sigma", *(_tagged(rule, _TACTIC) or _tagged(about, _TACTIC))),
        )
    except AuditConfigurationError as error:  # names the detection, not the file
        raise AuditConfigurationError(where, value=error.value, limit=error.limit, way_out=error.way_out) from None


def _doubts(condition: Expression) -> list[str]:
    """Return what is unverified on the live service: keys with dots or slashes below the top level."""
    paths = [leaf.path for leaf in leaves(condition) if isinstance(leaf, (Comparison, Is, NotExists))]
    return [
        f"CloudWatch does not document keys such as {selector(path)} below the top level: test with `eks-audit verify`."
        for path in paths
        if any(isinstance(key, str) and not re.fullmatch(r"[\w-]+", key) for key in path)
    ]


def _condition(rule: SigmaRule | SigmaCorrelationRule, reader: Reader) -> Expression:
    """Return the condition of a rule, with what is added to it."""
    where = reader.where
    if isinstance(rule, SigmaCorrelationRule):
        limit, way_out = "a correlation of correlations does not count events", "Refer to rules only"
        raise AuditConfigurationError(where, value=rule.title, limit=limit, way_out=way_out)
    source = rule.logsource
    shown = ", ".join(f"{key}: {value}" for key, value in source.to_dict().items())
    if (
        source.product not in ("kubernetes", None)
        or source.service not in ("audit", None)
        or source.category not in ("application", "audit", None)
        or (source.product is None and (source.service, source.category) != ("audit", "application"))
    ):
        limit = "the rule is not about Kubernetes audit logs"
        raise AuditConfigurationError(
            where, value=shown, limit=limit, way_out="Set product: kubernetes, service: audit"
        )
    condition = disjunction(reader.condition(part.parsed) for part in rule.detection.parsed_condition)
    if condition == NEVER:
        return NEVER
    if condition == EVERYTHING:
        limit = "the rule matches every event"
        raise AuditConfigurationError(
            where, value=", ".join(rule.detection.condition), limit=limit, way_out="Add a search"
        )
    found = [*leaves(condition)]
    if all(isinstance(leaf, Term) for leaf in found):
        return condition  # matches lines of text, which have no kind and no stage
    if any(isinstance(leaf, Term) for leaf in found):
        raise AuditConfigurationError(
            where,
            value=", ".join(rule.detection.condition),
            limit="a filter pattern matches either keywords or fields",
            way_out="Name the field that contains the keyword, as in requestURI|cased|contains",
        )
    if reason := why_never(condition):
        raise AuditConfigurationError(
            where, value=", ".join(rule.detection.condition), limit=reason[0], way_out=reason[1]
        )
    asked = {leaf.path for leaf in found if isinstance(leaf, (Comparison, Is, NotExists))}
    added: list[Expression] = [] if _KIND in asked else [field("kind") == "Event"]
    if _STAGE not in asked and (stage := once(condition)) is not None:
        added.append(stage)
    return conjunction([*added, condition])


_KIND: Path = ("kind",)
_STAGE: Path = ("stage",)


def _count(rule: SigmaCorrelationRule, where: str) -> tuple[int, int]:
    """Return the threshold of a correlation and its period in minutes."""
    condition, count = rule.condition, 0
    if isinstance(condition, SigmaCorrelationCondition) and isinstance(condition.count, int):
        if condition.op is SigmaCorrelationConditionOperator.GTE:
            count = condition.count
        elif condition.op is SigmaCorrelationConditionOperator.GT:
            count = condition.count + 1
    refusals: list[tuple[bool, Any, str, str]] = [
        (
            rule.type is SigmaCorrelationType.EVENT_COUNT,
            rule.type.name.lower(),
            "a metric filter counts events; it cannot count values or order events",
            "Use event_count or a saved query",
        ),
        (
            not rule.group_by,
            rule.group_by,
            "a metric filter counts the events of all principals together",
            "Remove group-by, or use a saved query that counts by these fields",
        ),
        (
            count > 0,
            condition.to_dict(),
            "an alarm goes off at a whole number of events or more",
            "Use gte with a number of 1 or more",
        ),
        (
            rule.timespan.seconds in _PERIODS,
            rule.timespan.spec,
            "events are counted over 1, 5, 15 or 60 minutes",
            "Use a timespan of 1m, 5m, 15m or 1h",
        ),
    ]
    for holds, value, limit, way_out in refusals:
        if not holds:
            raise AuditConfigurationError(where, value=value, limit=limit, way_out=way_out)
    return count, _PERIODS[rule.timespan.seconds]


def _id(rule: SigmaRuleBase) -> str:
    """Return a stable id: the rule's name or title in lower case with hyphens, whole words up to 64 characters."""
    words = re.findall(r"[a-z0-9]+", (rule.name or rule.title).lower())
    if not words or words[0][0].isdigit():
        words.insert(0, "sigma")
    while len("-".join(words)) > _LONGEST_ID and len(words) > 1:
        words.pop()
    return "-".join(words)


def _tagged(rule: SigmaRuleBase, name: str) -> tuple[str, ...]:
    """Return the tags `attack.<name>`, with hyphens in the names of tactics."""
    found = (tag.name for tag in rule.tags if tag.namespace == "attack" and re.fullmatch(name, tag.name))
    return tuple(dict.fromkeys(tag.replace("_", "-") for tag in found))


def _next_steps(references: list[str]) -> str:
    return f"Read the references of the rule: {', '.join(map(str, references))}" if references else ""
