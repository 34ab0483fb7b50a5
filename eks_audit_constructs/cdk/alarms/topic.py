"""Where alarms are told: a topic that CloudWatch can really publish to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import cast

from aws_cdk import Annotations, ArnFormat, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_audit_constructs.cdk import checks
from eks_audit_constructs.cdk.grants import allow_on_key, new_key, service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AlarmTopic"]


class AlarmTopic(Construct):
    """An SNS topic for alarms, encrypted, with the grants without which an alarm turns red and nobody is told.

    CloudWatch needs two: one to publish to the topic, and one to use its key. The key that SNS itself manages
    (`alias/aws/sns`) cannot have the second, so the topic has a customer managed one.
    https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger

    Args:
        scope: The parent.
        id: The id in it.
        emails: Addresses to subscribe. Each gets a mail from SNS with a link, and hears of alarms once it is followed.
        topic: An existing topic instead of a new one. Its policy, and its key's when it has one, must already let
            cloudwatch.amazonaws.com publish; nothing of it is changed, the addresses are subscribed to it.
        encryption_key: A symmetric customer managed key for the new topic; by default one is made, rotated yearly.

    Raises:
        AuditConfigurationError: An address is none or given twice, or a key is given for an existing topic.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        emails: Sequence[str] = (),
        topic: sns.ITopic | None = None,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id)
        addresses = self._addresses(emails)
        if topic is None:
            key = encryption_key or new_key(
                self,
                "Key",
                description=f"Alarms of {self.node.path}",
                # Nothing stays encrypted with it: SNS holds a message only until it is delivered.
                removal_policy=RemovalPolicy.DESTROY,
            )
            self._encryption_key: kms.IKey | None = key
            self._topic = self._new_topic(key)
        else:
            self._refuse_key(encryption_key)
            self._encryption_key = None
            self._topic = topic
            Annotations.of(self).add_info_v2(
                "eks-audit-constructs:topicMustLetAlarmsIn",
                "This topic is an existing one: alarms arrive only if its policy lets cloudwatch.amazonaws.com do "
                "sns:Publish and, when it is encrypted, if it has a customer managed key whose policy lets it do "
                "kms:Decrypt and kms:GenerateDataKey*.",
            )
        for address in addresses:
            sns.Subscription(
                self,
                self._subscription_id(address),
                topic=self._topic,
                protocol=sns.SubscriptionProtocol.EMAIL,
                endpoint=address,
            )

    @property
    def topic(self) -> sns.ITopic:
        """The topic to give to alarms as an action."""
        return self._topic

    @property
    def encryption_key(self) -> kms.IKey | None:
        """The key of the topic made here; None for an existing topic."""
        return self._encryption_key

    def _new_topic(self, encryption_key: kms.IKey) -> sns.ITopic:
        stack = Stack.of(self)
        cloudwatch = service("cloudwatch.amazonaws.com")
        own_account = {"StringEquals": {"aws:SourceAccount": stack.account}}
        allow_on_key(
            self,
            encryption_key,
            iam.PolicyStatement(
                principals=[cloudwatch],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions=own_account,
            ),
        )
        topic = sns.Topic(self, "Topic", master_key=encryption_key, enforce_ssl=True)
        alarms = stack.format_arn(
            service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AllowPublishFromAlarms",
                principals=[cloudwatch],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={**own_account, "ArnLike": {"aws:SourceArn": alarms}},
            )
        )
        return cast(sns.ITopic, topic)  # as in _grants.py

    def _addresses(self, emails: object) -> list[str]:
        if isinstance(emails, str) or not isinstance(emails, Sequence):
            raise AuditConfigurationError(
                self.node.path,
                value=emails,
                limit="emails is a list of addresses",
                way_out=f"Write emails=[{emails!r}]" if isinstance(emails, str) else "Write emails=[...]",
            )
        addresses: list[str] = []
        for email in emails:
            address = checks.email_address(email, self.node.path)
            if address in addresses:
                raise AuditConfigurationError(
                    self.node.path,
                    value=address,
                    limit="a topic has one subscription an address",
                    way_out="Give each address once",
                )
            addresses.append(address)
        return addresses

    def _subscription_id(self, address: str) -> str:
        """From the address and never from its position, so that adding one leaves the others' lines alone."""
        if not Token.is_unresolved(address):
            return address
        resolved = json.dumps(Stack.of(self).resolve(address), sort_keys=True)
        return f"Email{hashlib.sha256(resolved.encode()).hexdigest()[:8]}"

    def _refuse_key(self, encryption_key: kms.IKey | None) -> None:
        if encryption_key is not None:
            raise AuditConfigurationError(
                self.node.path,
                value="encryption_key",
                limit="an existing topic keeps its own key",
                way_out="Leave out encryption_key, or topic",
            )
