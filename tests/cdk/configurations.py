"""Random configurations of every construct: right values, odd ones, and what a type checker would refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from eks_audit_constructs import (
    AlarmTopic,
    AuditAlarms,
    AuditExport,
    AuditQueries,
    ControlPlaneLogging,
    EksAudit,
    Severity,
    catalog,
    field,
    message_contains,
)
from eks_audit_constructs.catalog import Detection, Guard, SavedQuery, Silence
from tests.cdk.control_plane.clusters import KINDS

__all__ = ["ARGUMENTS", "Configuration", "configurations"]


@dataclass(frozen=True)
class Made:
    """A value that is made in a scope, and the words for it in a failure."""

    words: str
    make: Callable[[Construct], Any]

    def __repr__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Configuration:
    """A construct and its arguments."""

    construct: type
    arguments: dict[str, Any]

    def build(self, scope: Construct) -> Any:
        return self.construct(scope, "It", **{name: made(value, scope) for name, value in self.arguments.items()})


def made(value: Any, scope: Construct) -> Any:
    """The value itself, with all that is made in the scope; each value in a scope of its own."""
    match value:
        case Made():
            return value.make(Construct(scope, f"Value{len(scope.node.children)}"))
        case list() | tuple():
            return type(value)(made(one, scope) for one in value)
        case dict():
            return {key: made(one, scope) for key, one in value.items()}
    return value


def in_stack(words: str, make: Callable[[Stack], Any]) -> Made:
    """What is made right in the stack, and once: clusters, with their fixed ids."""
    return Made(words, lambda scope: make(Stack.of(scope)))


JUNK: list[Any] = [
    None, 0, 7, -1, 2.5, float("nan"), True, "", "x", "a b", "é\x00", "arn:aws:sns:eu-west-1:111122223333:x", b"x", [],
    {},    [None], ["x"], [7], [["x"]], {"x": 1}, {"high": None}, (), ("limit 5",), object(), Severity, Severity.HIGH,
    catalog.FORBIDDEN_REQUESTS, catalog.DEFAULT_QUERIES[0], field("verb"), field("verb") == "get", Silence(),
    Made("Duration", lambda _: Duration.hours(5)), Made("sns.Topic", lambda scope: sns.Topic(scope, "Topic")),
    Made("kms.Key", lambda scope: kms.Key(scope, "Key")), Made("a Construct", lambda scope: scope),
    logs.RetentionDays.ONE_WEEK, RemovalPolicy.DESTROY, eks.ClusterLoggingTypes.API, kms.Key, len,
]  # fmt: skip


def mostly(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A right value nine times of ten, else one of the wrong type or none."""
    return st.integers(0, 9).flatmap(lambda one: st.sampled_from(JUNK) if one == 9 else right)


_ELSEWHERE = "444455556666"

_IDS = st.sampled_from(
    ["a", "a-1", "a1", "shop-secrets", "x" * 64, "x" * 65, "A", "a_b", "1a", "-", "filters", "topic"]
)
_TEXTS = st.sampled_from(["It happened", "x: y", "a*", "a/b", "two\nlines", "\x00", " ", "é 😀", "t" * 250, "w" * 1100])
_CONDITIONS = st.sampled_from(
    [
        field("verb") == "delete",
        field("responseStatus.code") >= 400,
        field("user.groups[*]") == "ci",
        (field("verb") == "get") & ~(field("user.username") == 'quo"te'),
        field("objectRef.name").matches("^kube-.*$"),
        field("objectRef.name").matches("(a|b)"),
        field("responseStatus.code") == "403",
        field("requestObject['a`b']") == "x",
        field("verb").is_in(["get"] * 3),
        field("userAgent") == "x" * 1020,
        message_contains("denied"),
        Silence(),
    ]
)
_GUARDS = st.builds(
    lambda **fields: Made(f"Guard{fields}", lambda _: Guard(**fields)),
    user=mostly(st.sampled_from(["ci", "system:*", ""])),
    why=mostly(_TEXTS),
)


def _lists(of: st.SearchStrategy[Any], size: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(of, max_size=size).flatmap(lambda found: st.sampled_from([found, tuple(found)]))


def _dataclass(kind: type, required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[Made]:
    fields = st.fixed_dictionaries(
        {name: mostly(one) for name, one in required.items()},
        optional={name: mostly(one) for name, one in optional.items()},
    )
    return fields.map(
        lambda given: Made(
            f"{kind.__name__}({given})",
            lambda scope: kind(**{name: made(value, scope) for name, value in given.items()}),
        )
    )


QUERY_FIELDS = {
    "id": _IDS,
    "title": _TEXTS,
    "answers": _TEXTS,
    "commands": _lists(st.sampled_from(["limit 5", "", "sort @timestamp desc", "\x07", "f" * 9990])),
}
OPTIONAL_QUERY_FIELDS = {
    "condition": _CONDITIONS,
    "stream": st.sampled_from(["", "authenticator-", "a/b"]),
}
_OWN_QUERIES = _dataclass(SavedQuery, QUERY_FIELDS, OPTIONAL_QUERY_FIELDS)
_NUMBERS = st.sampled_from([0, 1, 2, 3, 5, 15, 60, 288, 1440, 10**12])
DETECTION_FIELDS = {"id": _IDS, "title": _TEXTS, "condition": _CONDITIONS}
OPTIONAL_DETECTION_FIELDS = {
    "severity": st.sampled_from(Severity),
    "guards": _lists(_GUARDS),
    "what": _TEXTS,
    "why": _TEXTS,
    "next_steps": _TEXTS,
    "commands": QUERY_FIELDS["commands"],
    "query": st.none() | _OWN_QUERIES,
    "techniques": _lists(st.sampled_from(["T1078", "T1078.004", "1078"])),
    "threshold": _NUMBERS,
    "period": _NUMBERS,
    "evaluation_periods": _NUMBERS,
    "datapoints_to_alarm": _NUMBERS,
    "grounds": _TEXTS,
    "false_positives": _lists(_TEXTS),
    "blind_spots": _lists(_TEXTS),
    "tags": _lists(st.sampled_from(["shop", "rbac", "", "a/b", "x:y"])),
}
_OWN_DETECTIONS = _dataclass(Detection, DETECTION_FIELDS, OPTIONAL_DETECTION_FIELDS)


def _tuned(**numbers: Any) -> Made:
    return Made(f"tuned{numbers}", lambda _: catalog.FORBIDDEN_REQUESTS.tuned(**numbers))


_DETECTIONS = (
    st.sampled_from([*catalog.ALL])
    | _OWN_DETECTIONS
    | st.builds(_tuned, threshold=mostly(_NUMBERS), severity=mostly(st.sampled_from(Severity)))
)
_QUERIES = st.sampled_from(catalog.QUERIES) | _OWN_QUERIES
_NAMES = st.sampled_from(["prod", "a_b-C9", "x" * 100, Aws.STACK_NAME, "dummy-value-for-/eks/name"])
_WRONG_NAMES = st.sampled_from(["x" * 101, "a b", "arn:aws:eks:eu-west-1:111122223333:cluster/prod", "-a", "a\n"])
_TYPES = st.sampled_from([*eks.ClusterLoggingTypes, *eks_v2.ClusterLoggingTypes])
_EMAILS = st.sampled_from(["sec@example.com", "ops@example.com", "sec", "Sec <sec@example.com>", Aws.STACK_NAME])
_DURATIONS = st.sampled_from([0, 1, 30, 90, 400]).map(
    lambda days: Made(f"{days} days", lambda _: Duration.days(days))
) | st.just(Made("36 hours", lambda _: Duration.hours(36)))


def _arn(service: str, rest: str, region: str = "eu-west-1", account: str = _ELSEWHERE) -> str:
    return f"arn:aws:{service}:{region}:{account}:{rest}"


_KEY = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
_KEYS = st.sampled_from(
    [
        Made("kms.Key", lambda scope: kms.Key(scope, "Key")),
        Made("an imported key", lambda scope: kms.Key.from_key_arn(scope, "Key", _arn("kms", _KEY))),
        Made("a key of cn", lambda scope: kms.Key.from_key_arn(scope, "Key", _arn("kms", _KEY, "cn-north-1"))),
    ]
)
_NAME = "/aws/eks/prod/cluster"
_LOG_GROUPS = st.sampled_from(
    [
        Made("by name", lambda scope: logs.LogGroup.from_log_group_name(scope, "Group", _NAME)),
        Made("LogGroup", lambda scope: logs.LogGroup(scope, "Group", log_group_name=_NAME)),
        Made("LogGroup without a name", lambda scope: logs.LogGroup(scope, "Group")),
        Made(
            "INFREQUENT_ACCESS",
            lambda scope: logs.LogGroup(scope, "Group", log_group_class=logs.LogGroupClass.INFREQUENT_ACCESS),
        ),
        Made(
            "by ARN",
            lambda scope: logs.LogGroup.from_log_group_arn(scope, "Group", _arn("logs", f"log-group:{_NAME}:*")),
        ),
    ]
)
_BUCKETS = st.sampled_from(
    [
        Made("s3.Bucket", lambda scope: s3.Bucket(scope, "Bucket")),
        Made("an imported bucket", lambda scope: s3.Bucket.from_bucket_name(scope, "Bucket", "access-logs")),
        Made(
            "a bucket with a key",
            lambda scope: s3.Bucket(scope, "Bucket", encryption=s3.BucketEncryption.KMS),
        ),
    ]
)
_TOPICS = st.sampled_from(
    [
        Made("sns.Topic", lambda scope: sns.Topic(scope, "Topic")),
        Made("an imported topic", lambda scope: sns.Topic.from_topic_arn(scope, "Topic", _arn("sns", "alarms"))),
    ]
)
_CLUSTERS = st.sampled_from(
    [
        *(in_stack(f"{kind} {name}", lambda stack, kind=kind, name=name: KINDS[kind](stack, name, []))
          for kind in ("eks.CfnCluster", "eks_v2.CfnCluster") for name in ("prod", None)),
        *(Made(f"imported {module.__name__}",
               lambda scope, module=module: module.Cluster.from_cluster_attributes(scope, "C", cluster_name="prod"))
          for module in (eks, eks_v2)),
        Made("ecs.Cluster", lambda scope: ecs.CfnCluster(scope, "C")),
    ]
)  # fmt: skip
_LOCKS = st.just(Made("a lock", lambda _: s3.ObjectLockRetention.governance(Duration.days(30))))

_LOGGING: dict[str, st.SearchStrategy[Any]] = {
    "log_types": st.none() | _lists(_TYPES, 6),
    "switch_off": _lists(_TYPES),
    "retention": st.sampled_from([None, *logs.RetentionDays]),
    "encryption_key": st.none() | _KEYS,
    "log_group_class": st.sampled_from([None, *logs.LogGroupClass]),
    "log_group": st.none() | _LOG_GROUPS,
    "removal_policy": st.sampled_from([None, RemovalPolicy.DESTROY, RemovalPolicy.RETAIN]),
    "deletion_protection": st.booleans(),
    "field_indexes": st.booleans(),
    "remove_encryption_key": st.booleans(),
    "logging_type_conditions": st.booleans(),
}
_ALARMS: dict[str, st.SearchStrategy[Any]] = {
    "ok_actions": st.booleans(),
    "actions_enabled": st.booleans(),
    "alarm_name_prefix": st.sampled_from(["eks-audit", "platform", "", "x" * 200, "a\nb"]),
    "namespace": st.sampled_from(["EksAudit", "Security", "AWS/x", "a:b", ""]),
    "runbook_url": st.sampled_from([None, "https://wiki.example.com/{id}", "wiki", "https://wiki.example.com/{x}"]),
    "alarm_tags": st.booleans(),
}
_OF_CLUSTER = {"cluster": _NAMES | _CLUSTERS | _WRONG_NAMES}
_NAMED = {"cluster_name": _NAMES | _WRONG_NAMES, "log_group": _LOG_GROUPS}

ARGUMENTS: dict[type, tuple[dict[str, st.SearchStrategy[Any]], dict[str, st.SearchStrategy[Any]]]] = {
    ControlPlaneLogging: (_OF_CLUSTER, _LOGGING),
    AuditAlarms: (_NAMED, {"detections": _lists(_DETECTIONS, 6), "topic": _TOPICS, **_ALARMS}),
    AuditQueries: (_NAMED, {"queries": _lists(_QUERIES, 6)}),
    AlarmTopic: ({}, {"emails": _lists(_EMAILS), "topic": _TOPICS, "encryption_key": _KEYS}),
    AuditExport: (
        {"log_group": _LOG_GROUPS},
        {
            "encryption_key": _KEYS,
            "archive_after": _DURATIONS,
            "expire_after": _DURATIONS,
            "object_lock": _LOCKS,
            "access_logs_bucket": _BUCKETS,
        },
    ),
    EksAudit: (
        {**_OF_CLUSTER, "detections": _lists(_DETECTIONS, 6), "queries": _lists(_QUERIES)},
        {"alarm_emails": _lists(_EMAILS), "alarm_topic": _TOPICS, **_LOGGING, **_ALARMS},
    ),
}
"""The arguments of each construct: those that every configuration has, and those that some have."""


def configurations() -> st.SearchStrategy[Configuration]:
    """A construct with some of its arguments, of which few are wrong."""

    def of(construct: type) -> st.SearchStrategy[Configuration]:
        required, optional = (
            {name: mostly(one) for name, one in arguments.items()} for arguments in ARGUMENTS[construct]
        )
        given = st.sets(st.sampled_from([*optional]), max_size=3).flatmap(
            lambda names: st.fixed_dictionaries({**required, **{name: optional[name] for name in sorted(names)}})
        )
        return given.map(lambda arguments: Configuration(construct, arguments))

    return st.sampled_from([EksAudit, EksAudit, *ARGUMENTS]).flatmap(of)
