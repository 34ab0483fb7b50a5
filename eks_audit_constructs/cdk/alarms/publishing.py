"""Lets an AWS service publish to a topic: the grants without which it fails silently.

A service needs the topic's policy, and that of the topic's key, which are changed here if the app defines them. If not,
a message at synthesis shows the statements that they need.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aws_cdk import Annotations, ArnFormat, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from eks_audit_constructs.cdk.alarms.around_topic import after_aspects, policies_of, resource_of
from eks_audit_constructs.cdk.environment import refuse_elsewhere
from eks_audit_constructs.cdk.grants import allow_on_key, service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["ALARMS", "alarms_of", "key_statement", "let_publish", "publish_statement"]

ALARMS = "cloudwatch.amazonaws.com"

_KEY_OF_AWS = "alias/aws/sns"

_LET_IN_BY_SNS = {ALARMS}
"""Services that the policy of a new topic lets in: they tell SNS whose account they act for."""


def alarms_of(stack: Stack) -> str:
    """The ARN of all alarms in the stack's account and Region."""
    return stack.format_arn(
        service="cloudwatch", resource="alarm", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def publish_statement(
    topic: sns.ITopic, service_name: str, *, account: str, source_arn: str, sid: str | None = None
) -> iam.PolicyStatement:
    """What the topic's policy must allow."""
    return iam.PolicyStatement(
        sid=sid,
        principals=[service(service_name)],
        actions=["sns:Publish"],
        resources=[topic.topic_arn],
        conditions={"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": source_arn}},
    )


def key_statement(service_name: str, *, account: str) -> iam.PolicyStatement:
    """What the policy of the topic's key must allow."""
    return iam.PolicyStatement(
        principals=[service(service_name)],
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": account}},
    )


def let_publish(scope: Construct, topic: sns.ITopic, service_name: str, *, source_arn: str) -> None:
    """Let an AWS service publish to the topic on behalf of the scope's account.

    A topic of this app that has a policy gets a statement in it, wherever the policy is defined. One without keeps the
    policy that SNS gives it, if that lets the service in: a policy of ours would replace it, and shut out whoever else
    publishes there. The topic's key gets a statement too.

    Args:
        scope: Where messages at synthesis are shown. What publishes is in its stack's account and Region.
        topic: The topic.
        service_name: The service's principal, such as `cloudwatch.amazonaws.com`.
        source_arn: The ARN of what publishes, with wildcards.

    Raises:
        AuditConfigurationError: The topic is in another Region, or its key is AWS's own, which lets no service in.
    """
    account = Stack.of(scope).account
    refuse_elsewhere(
        scope,
        topic.env,
        where=scope.node.path,
        what=topic.node.path,
        name=f"the topic that {service_name} publishes to",
        of_any_account=True,
    )
    _refuse_key_of_aws(scope, topic)
    if topic.fifo is True:
        Annotations.of(scope).add_warning_v2(
            "eks-audit-constructs:fifoTopic",
            f"{topic.node.path} is a FIFO topic. Those deliver only to SQS queues, and need a message group that "
            f"{service_name} is not known to send. Use a standard topic",
        )
    on_key = key_statement(service_name, account=account)
    if resource_of(topic) is None:
        on_topic = publish_statement(topic, service_name, account=account, source_arn=source_arn)
        Annotations.of(scope).add_info_v2(
            "eks-audit-constructs:topicMustLetAlarmsIn",
            f"{topic.node.path} is not defined in this app, so its policy cannot be changed here. {service_name} "
            f"reaches it only if its policy has this statement: {_shown(scope, on_topic)}. If it is encrypted, that "
            f"must be with a customer managed key whose policy has this one: {_shown(scope, on_key)}",
        )
        return
    if topic.master_key is not None:
        allow_on_key(scope, topic.master_key, on_key)
    if service_name not in _LET_IN_BY_SNS:
        topic.add_to_resource_policy(publish_statement(topic, service_name, account=account, source_arn=source_arn))
    after_aspects(
        topic,
        lambda: _add_to_policies(
            scope, topic, lambda: publish_statement(topic, service_name, account=account, source_arn=source_arn)
        ),
    )


def _add_to_policies(scope: Construct, topic: sns.ITopic, statement: Callable[[], iam.PolicyStatement]) -> None:
    """Add the statement to the policies that the topic has now, unless they have it."""
    policies = policies_of(topic)
    ours, theirs = Stack.of(scope).account, Stack.of(topic).account
    if not policies and ours != theirs and not Token.is_unresolved(ours) and not Token.is_unresolved(theirs):
        _warn(scope, topic, statement(), f"has the policy that SNS gives it, which lets in nobody from account {ours}")
    for policy in policies:
        document = policy.policy_document
        stack = Stack.of(policy)
        if isinstance(document, iam.PolicyDocument):
            if not _has(stack.resolve(document.to_json()), stack.resolve(statement().to_statement_json())):
                document.add_statements(statement())
        elif isinstance(document, Mapping):
            if not _has(stack.resolve(document), stack.resolve(statement().to_statement_json())):
                statements = [*_statements(document), statement().to_statement_json()]
                policy.policy_document = {**document, "Statement": statements}
        else:
            _warn(scope, topic, statement(), f"has a policy, {policy.node.path}, that cannot be read at synthesis")


def _has(document: Mapping[str, Any] | None, statement: Mapping[str, Any]) -> bool:
    """Whether the policy has the statement, by whatever name."""
    return any(
        {name: value for name, value in theirs.items() if name != "Sid"} == statement
        for theirs in _statements(document or {})
    )


def _statements(document: Mapping[str, Any]) -> list[Any]:
    """The policy's statements. A single one need not be in a list."""
    found = document.get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def _shown(scope: Construct, statement: iam.PolicyStatement) -> str:
    return json.dumps(Stack.of(scope).resolve(statement.to_statement_json()))


def _warn(scope: Construct, topic: sns.ITopic, statement: iam.PolicyStatement, why: str) -> None:
    Annotations.of(scope).add_warning_v2(
        "eks-audit-constructs:topicPolicyOutOfReach",
        f"{topic.node.path} {why}. Alarms notify nobody until you add this statement to its policy: "
        f"{_shown(scope, statement)}",
    )


def _refuse_key_of_aws(scope: Construct, topic: sns.ITopic) -> None:
    """Reject a topic that is encrypted with `alias/aws/sns`, whose policy nobody can change."""
    resource = resource_of(topic)
    keys = [
        None if topic.master_key is None else topic.master_key.key_arn,
        None if resource is None else resource.kms_master_key_id,
    ]
    if _KEY_OF_AWS in json.dumps(Stack.of(topic).resolve(keys)):
        raise AuditConfigurationError(
            scope.node.path,
            value=_KEY_OF_AWS,
            limit=f"{topic.node.path} is encrypted with AWS's own key, which lets no service publish",
            way_out="Encrypt the topic with a key of your own, sns.Topic(..., master_key=kms.Key(...))",
        )
