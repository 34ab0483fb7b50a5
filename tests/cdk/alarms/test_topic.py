"""The alarm topic: what CloudWatch may do with it, who is told, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template

from eks_audit_constructs.cdk.alarms.topic import AlarmTopic
from eks_audit_constructs.errors import AuditConfigurationError
from tests.nag import violations

ACCOUNT = "111122223333"


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def resources(stack: Stack, type_name: str) -> dict[str, Any]:
    return dict(Template.from_stack(stack).find_resources(type_name))


@pytest.mark.parametrize("flags", ["no flag", "all flags"])
@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_cloudwatch_may_publish_and_use_the_key(
    region: str, partition: str, flags: str, recommended_flags: dict[str, Any]
) -> None:
    app = App(context=recommended_flags if flags == "all flags" else {})
    stack = Stack(app, "Stack", env={"account": ACCOUNT, "region": region})
    AlarmTopic(stack, "Alarms")

    ((key_id, key),) = resources(stack, "AWS::KMS::Key").items()
    assert key["Properties"]["EnableKeyRotation"] is True
    assert key["DeletionPolicy"] == "Delete"
    administration, use = key["Properties"]["KeyPolicy"]["Statement"]
    assert administration["Action"] == "kms:*"
    assert use == {
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Resource": "*",
    }

    ((topic_id, topic),) = resources(stack, "AWS::SNS::Topic").items()
    assert key_id in str(topic["Properties"]["KmsMasterKeyId"])
    (policy,) = resources(stack, "AWS::SNS::TopicPolicy").values()
    statements = {entry["Sid"]: entry for entry in policy["Properties"]["PolicyDocument"]["Statement"]}
    publish = statements.pop("AllowPublishFromAlarms")
    alarms = publish["Condition"]["ArnLike"].pop("aws:SourceArn")
    assert publish == {
        "Action": "sns:Publish",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {}},
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Resource": {"Ref": topic_id},
        "Sid": "AllowPublishFromAlarms",
    }
    if isinstance(alarms, dict):
        alarms = "".join(partition if isinstance(part, dict) else part for part in alarms["Fn::Join"][1])
    assert alarms == f"arn:{partition}:cloudwatch:{region}:{ACCOUNT}:alarm:*"
    (tls,) = statements.values()
    assert tls["Effect"] == "Deny"
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_key_that_is_given_gets_the_grant_and_no_other_is_made(stack: Stack) -> None:
    key = kms.Key(stack, "Shared")
    alarms = AlarmTopic(stack, "Alarms", encryption_key=key)
    assert alarms.encryption_key is key
    ((key_id, rendered),) = resources(stack, "AWS::KMS::Key").items()
    assert "cloudwatch.amazonaws.com" in str(rendered)
    assert key_id.startswith("Shared")


def test_a_key_out_of_reach_is_warned_about(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/abc")
    AlarmTopic(stack, "Alarms", encryption_key=key)
    warned = Match.string_like_regexp(r"Stack/Key is not defined in this app.*kms:GenerateDataKey\*")
    Annotations.from_stack(stack).has_warning("/Stack/Alarms", warned)


def test_addresses_are_subscribed_and_their_order_does_not_matter() -> None:
    def subscriptions(*emails: str) -> dict[str, Any]:
        stack = Stack(App(), "Stack")
        parameters = {"$A": CfnParameter(stack, "A").value_as_string, "$B": CfnParameter(stack, "B").value_as_string}
        AlarmTopic(stack, "Alarms", emails=[parameters.get(email, email) for email in emails])
        return resources(stack, "AWS::SNS::Subscription")

    one_way = subscriptions("a@example.com", "$A", "b@example.com", "$B")
    assert one_way == subscriptions("$B", "b@example.com", "$A", "a@example.com")
    endpoints = [entry["Properties"]["Endpoint"] for entry in one_way.values()]
    assert len(endpoints) == 4
    assert "a@example.com" in endpoints
    assert {"Ref": "B"} in endpoints
    assert {entry["Properties"]["Protocol"] for entry in one_way.values()} == {"email"}


def test_an_existing_topic_is_subscribed_to_and_nothing_of_it_is_changed(stack: Stack) -> None:
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:security")
    alarms = AlarmTopic(stack, "Alarms", topic=topic, emails=("sec@example.com",))
    assert alarms.topic is topic
    assert alarms.encryption_key is None
    (only,) = Template.from_stack(stack).to_json()["Resources"].values()
    assert only["Properties"] == {
        "Endpoint": "sec@example.com",
        "Protocol": "email",
        "TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:security",
    }
    Annotations.from_stack(stack).has_info("/Stack/Alarms", Match.string_like_regexp("sns:Publish"))


def test_an_existing_topic_and_a_key_are_refused(stack: Stack) -> None:
    topic = sns.Topic(stack, "Topic")
    with pytest.raises(AuditConfigurationError, match="keeps its own key"):
        AlarmTopic(stack, "Alarms", topic=topic, encryption_key=kms.Key(stack, "Key"))


@pytest.mark.parametrize(
    ("emails", "limit"),
    [
        ("sec@example.com", "emails must be a list"),
        (None, "emails must be a list"),
        (["sec"], "not an email address"),
        ([7], "not an email address"),
        (["a@example.com", "a@example.com"], "subscribed only once"),
    ],
)
def test_addresses_that_are_refused(stack: Stack, emails: Any, limit: str) -> None:
    with pytest.raises(AuditConfigurationError, match=f"Stack/Alarms: .*{limit}"):
        AlarmTopic(stack, "Alarms", emails=emails)


def test_two_topics_in_one_stack(stack: Stack) -> None:
    for severity in ("High", "Low"):
        AlarmTopic(stack, severity, emails=["sec@example.com"])
    assert len(resources(stack, "AWS::SNS::Topic")) == 2
    assert len(resources(stack, "AWS::SNS::Subscription")) == 2


def test_the_packs_of_cdk_nag_have_nothing_to_say(stack: Stack) -> None:
    AlarmTopic(stack, "Alarms", emails=["sec@example.com"])
    assert violations(stack) == set()
    sns.Topic(stack, "Bare")
    assert {rule for rule, _ in violations(stack)} >= {"AwsSolutions-SNS3", "HIPAA.Security-SNSEncryptedKMS"}
