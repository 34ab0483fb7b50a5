"""Where alarms are sent: which topic hears which severity, and whether anybody listens."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aws_cdk import Annotations, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.cdk.alarms.around_topic import at_synthesis
from eks_audit_constructs.cdk.alarms.publishing import ALARMS, alarms_of, let_publish
from eks_audit_constructs.cdk.alarms.topic import AlarmTopic, checked_topic, warn_without_listener
from eks_audit_constructs.errors import AuditConfigurationError

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    # The class as well as the interface, for pyright: jsii gives their parameters different names.
    AnyTopic: TypeAlias = sns.ITopic | sns.Topic | AlarmTopic
    # The keys are severities or their values. A type checker would take mappings of one kind only, or no mixed ones.
    Destinations: TypeAlias = AnyTopic | Mapping[Any, AnyTopic]

__all__ = ["by_severity", "warn_of_the_unheard"]


def by_severity(scope: Construct, topic: object) -> dict[Severity, cloudwatch.IAlarmAction]:
    """The action for the alarms of each severity; the topics let alarms in from here on.

    Args:
        scope: Where messages at synthesis are shown; its stack has the alarms.
        topic: A topic for all severities, or a mapping of severities or their values to topics. None: no topic.

    Raises:
        AuditConfigurationError: It is anything else, or a topic cannot be reached.
    """
    found: dict[str, cloudwatch.IAlarmAction] = {}
    chosen: dict[Severity, cloudwatch.IAlarmAction] = {}
    for severity, destination in _destinations(scope, topic).items():
        address = checked_topic(destination, scope.node.path).node.addr
        if address not in found:
            found[address] = _action(scope, destination)
        chosen[severity] = found[address]
    return chosen


def _destinations(scope: Construct, topic: object) -> dict[Severity, object]:
    if topic is None:
        return {}
    if not isinstance(topic, Mapping):
        return dict.fromkeys(Severity, topic)
    where = f"{scope.node.path}: topic"
    if not topic:
        raise AuditConfigurationError(
            where,
            value=topic,
            limit="an empty mapping sends no alarm to anybody",
            way_out="Map severities to topics, as in {Severity.HIGH: pager}, or pass one topic",
        )
    destinations: dict[Severity, object] = {}
    for key, destination in topic.items():
        severity = _severity(key, where)
        if severity in destinations:
            raise AuditConfigurationError(
                where, value=key, limit="this severity has a topic already", way_out="Name each severity once"
            )
        destinations[severity] = destination
    return destinations


def _severity(key: object, where: str) -> Severity:
    if isinstance(key, Severity):
        return key
    levels = {level.value: level for level in Severity}
    if isinstance(key, str) and key in levels:
        return levels[key]
    near = difflib.get_close_matches(str(key).lower(), levels, n=1)
    raise AuditConfigurationError(
        where,
        value=key,
        limit=f"a severity is one of {', '.join(levels)}",
        way_out=f"Did you mean {near[0]}?" if near else "Use Severity.HIGH, or its value",
    )


def _action(scope: Construct, destination: object) -> cloudwatch.IAlarmAction:
    topic = checked_topic(destination, scope.node.path)
    stack = Stack.of(scope)
    if not (isinstance(destination, AlarmTopic) and Stack.of(destination).node.path == stack.node.path):
        # An AlarmTopic has let in the alarms of its own stack already.
        let_publish(scope, topic, ALARMS, source_arn=alarms_of(stack))
    if not isinstance(destination, AlarmTopic):
        warn_without_listener(scope, topic)
    return cast(cloudwatch.IAlarmAction, actions.SnsAction(topic))  # for pyright, as in grants.py


def warn_of_the_unheard(scope: Construct, alarms: Mapping[str, cloudwatch.Alarm]) -> None:
    """Warn at synthesis of alarms that have no action by then, by what they are called here."""

    def look() -> None:
        mute = [name for name, alarm in alarms.items() if not _acts(alarm)]
        if mute:
            Annotations.of(scope).add_warning_v2(
                "eks-audit-constructs:alarmsTellNobody",
                f"{len(mute)} of {len(alarms)} alarms change state but tell nobody: {', '.join(mute)}. Pass a topic "
                "for their severity, or add an action to them",
            )

    at_synthesis(scope, "Unheard", look)


def _acts(alarm: cloudwatch.Alarm) -> bool:
    resource = alarm.node.default_child
    return isinstance(resource, cloudwatch.CfnAlarm) and bool(Stack.of(alarm).resolve(resource.alarm_actions))
