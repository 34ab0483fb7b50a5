"""What else in the app is about a topic: the policies that decide who may publish to it, and who listens to it.

A topic knows neither. A policy or a subscription may be defined anywhere in the app, also after the alarms, so this
looks at the whole app, at synthesis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import jsii
from aws_cdk import AspectPriority, Aspects, IAspect, Reference, Stack, Token, Tokenization
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

__all__ = ["after_aspects", "at_synthesis", "has_listener", "policies_of", "resource_of"]


@jsii.implements(IAspect)
class _Act:
    """An aspect that looks at nothing and does one thing."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def visit(self, node: IConstruct) -> None:
        self._act()


def at_synthesis(scope: Construct, id: str, act: Callable[[], None]) -> None:
    """Do something once, when the app is complete and before its template is written."""
    # On a construct without children, since an aspect visits those as well.
    after_aspects(Construct(scope, id), act)


def after_aspects(construct: IConstruct, act: Callable[[], None]) -> None:
    """Do something when the app is complete and its own aspects have visited the construct, and again its children."""
    Aspects.of(construct).add(_Act(act), priority=AspectPriority.READONLY)


def resource_of(topic: sns.ITopic) -> sns.CfnTopic | None:
    """The topic's resource; None if this app does not define the topic."""
    resource = topic.node.default_child
    return resource if isinstance(resource, sns.CfnTopic) else None


def policies_of(topic: sns.ITopic) -> list[sns.CfnTopicPolicy | sns.CfnTopicInlinePolicy]:
    """The topic's policies in this app. While there is none, the topic has the policy that SNS gives it."""
    wanted = _identity_of(topic)
    found = [policy for identity, policy in _about_topics(topic).policies if identity == wanted]
    # An aspect may have made this one only now.
    own = topic.node.try_find_child("Policy")
    resource = None if own is None else own.node.default_child
    if isinstance(resource, sns.CfnTopicPolicy) and resource.node.path not in {policy.node.path for policy in found}:
        found.append(resource)
    return found


def has_listener(topic: sns.ITopic) -> bool:
    """Whether this app subscribes anyone to the topic, or shows it in a chat."""
    resource = resource_of(topic)
    if resource is not None and resource.subscription:
        return True
    about = _about_topics(topic)
    return _identity_of(topic) in about.subscribed or any(_shows(chat, topic) for chat in about.chats)


@dataclass(frozen=True, slots=True)
class _AboutTopics:
    policies: list[tuple[str, sns.CfnTopicPolicy | sns.CfnTopicInlinePolicy]]
    subscribed: set[str]
    chats: list[IConstruct]


_APPS: WeakKeyDictionary[IConstruct, _AboutTopics] = WeakKeyDictionary()
"""One look through each app, however many alarms and topics ask."""


def _about_topics(topic: sns.ITopic) -> _AboutTopics:
    app = topic.node.root
    if app not in _APPS:
        _APPS[app] = _look_through(app.node.find_all())
    return _APPS[app]


def _look_through(constructs: list[IConstruct]) -> _AboutTopics:
    about = _AboutTopics([], set(), [])
    for construct in constructs:
        if isinstance(construct, sns.CfnTopicPolicy):
            about.policies.extend((_identity(arn), construct) for arn in construct.topics if isinstance(arn, str))
        elif isinstance(construct, sns.CfnTopicInlinePolicy):
            about.policies.append((_identity(construct.topic_arn), construct))
        elif isinstance(construct, sns.CfnSubscription):
            about.subscribed.add(_identity(construct.topic_arn))
        elif type(construct).__module__ == "aws_cdk.aws_chatbot" and hasattr(construct, "sns_topic_arns"):
            about.chats.append(construct)  # by its name: importing the module takes time, and few have a chat
    return about


def _identity_of(topic: sns.ITopic) -> str:
    resource = resource_of(topic)
    return _identity(topic.topic_arn) if resource is None else resource.node.path


def _identity(arn: str) -> str:
    """The path of the resource that a token refers to, also from another stack; else the ARN as it is."""
    if Token.is_unresolved(arn):
        parts = Tokenization.reverse_string(arn)
        token: Any = parts.first_token
        if parts.length == 1 and Reference.is_reference(token):
            path: str = token.target.node.path
            return path
    return arn


def _shows(chat: Any, topic: sns.ITopic) -> bool:
    stack = Stack.of(chat)
    return stack.resolve(topic.topic_arn) in (stack.resolve(chat.sns_topic_arns) or [])
