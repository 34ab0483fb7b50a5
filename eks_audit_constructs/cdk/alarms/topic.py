"""AlarmTopic: an SNS topic that CloudWatch can publish to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import cast

from aws_cdk import Annotations, RemovalPolicy, Stack, Token
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.alarms.around_topic import at_synthesis, has_listener, resource_of
from eks_audit_constructs.cdk.alarms.publishing import ALARMS, alarms_of, let_publish, publish_statement
from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.grants import new_key
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AlarmTopic", "checked_topic", "warn_without_listener"]


class AlarmTopic(Construct):
    """An encrypted SNS topic for alarms, with the grants without which alarms go off but notify nobody.

    CloudWatch must be allowed to publish to the topic and to use its key. The policy of the AWS managed key
    (`alias/aws/sns`) cannot be changed to allow that, so the topic has a customer managed key.
    https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger

    If nobody in the app listens to a topic that the app defines, a warning says so. It does not know of people who
    subscribe by hand. If they do, acknowledge it:
    `Annotations.of(topic).acknowledge_warning("eks-audit-constructs:nobodyListens", why)`.

    Args:
        scope: The parent.
        id: The construct's id.
        emails: Addresses to subscribe. SNS sends each a confirmation link, and alarms only once it has been followed.
        topic: An existing topic to use instead of a new one, in the same Region. If the app defines it, its policy and
            that of its key let alarms in from here on; if not, a message at synthesis shows what they need. The
            addresses are subscribed.
        encryption_key: A symmetric customer managed key for the new topic. Default: a new key, rotated yearly.

    Raises:
        AuditConfigurationError: An address is invalid or repeated, a key is passed for an existing topic, the topic is
            none, or the topic or key cannot work for alarms.
    """

    @checked(leaving=("emails", "topic"), of_any_account=("encryption_key",))
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        emails: Sequence[str] = (),
        topic: sns.ITopic | sns.Topic | None = None,
        encryption_key: kms.IKey | kms.Key | None = None,
    ) -> None:
        super().__init__(scope, id)
        addresses = self._addresses(emails)
        if topic is None:
            given_key = cast(kms.IKey | None, encryption_key)  # for pyright, as in grants.py
            key = given_key or new_key(
                self,
                "Key",
                description=f"Alarms of {self.node.path}",
                # Nothing stays encrypted with it: SNS keeps a message only until it is delivered.
                removal_policy=RemovalPolicy.DESTROY,
            )
            self._encryption_key: kms.IKey | None = key
            self._topic = self._new_topic(key)
        else:
            self._refuse_key(encryption_key)
            self._encryption_key = None
            self._topic = checked_topic(topic, self.node.path)
        let_publish(self, self._topic, ALARMS, source_arn=alarms_of(Stack.of(self)))
        for address in addresses:
            sns.Subscription(
                self,
                self._subscription_id(address),
                topic=self._topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=address,
            )
        warn_without_listener(self, self._topic)

    @property
    def topic(self) -> sns.ITopic:
        """The topic, for alarm actions."""
        return self._topic

    @property
    def encryption_key(self) -> kms.IKey | None:
        """The new topic's key; None for an existing topic."""
        return self._encryption_key

    def _new_topic(self, encryption_key: kms.IKey) -> sns.ITopic:
        topic = cast(  # for pyright, as in grants.py
            sns.ITopic, sns.Topic(self, "Topic", master_key=encryption_key, enforce_ssl=True)
        )
        stack = Stack.of(self)
        topic.add_to_resource_policy(
            publish_statement(
                topic, ALARMS, account=stack.account, source_arn=alarms_of(stack), sid="AllowPublishFromAlarms"
            )
        )
        return topic

    def _addresses(self, emails: object) -> list[str]:
        if isinstance(emails, str) or not isinstance(emails, Sequence):
            raise AuditConfigurationError(
                self.node.path,
                value=emails,
                limit="emails must be a list of addresses",
                way_out=f"Write emails=[{emails!r}]" if isinstance(emails, str) else "Write emails=[...]",
            )
        addresses: list[str] = []
        for email in emails:
            address = checks.email_address(email, self.node.path)
            if address in addresses:
                raise AuditConfigurationError(
                    self.node.path,
                    value=address,
                    limit="an address can be subscribed only once",
                    way_out="Remove the duplicate",
                )
            addresses.append(address)
        return addresses

    def _subscription_id(self, address: str) -> str:
        """An id from the address, not from its position, so that adding one does not change the others."""
        if not Token.is_unresolved(address):
            return address
        resolved = json.dumps(Stack.of(self).resolve(address), sort_keys=True)
        return f"Email{hashlib.sha256(resolved.encode()).hexdigest()[:8]}"

    def _refuse_key(self, encryption_key: object) -> None:
        if encryption_key is not None:
            raise AuditConfigurationError(
                self.node.path,
                value="encryption_key",
                limit="an existing topic keeps its own key",
                way_out="Leave out encryption_key or topic",
            )


def checked_topic(value: object, where: str) -> sns.ITopic:
    """Return the topic that was passed, or the one of an `AlarmTopic`.

    Raises:
        AuditConfigurationError: It is anything else. CDK would make an alarm without actions of it.
    """
    if isinstance(value, AlarmTopic):
        return value.topic
    # By what it can do: jsii cannot tell what implements ITopic.
    if not isinstance(value, Construct) or not all(
        hasattr(value, name) for name in ("topic_arn", "fifo", "master_key")
    ):
        raise AuditConfigurationError(
            where,
            value=value,
            limit="this is not an SNS topic",
            way_out="Pass an sns.Topic, an AlarmTopic, or sns.Topic.from_topic_arn(...) for an existing topic",
        )
    return cast(sns.ITopic, value)


def warn_without_listener(scope: Construct, topic: sns.ITopic) -> None:
    """Warn at synthesis if this app defines the topic but nobody who listens to it."""

    def look() -> None:
        if resource_of(topic) is not None and not has_listener(topic):
            Annotations.of(scope).add_warning_v2(
                "eks-audit-constructs:nobodyListens",
                f"Nobody in this app listens to {topic.node.path}. Subscribe someone (alarm_emails, "
                "topic.add_subscription(...), a chat), or acknowledge this if people subscribe by hand",
            )

    at_synthesis(scope, f"Listeners-{topic.node.addr}", look)
