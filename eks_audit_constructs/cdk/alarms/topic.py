"""AlarmTopic: an SNS topic that CloudWatch can publish to."""

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
    """An encrypted SNS topic for alarms, with the grants without which alarms go off but notify nobody.

    CloudWatch must be allowed to publish to the topic and to use its key. The policy of the AWS managed key
    (`alias/aws/sns`) cannot be changed to allow that, so the topic has a customer managed key.
    https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger

    Args:
        scope: The parent.
        id: The construct's id.
        emails: Addresses to subscribe. SNS sends each a confirmation link, and alarms only once it has been followed.
        topic: An existing topic to use instead of a new one. Its policy, and that of its key if it has one, must
            already let cloudwatch.amazonaws.com publish. The addresses are subscribed, but nothing else is changed.
        encryption_key: A symmetric customer managed key for the new topic. Default: a new key, rotated yearly.

    Raises:
        AuditConfigurationError: An address is invalid or repeated, or a key is passed for an existing topic.
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
                # Nothing stays encrypted with it: SNS keeps a message only until it is delivered.
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
                "Alarms reach this existing topic only if its policy allows cloudwatch.amazonaws.com sns:Publish and, "
                "if it is encrypted, it has a customer managed key whose policy allows cloudwatch.amazonaws.com "
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
        """The topic, for alarm actions."""
        return self._topic

    @property
    def encryption_key(self) -> kms.IKey | None:
        """The new topic's key; None for an existing topic."""
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
        return cast(sns.ITopic, topic)  # for pyright, as in grants.py

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

    def _refuse_key(self, encryption_key: kms.IKey | None) -> None:
        if encryption_key is not None:
            raise AuditConfigurationError(
                self.node.path,
                value="encryption_key",
                limit="an existing topic keeps its own key",
                way_out="Leave out encryption_key or topic",
            )
