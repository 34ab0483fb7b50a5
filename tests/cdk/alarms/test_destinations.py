"""Who is told of which alarm; and no alarm that tells nobody is accepted in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import Annotations as CdkAnnotations
from aws_cdk import App, Stack
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs import AlarmTopic, AuditAlarms, AuditConfigurationError, EksAudit, Severity, catalog
from tests.depth import examples

THREE = (catalog.AUDIT_LOG_SILENT, catalog.FORBIDDEN_REQUESTS, catalog.ROLE_CHANGED)
"""One of each severity."""


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def as_an_audit(stack: Stack, topic: Any, **options: Any) -> EksAudit:
    return EksAudit(stack, "Audit", cluster="prod", detections=THREE, queries=[], alarm_topic=topic, **options)


def as_alarms(stack: Stack, topic: Any, **options: Any) -> AuditAlarms:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    return AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group, detections=THREE, topic=topic, **options)


WAYS: list[Callable[..., Any]] = [as_an_audit, as_alarms]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def told(stack: Stack, state: str = "AlarmActions") -> dict[str, list[Any]]:
    """The actions of each alarm."""
    return {
        alarm["Properties"]["AlarmName"].rsplit("/")[-1]: alarm["Properties"].get(state, [])
        for alarm in Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    }


def warnings(stack: Stack) -> list[str]:
    """The warnings that are ours."""
    found = [str(one.entry.data) for one in Annotations.from_stack(stack).find_warning("*", Match.any_value())]
    return [text for text in found if "eks-audit-constructs:" in text]


def imported(stack: Stack, name: str = "Imported") -> sns.ITopic:
    return sns.Topic.from_topic_arn(stack, name, f"arn:aws:sns:us-east-1:111122223333:{name}")


def action(stack: Stack, topic: sns.ITopic) -> list[Any]:
    return [stack.resolve(topic.topic_arn)]


# What is taken


@each_way
@pytest.mark.parametrize(
    "make",
    [
        lambda stack: sns.Topic(stack, "Topic"),
        imported,
        lambda stack: AlarmTopic(stack, "Topic"),
        lambda stack: AlarmTopic(stack, "Topic", topic=imported(stack)),
    ],
    ids=["own", "imported", "AlarmTopic", "AlarmTopic around an imported one"],
)
def test_a_topic_hears_all(stack: Stack, way: Callable[..., Any], make: Callable[[Stack], Any]) -> None:
    topic = make(stack)
    way(stack, topic)
    arn = action(stack, topic.topic if isinstance(topic, AlarmTopic) else topic)
    assert told(stack) == {one.id: arn for one in THREE}


@each_way
def test_a_severity_or_its_value_decides(stack: Stack, way: Callable[..., Any]) -> None:
    pager, mail = AlarmTopic(stack, "Pager", emails=["a@example.com"]), imported(stack)
    way(stack, {"high": pager, Severity.MEDIUM: mail, "low": mail})
    assert told(stack) == {
        "audit-log-silent": action(stack, pager.topic),
        "forbidden-requests": action(stack, mail),
        "role-changed": action(stack, mail),
    }
    assert warnings(stack) == []


def test_two_clusters_share_the_topic_of_the_first(stack: Stack) -> None:
    first = EksAudit(stack, "First", cluster="one", detections=THREE, alarm_emails=["a@example.com"])
    EksAudit(stack, "Second", cluster="two", detections=THREE, alarm_topic=first.topic)
    assert first.topic is not None
    alarms = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    assert [one["Properties"]["AlarmActions"] for one in alarms] == [action(stack, first.topic.topic)] * 6


def test_two_stacks_share_a_topic() -> None:
    app = App()
    first, second = Stack(app, "First"), Stack(app, "Second")
    topic = AlarmTopic(first, "Topic", emails=["a@example.com"])
    for stack in (first, second):
        as_an_audit(stack, topic)
    assert told(first) == {one.id: action(first, topic.topic) for one in THREE}
    assert all(len(actions) == 1 for actions in told(second).values())
    assert warnings(first) == warnings(second) == []


# What is refused

WRONG: dict[str, Callable[[Stack], Any]] = {
    "a queue": lambda stack: sqs.Queue(stack, "Queue"),
    "an ARN": lambda stack: "arn:aws:sns:us-east-1:111122223333:security",
    "an address": lambda stack: "security@example.com",
    "a list": lambda stack: [sns.Topic(stack, "Topic")],
    "an audit": lambda stack: EksAudit(stack, "Other", cluster="other", detections=[]),
    "an L1": lambda stack: sns.CfnTopic(stack, "Topic"),
    "a subscription": lambda stack: sns.CfnSubscription(stack, "Who", protocol="email", topic_arn="x"),
    "False": lambda stack: False,
    "a number": lambda stack: 7,
    "an empty mapping": lambda stack: {},
    "a misspelt severity": lambda stack: {"hihg": sns.Topic(stack, "Topic")},
    "a severity's name": lambda stack: {"HIGH": sns.Topic(stack, "Topic")},
    "a severity of another library": lambda stack: {"critical": sns.Topic(stack, "Topic")},
    "None as a severity": lambda stack: {None: sns.Topic(stack, "Topic")},
    "a severity twice": lambda stack: {"high": imported(stack, "One"), Severity.HIGH: imported(stack, "Two")},
    "None in it": lambda stack: {"high": None},
    "a queue in it": lambda stack: {"high": sns.Topic(stack, "Topic"), "low": sqs.Queue(stack, "Queue")},
    "a mapping in it": lambda stack: {"high": {"high": sns.Topic(stack, "Topic")}},
}


@each_way
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_topic_is_refused(stack: Stack, way: Callable[..., Any], wrong: str) -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        way(stack, WRONG[wrong](stack))
    assert refusal.value.where.startswith("Stack/A")


@pytest.mark.parametrize("wrong", WRONG)
def test_an_alarm_topic_takes_only_a_topic(stack: Stack, wrong: str) -> None:
    with pytest.raises(AuditConfigurationError, match="not an SNS topic"):
        AlarmTopic(stack, "Alarms", topic=WRONG[wrong](stack))


def test_a_misspelt_severity_is_told_the_right_one(stack: Stack) -> None:
    with pytest.raises(AuditConfigurationError, match="Did you mean high"):
        as_alarms(stack, {"hihg": imported(stack)})


KEYS = st.sampled_from([*Severity, "high", "medium", "low", "hihg", "", None, 1])
VALUES = st.sampled_from(["topic", "imported", "AlarmTopic", "queue", "arn", "None"])


@settings(max_examples=examples(40))
@given(st.dictionaries(KEYS, VALUES, max_size=3))
def test_a_mapping_is_refused_or_every_severity_in_it_is_heard(wanted: dict[Any, str]) -> None:
    stack = Stack(App(), "Stack")
    makers: dict[str, Callable[[str], Any]] = {
        "topic": lambda id: sns.Topic(stack, id),
        "imported": lambda id: imported(stack, id),
        "AlarmTopic": lambda id: AlarmTopic(stack, id),
        "queue": lambda id: sqs.Queue(stack, id),
        "arn": lambda id: "arn:aws:sns:us-east-1:111122223333:security",
        "None": lambda id: None,
    }
    mapping = {key: makers[kind](f"T{number}") for number, (key, kind) in enumerate(wanted.items())}
    try:
        as_alarms(stack, mapping)
    except AuditConfigurationError:
        levels = [key.value if isinstance(key, Severity) else key for key in wanted]
        good = {"high", "medium", "low"}.issuperset(levels) and len(set(levels)) == len(levels)
        assert not (wanted and good and {"topic", "imported", "AlarmTopic"}.issuperset(wanted.values()))
        return
    heard = told(stack)
    for detection in THREE:
        topic = mapping.get(detection.severity, mapping.get(detection.severity.value))
        topic = topic.topic if isinstance(topic, AlarmTopic) else topic
        assert heard[detection.id] == ([] if topic is None else action(stack, topic))
    silent = [detection for detection in THREE if not heard[detection.id]]
    assert any("tell nobody" in warning for warning in warnings(stack)) == bool(silent)


# What is warned of


@each_way
def test_a_severity_that_nobody_hears_is_warned_of(stack: Stack, way: Callable[..., Any]) -> None:
    way(stack, {Severity.HIGH: imported(stack)})
    [warning] = warnings(stack)
    assert "2 of 3 alarms" in warning
    assert "forbidden-requests (medium), role-changed (low)" in warning


def test_alarms_without_a_topic_are_warned_of(stack: Stack) -> None:
    as_alarms(stack, None)
    [warning] = warnings(stack)
    assert "3 of 3 alarms" in warning


def test_an_action_that_is_added_later_counts(stack: Stack) -> None:
    made = as_alarms(stack, {"high": imported(stack)})
    for id in ("forbidden-requests", "role-changed"):
        made.alarms[id].add_alarm_action(actions.SsmAction(actions.OpsItemSeverity.LOW))
    assert warnings(stack) == []


def test_the_warning_of_mute_alarms_can_be_acknowledged(stack: Stack) -> None:
    made = as_alarms(stack, None)
    CdkAnnotations.of(made).acknowledge_warning("eks-audit-constructs:alarmsTellNobody", "A composite alarm does.")
    assert warnings(stack) == []


def test_no_alarm_is_no_warning(stack: Stack) -> None:
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    AuditAlarms(stack, "Alarms", cluster_name="prod", log_group=group, detections=[])
    assert warnings(stack) == []


def subscribe(topic: sns.ITopic) -> None:
    topic.add_subscription(subscriptions.EmailSubscription("a@example.com"))


def subscribe_elsewhere(topic: sns.ITopic) -> None:
    other = Stack(topic.node.root, "Subscribers")
    sns.Subscription(other, "Who", topic=topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint="a@example.com")


def subscribe_by_hand(topic: sns.ITopic) -> None:
    sns.CfnSubscription(Stack.of(topic), "Who", topic_arn=topic.topic_arn, protocol="email", endpoint="a@example.com")


def subscribe_inline(topic: sns.ITopic) -> None:
    resource = topic.node.default_child
    assert isinstance(resource, sns.CfnTopic)
    resource.subscription = [sns.CfnTopic.SubscriptionProperty(endpoint="a@example.com", protocol="email")]


def show_in_slack(topic: sns.ITopic) -> None:
    chatbot.SlackChannelConfiguration(
        Stack.of(topic),
        "Slack",
        slack_channel_configuration_name="audit",
        slack_workspace_id="T000000",
        slack_channel_id="C000000",
        notification_topics=[topic],
    )


def show_in_teams(topic: sns.ITopic) -> None:
    chatbot.CfnMicrosoftTeamsChannelConfiguration(
        Stack.of(topic),
        "Teams",
        configuration_name="audit",
        iam_role_arn="arn:aws:iam::111122223333:role/chat",
        team_id="0a1b2c3d-4e5f-1a2b-3c4d-0a1b2c3d4e5f",
        teams_channel_id="19%3aabc%40thread.tacv2",
        teams_tenant_id="0a1b2c3d-4e5f-1a2b-3c4d-0a1b2c3d4e5f",
        sns_topic_arns=[topic.topic_arn],
    )


LISTENING = [subscribe, subscribe_elsewhere, subscribe_by_hand, subscribe_inline, show_in_slack, show_in_teams]


@pytest.mark.parametrize("listen", [None, *LISTENING], ids=lambda listen: getattr(listen, "__name__", "nobody"))
@pytest.mark.parametrize("whose", ["new", "AlarmTopic", "own", "own behind an AlarmTopic"])
def test_a_topic_that_nobody_listens_to_is_warned_of_once(
    stack: Stack, whose: str, listen: Callable[[sns.ITopic], None] | None
) -> None:
    if whose == "new":
        made = as_an_audit(stack, None).topic
        assert made is not None
        topic = made.topic
    elif whose == "own":
        topic = sns.Topic(stack, "Topic")
        as_an_audit(stack, topic)
    else:
        mine = AlarmTopic(stack, "Mine", topic=sns.Topic(stack, "Topic") if "behind" in whose else None)
        topic = mine.topic
        as_an_audit(stack, mine)
    if listen is not None:
        listen(topic)
    assert [warning for warning in warnings(stack) if f"listens to {topic.node.path}" in warning] == warnings(stack)
    assert len(warnings(stack)) == (1 if listen is None else 0)


def test_someone_who_listens_to_another_topic_does_not_count() -> None:
    app = App()
    ours, theirs = (sns.Topic(Stack(app, name), "Topic") for name in ("Ours", "Theirs"))
    subscribe(theirs)
    as_an_audit(Stack.of(ours), ours)
    [warning] = warnings(Stack.of(ours))
    assert "listens to Ours/Topic" in warning


def test_who_listens_to_an_imported_topic_is_not_known(stack: Stack) -> None:
    as_an_audit(stack, imported(stack))
    assert warnings(stack) == []


def test_the_warning_of_an_unheard_topic_can_be_acknowledged(stack: Stack) -> None:
    audit = as_an_audit(stack, None)
    assert audit.topic is not None
    CdkAnnotations.of(audit.topic).acknowledge_warning("eks-audit-constructs:nobodyListens", "By hand.")
    assert warnings(stack) == []


@each_way
@pytest.mark.parametrize(
    "around", [lambda stack, topic: topic, lambda stack, topic: AlarmTopic(stack, "T", topic=topic)]
)
def test_a_fifo_topic_is_warned_of(stack: Stack, way: Callable[..., Any], around: Callable[..., Any]) -> None:
    way(stack, around(stack, imported(stack, "Mine.fifo")))
    [warning] = warnings(stack)
    assert "FIFO" in warning


# What else is sent


@each_way
def test_ok_actions_are_sent_to_the_same_topics_when_asked(stack: Stack, way: Callable[..., Any]) -> None:
    way(stack, {"high": imported(stack, "Pager"), "low": imported(stack, "Mail")}, ok_actions=True)
    assert told(stack, "OKActions") == told(stack)
    assert told(stack)["audit-log-silent"]


@each_way
def test_no_ok_actions_by_default(stack: Stack, way: Callable[..., Any]) -> None:
    way(stack, imported(stack))
    assert not any(told(stack, "OKActions").values())


@each_way
def test_a_silent_roll_out_keeps_the_actions_and_says_so(stack: Stack, way: Callable[..., Any]) -> None:
    way(stack, {"high": imported(stack)}, actions_enabled=False)
    alarms = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    assert [one["Properties"]["ActionsEnabled"] for one in alarms] == [False] * 3
    assert told(stack)["audit-log-silent"]
    Annotations.from_stack(stack).has_info("*", Match.string_like_regexp("actions_enabled is False"))
    assert warnings(stack) == []


@each_way
@pytest.mark.parametrize("option", ["ok_actions", "actions_enabled", "alarm_tags"])
@pytest.mark.parametrize("value", ["no", None, 0])
def test_a_choice_is_true_or_false(stack: Stack, way: Callable[..., Any], option: str, value: object) -> None:
    with pytest.raises(AuditConfigurationError, match=f"{option}.*must be True or False"):
        way(stack, imported(stack), **{option: value})
