"""Alarms reach every topic that an app can define, however and wherever its policies are; others are told how."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsii
import pytest
from aws_cdk import App, Aspects, Environment, Fn, IAspect, NestedStack, Stack, Stage
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match, Template
from constructs import IConstruct

from eks_audit_constructs import AlarmTopic, AuditAlarms, AuditConfigurationError, EksAudit, Severity, catalog
from eks_audit_constructs.cdk.alarms.publishing import let_publish

ACCOUNT, OTHER = "111122223333", "444455556666"
SERVICE = {"Service": "cloudwatch.amazonaws.com"}
SILENCE = [catalog.AUDIT_LOG_SILENT]


def statement(topic: sns.ITopic, **more: Any) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=["sns:Publish"],
        principals=[iam.AnyPrincipal()],
        resources=[topic.topic_arn],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
        **more,
    )


def denial(topic: sns.ITopic) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "sns:Publish", "Principal": "*", "Resource": topic.topic_arn}


def later(topic: sns.ITopic) -> None:
    topic.add_to_resource_policy(statement(topic))


def elsewhere(topic: sns.ITopic) -> None:
    sns.TopicPolicy(Stack(topic.node.root, "Policies"), "Policy", topics=[topic], enforce_ssl=True)


def of_two(topic: sns.ITopic) -> None:
    second = sns.Topic(Stack.of(topic), "Second")
    policy = sns.TopicPolicy(Stack.of(topic), "Policy", topics=[topic, second])
    policy.document.add_statements(statement(topic))


@jsii.implements(IAspect)
class OnlyWithTls:
    """An aspect such as a platform team has, for all topics of an app."""

    def visit(self, node: IConstruct) -> None:
        if isinstance(node, sns.Topic):
            node.add_to_resource_policy(statement(node))


def by_an_aspect(topic: sns.ITopic) -> None:
    Aspects.of(topic.node.root).add(OnlyWithTls())


def by_hand(topic: sns.ITopic) -> None:
    document = {"Version": "2012-10-17", "Statement": [denial(topic)]}
    sns.CfnTopicPolicy(Stack.of(topic), "Policy", topics=[topic.topic_arn], policy_document=document)


def by_hand_with_one_statement(topic: sns.ITopic) -> None:
    document = {"Version": "2012-10-17", "Statement": denial(topic)}
    sns.CfnTopicPolicy(Stack.of(topic), "Policy", topics=[topic.topic_arn], policy_document=document)


def by_hand_with_a_document(topic: sns.ITopic) -> None:
    document = iam.PolicyDocument(statements=[statement(topic)])
    sns.CfnTopicPolicy(Stack.of(topic), "Policy", topics=[topic.topic_arn], policy_document=document)


def inline(topic: sns.ITopic) -> None:
    document = {"Version": "2012-10-17", "Statement": [denial(topic)]}
    sns.CfnTopicInlinePolicy(Stack.of(topic), "Policy", topic_arn=topic.topic_arn, policy_document=document)


def none(topic: sns.ITopic) -> None:
    """The topic keeps the policy that SNS gives it."""


POLICIES = [
    none,
    later,
    elsewhere,
    of_two,
    by_an_aspect,
    by_hand,
    by_hand_with_one_statement,
    by_hand_with_a_document,
    inline,
]


def as_an_audit(stack: Stack, topic: sns.ITopic) -> None:
    EksAudit(stack, "Audit", cluster="prod", detections=SILENCE, queries=[], alarm_topic=topic)


def as_alarms(stack: Stack, topic: sns.ITopic) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    by_severity = {Severity.HIGH: topic, Severity.LOW: topic}
    AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group, detections=SILENCE, topic=by_severity)


def as_a_topic(stack: Stack, topic: sns.ITopic) -> None:
    AlarmTopic(stack, "Alarms", topic=topic)


def by_way_of_a_topic(stack: Stack, topic: sns.ITopic) -> None:
    mine = AlarmTopic(stack, "Mine", topic=topic)
    EksAudit(stack, "Audit", cluster="prod", detections=SILENCE, queries=[], alarm_topic=mine)


WAYS = [as_an_audit, as_alarms, as_a_topic, by_way_of_a_topic]


def policies(app: App, topic: sns.ITopic) -> list[list[dict[str, Any]]]:
    """The statements of each policy that the app's templates give the topic."""
    stack = Stack.of(topic)
    found = []
    for one in app.node.children:
        if isinstance(one, Stack):
            for resource in Template.from_stack(one).to_json().get("Resources", {}).values():
                if resource["Type"] in ("AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy"):
                    targets = json.dumps(resource["Properties"].get("Topics", resource["Properties"].get("TopicArn")))
                    if stack.get_logical_id(topic.node.default_child) in targets:
                        statements = resource["Properties"]["PolicyDocument"]["Statement"]
                        found.append(statements if isinstance(statements, list) else [statements])
    return found


def grants(statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in statements if one["Effect"] == "Allow" and one["Principal"] == SERVICE]


@pytest.mark.parametrize("order", ["policy first", "alarms first", "topic last"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_each_policy_of_a_topic_lets_alarms_in_once(
    policy: Callable[[sns.ITopic], None], way: Callable[[Stack, sns.ITopic], None], order: str
) -> None:
    app = App()
    stack = Stack(app, "Stack")
    # An aspect visits stacks in the order in which they are defined.
    topic = sns.Topic(Stack(app, "Topics") if order == "topic last" else stack, "Topic")
    if order == "policy first":
        policy(topic)
    way(stack, topic)
    if order != "policy first":
        policy(topic)
    found = policies(app, topic)
    assert len(found) == (0 if policy is none else 1)
    for statements in found:
        assert any(one["Effect"] == "Deny" for one in statements)
        [grant] = grants(statements)
        assert grant["Action"] == "sns:Publish"
        assert "SourceArn" in json.dumps(grant["Condition"])


@pytest.mark.parametrize("policy", [later, by_hand], ids=lambda policy: policy.__name__)
def test_a_topic_in_a_stage_and_alarms_in_a_nested_stack(policy: Callable[[sns.ITopic], None]) -> None:
    stage = Stage(App(), "Stage")
    stack = Stack(stage, "Stack")
    topic = sns.Topic(stack, "Topic")
    policy(topic)
    as_an_audit(NestedStack(stack, "Nested"), topic)
    [found] = Template.from_stack(stack).find_resources("AWS::SNS::TopicPolicy").values()
    assert len(grants(found["Properties"]["PolicyDocument"]["Statement"])) == 1


def test_a_policy_of_another_topic_is_left_alone() -> None:
    """Even one with the same logical id, in another stack."""
    app = App()
    ours, theirs = (sns.Topic(Stack(app, name), "Topic") for name in ("Ours", "Theirs"))
    later(ours)
    later(theirs)
    as_an_audit(Stack.of(ours), ours)
    assert "cloudwatch.amazonaws.com" in json.dumps(Template.from_stack(Stack.of(ours)).to_json())
    template = Template.from_stack(Stack.of(theirs))
    template.resource_count_is("AWS::SNS::TopicPolicy", 1)
    assert "cloudwatch.amazonaws.com" not in json.dumps(template.to_json())


def test_a_statement_that_is_there_already_is_not_added_again() -> None:
    stack = Stack(App(), "Stack")
    first = EksAudit(stack, "First", cluster="one", detections=SILENCE, alarm_emails=["a@example.com"])
    assert first.topic is not None
    before = Template.from_stack(stack).find_resources("AWS::SNS::TopicPolicy")
    stack = Stack(App(), "Stack")
    first = EksAudit(stack, "First", cluster="one", detections=SILENCE, alarm_emails=["a@example.com"])
    assert first.topic is not None
    EksAudit(stack, "Second", cluster="two", detections=SILENCE, alarm_topic=first.topic)
    EksAudit(stack, "Third", cluster="three", detections=SILENCE, alarm_topic=first.topic.topic)
    assert Template.from_stack(stack).find_resources("AWS::SNS::TopicPolicy") == before


@pytest.mark.parametrize("flags", ["no flag", "all flags"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("region", ["eu-west-1", "cn-north-1", "us-gov-west-1"])
def test_the_key_of_a_topic_lets_alarms_use_it(
    region: str, way: Callable[[Stack, sns.ITopic], None], flags: str, recommended_flags: dict[str, Any]
) -> None:
    app = App(context=recommended_flags if flags == "all flags" else {})
    env = Environment(account=ACCOUNT, region=region)
    keys, topics, stack = (Stack(app, name, env=env) for name in ("Keys", "Topics", "Stack"))
    way(stack, sns.Topic(topics, "Topic", enforce_ssl=True, master_key=kms.Key(keys, "Key")))
    [key] = Template.from_stack(keys).find_resources("AWS::KMS::Key").values()
    uses = grants(key["Properties"]["KeyPolicy"]["Statement"])
    assert uses == [
        {
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            "Effect": "Allow",
            "Principal": SERVICE,
            "Resource": "*",
        }
    ]
    [policy] = Template.from_stack(topics).find_resources("AWS::SNS::TopicPolicy").values()
    assert len(grants(policy["Properties"]["PolicyDocument"]["Statement"])) == 1


def test_a_key_behind_an_alias_gets_the_statement_too() -> None:
    stack = Stack(App(), "Stack")
    alias = kms.Alias(stack, "Alias", alias_name="alias/mine", target_key=kms.Key(stack, "Key"))
    as_an_audit(stack, sns.Topic(stack, "Topic", master_key=alias))
    [key] = Template.from_stack(stack).find_resources("AWS::KMS::Key").values()
    assert len(grants(key["Properties"]["KeyPolicy"]["Statement"])) == 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_topic_with_the_key_of_aws_is_refused(way: Callable[[Stack, sns.ITopic], None]) -> None:
    stack = Stack(App(), "Stack")
    managed = kms.Alias.from_alias_name(stack, "Alias", "alias/aws/sns")
    with pytest.raises(AuditConfigurationError, match=r"alias/aws/sns.*no service publish"):
        way(stack, sns.Topic(stack, "Topic", master_key=managed))


def test_a_topic_with_the_key_of_aws_behind_an_escape_hatch_is_refused() -> None:
    stack = Stack(App(), "Stack")
    topic = sns.Topic(stack, "Topic")
    resource = topic.node.default_child
    assert isinstance(resource, sns.CfnTopic)
    resource.kms_master_key_id = "alias/aws/sns"
    with pytest.raises(AuditConfigurationError, match="no service publish"):
        as_an_audit(stack, topic)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("account", [ACCOUNT, OTHER], ids=["own account", "a security account"])
def test_an_imported_topic_gets_a_message_with_both_statements(
    account: str, way: Callable[[Stack, sns.ITopic], None]
) -> None:
    stack = Stack(App(), "Stack", env=Environment(account=ACCOUNT, region="eu-west-1"))
    way(stack, sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:eu-west-1:{account}:security"))
    said = [one.entry.data for one in Annotations.from_stack(stack).find_info("*", Match.any_value())]
    [message] = [one for one in said if "sns:Publish" in str(one)]
    for part in (f'"aws:SourceAccount": "{ACCOUNT}"', f":sns:eu-west-1:{account}:security", "kms:GenerateDataKey*"):
        assert part in message
    assert f":cloudwatch:eu-west-1:{ACCOUNT}:alarm:*" in message
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_topic_of_another_region_is_refused(way: Callable[[Stack, sns.ITopic], None]) -> None:
    app = App()
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="eu-west-1"))
    imported = sns.Topic.from_topic_arn(stack, "Imported", f"arn:aws:sns:us-east-1:{ACCOUNT}:security")
    there = Stack(app, "There", env=Environment(account=ACCOUNT, region="us-east-1"))
    for topic in (imported, sns.Topic(there, "Topic")):
        own = Stack(App(), f"Of{topic.node.id}", env=Environment(account=ACCOUNT, region="eu-west-1"))
        with pytest.raises(AuditConfigurationError, match="is in the Region us-east-1, and this stack is in eu-west-1"):
            way(own, topic)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_region_that_only_the_deployment_knows_passes(way: Callable[[Stack, sns.ITopic], None]) -> None:
    stack = Stack(App(), "Stack")
    way(stack, sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:us-east-1:{ACCOUNT}:security"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.__name__)
def test_a_topic_of_another_account_needs_a_policy(policy: Callable[[sns.ITopic], None]) -> None:
    app = App()
    security = Stack(app, "Security", env=Environment(account=OTHER, region="eu-west-1"))
    stack = Stack(app, "Stack", env=Environment(account=ACCOUNT, region="eu-west-1"))
    topic = sns.Topic(security, "Topic", topic_name="security")
    if policy is elsewhere:
        env = Environment(account=OTHER, region="eu-west-1")
        sns.TopicPolicy(Stack(app, "Policies", env=env), "Policy", topics=[topic], enforce_ssl=True)
    else:
        policy(topic)
    sns.Subscription(security, "Who", topic=topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint="a@example.com")
    as_an_audit(stack, topic)
    for statements in policies(app, topic):
        [grant] = grants(statements)
        assert grant["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    warned = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("lets in nobody from account"))
    assert len(warned) == (1 if policy is none else 0)


def test_topics_of_two_stacks_each_let_in_the_alarms_of_both() -> None:
    app = App()
    stacks = [
        Stack(app, name, env=Environment(account=account, region="eu-west-1"))
        for name, account in (("One", ACCOUNT), ("Two", OTHER))
    ]
    topic = sns.Topic(stacks[0], "Topic", topic_name="shared", enforce_ssl=True)
    for stack in stacks:
        as_an_audit(stack, topic)
    [statements] = policies(app, topic)
    accounts = [one["Condition"]["StringEquals"]["aws:SourceAccount"] for one in grants(statements)]
    assert sorted(accounts) == [ACCOUNT, OTHER]
    sids = [one["Sid"] for one in statements]
    assert len(sids) == len(set(sids))


def test_a_policy_that_cannot_be_read_is_warned_about() -> None:
    stack = Stack(App(), "Stack")
    topic = sns.Topic(stack, "Topic")
    document = Fn.find_in_map("Policies", "Topic", "Document")
    sns.CfnTopicPolicy(stack, "Policy", topics=[topic.topic_arn], policy_document=document)
    as_an_audit(stack, topic)
    unreadable = Match.string_like_regexp("Stack/Policy, that cannot be read.*cloudwatch.amazonaws.com")
    Annotations.from_stack(stack).has_warning("/Stack/Audit/Alarms", unreadable)


def test_another_sender_is_let_in_by_its_principal() -> None:
    """SNS's own policy does not let EventBridge in, so the topic gets one, and then needs one for alarms too."""
    app = App()
    stack = Stack(app, "Stack")
    topic = sns.Topic(stack, "Topic", master_key=kms.Key(stack, "Key"))
    as_an_audit(stack, topic)
    let_publish(stack, topic, "events.amazonaws.com", source_arn="arn:aws:events:*:*:rule/mine")
    [statements] = policies(app, topic)
    services = sorted(one["Principal"]["Service"] for one in statements)
    assert services == ["cloudwatch.amazonaws.com", "events.amazonaws.com"]
    [key] = Template.from_stack(stack).find_resources("AWS::KMS::Key").values()
    assert "events.amazonaws.com" in json.dumps(key)
