"""Conditions that no audit event of EKS can match, and what comes close to them and can."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs import AuditConfigurationError, catalog, recordings
from eks_audit_constructs.audit_events import impossible, never
from eks_audit_constructs.catalog import Detection, Guard, SavedQuery
from eks_audit_constructs.conditions import filter_pattern
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    Comparison,
    Constant,
    Expression,
    Is,
    Operator,
    Path,
    all_of,
    any_of,
    field,
    message_contains,
)
from tests.depth import examples

VERB, CODE, RESOURCE = field("verb"), field("responseStatus.code"), field("objectRef.resource")
STAGE, USER, GROUP = field("stage"), field("user.username"), field("objectRef.apiGroup")
PASSWORD = field("requestObject.data.password").exists()


def mine(condition: Expression) -> Detection:
    return Detection(id="mine", title="Mine", condition=condition)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (field("user.name") == "a", r"no Kubernetes audit event has this field, user.name. Use user.username"),
        (field("objectRef.kind") == "Pod", r"Use objectRef.resource"),
        (field("response.code") == 403, "Use responseStatus.code"),
        (field("eventName") == "RunInstances", "Use the audit event's own names"),
        (field("['user.username']") == "a", "no Kubernetes audit event has this field"),
        (field("user.extra.arn") == "arn:*", r"holds a list.*user.extra.arn\[0\]"),
        (field("user.extra.a.b") == "x", r"Write user.extra\['a.b'\]\[0\]"),
        (field("user.groups") == "system:masters", r"user.groups holds a list"),
        (field("sourceIPs").exists(), r"holds a list"),
        (field("annotations.a.b") == "x", r"Write annotations\['a.b'\]"),
        (field("user.username[0]") == "a", r"is no list. Write user.username"),
        (field("verb.*") == "get", "no Kubernetes audit event has this field"),
        (field("requestObject").exists(), "holds an object"),
        (field("user") == "a", "holds an object"),
        (CODE == "403", "always a number"),
        (CODE == 4, "between 100 and 599"),
        (CODE > 999, "between 100 and 599"),
        (CODE < 100, "between 100 and 599"),
        (USER == 5, "holds text"),
        (USER.matches_number("5*"), "holds text"),
        (field("requestReceivedTimestamp") > 5, "holds text"),
        (field("annotations['a']") == 1, "holds text"),
        (USER.is_true(), "not a boolean"),
        (CODE.is_false(), "not a boolean"),
        (USER.is_null(), "leaves out what is empty"),
        (VERB.not_exists(), "every audit event has verb"),
        (VERB == "deleted", 'no audit event has it. Did you mean "delete"'),
        (VERB == "repl*", "no audit event has it"),
        (VERB.matches("^repl"), "no audit event has it"),
        (VERB == "Delete", "audit events have 'delete'"),
        (field("level") == "None", "audit events have Metadata"),
        (field("kind") == "Pod", "audit events have Event"),
        (field("responseStatus.status") == "403", "audit events have Failure, Success"),
        (field("annotations['authorization.k8s.io/decision']") == "deny", "audit events have allow, forbid"),
        (RESOURCE == "pods/exec", r'"pods"\) & \(field\("objectRef.subresource"\) == "exec"\)'),
        (GROUP == "apps/v1", "a group has no slash"),
        (field("sourceIPs[0]") == "10.0.0.0/8", "cannot match subnets"),
        ((RESOURCE == "secrets") & PASSWORD, "without their bodies"),
        ((RESOURCE == "configmaps") & (VERB == "create") & PASSWORD, "without their bodies"),
        ((RESOURCE == "events") & (VERB == "delete"), "core events"),
        (field("requestURI") == "/healthz*", "/healthz"),
        ((CODE == 401) & (STAGE == "ResponseComplete"), "a failed authentication"),
        ((CODE == 401) & (USER == "a"), "a failed authentication"),
        ((VERB == "list") & field("responseObject.kind").exists(), "only read"),
        ((GROUP == "argoproj.io") & field("requestObject.spec.x").exists(), "custom resources"),
        ((GROUP == "coordination.k8s.io") & field("requestObject.spec.x").exists(), "custom resources"),
        ((VERB == "get") & (VERB == "list"), "exclude each other"),
        ((USER == "a") & (USER != "a"), "exclude each other"),
        (CODE.is_in([401, 403]) & (CODE >= 500), "exclude each other"),
        ((CODE >= 500) & (CODE < 400), "exclude each other"),
        ((VERB == "delete") | (VERB == "removed"), "no audit event has it"),
        ((STAGE == "ResponseComplete") & ((VERB == "get") | (CODE == "403")), "always a number"),
    ],
    ids=never.shown,
)
def test_what_no_event_matches_is_refused_wherever_it_is_asked(condition: Expression, says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says) as refusal:
        mine(condition)
    assert refusal.value.where == "detection 'mine'"
    with pytest.raises(AuditConfigurationError, match=says):
        SavedQuery(id="mine", title="Mine", answers="?", commands=("limit 1",), condition=condition)
    with pytest.raises(AuditConfigurationError, match=says):
        catalog.get("pod-exec").excluding(condition)
    with pytest.raises(AuditConfigurationError, match=says):
        Guard(user="*", why="Works.", only=condition)


@pytest.mark.parametrize(
    "condition",
    [
        field("user.extra.arn[0]") == "arn:*",
        field("user.extra['a.b'][0]") == "x",
        field("user.groups[*]") == "system:masters",
        field("sourceIPs").not_exists(),
        field("user.*") == "a",
        field("*") == "a",
        field("annotations['a.b']") == "x",
        field("authenticationMetadata.impersonationConstraint") == "x",
        field("responseStatus.details.kind") == "pods",
        field("requestObject[0].op") == "replace",
        CODE == 403,
        CODE.matches_number("4*"),
        CODE > 599.5,
        CODE.exists(),
        CODE.not_exists(),
        ~(CODE == 403),
        ~(VERB == "delete") & (RESOURCE == "pods"),
        VERB.is_in(["delete", "propfind"]),
        VERB == "delete*",
        RESOURCE == "widgets",
        RESOURCE == "pod",
        (RESOURCE == "configmaps") & (field("objectRef.name") == "aws-auth") & (VERB == "update") & PASSWORD,
        (RESOURCE == "events") & (GROUP == "events.k8s.io"),
        (RESOURCE == "secrets") & (VERB == "get"),
        (VERB == "get") & (field("objectRef.subresource") == "exec") & field("requestObject.kind").exists(),
        (GROUP == "argoproj.io") & (VERB == "delete"),
        (GROUP == "apps") & field("requestObject.spec.x").exists(),
        (CODE == 401) & (STAGE == "ResponseStarted"),
        CODE.is_in([401, 403]) & (CODE > 402),
        (CODE > 400) & (CODE < 402),
        (field("sourceIPs[*]") == "10.0.0.1") & (field("sourceIPs[*]") == "10.0.0.2"),
        (USER == "a*") & (USER == "*b"),
        message_contains("access denied"),
    ],
    ids=never.shown,
)
def test_what_comes_close_to_that_is_not(condition: Expression) -> None:
    assert never.refusals(condition) == []
    filter_pattern.render(condition, where="mine")


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (RESOURCE == "pod", "the plural, 'pods'"),
        (GROUP == "core", "has no name"),
        (CODE == 700, "between 100 and 599"),
        (field("requestURI") == "api*", "begins with /"),
        (field("requestObject.spec.containers.image") == "x", r"Write requestObject.spec.containers\[\*\].image"),
        (field("requestObject.spec.containers[*].args") == "x", r"args\[\*\]"),
        (field("requestObject.metadata.labels.app.kubernetes") == "x", r"labels\['app.kubernetes'\]"),
        (field("requestObject.spec.hostNetwork") == "true", "is true or false"),
        (field("requestObject.spec.replicas") == "0", "is a number"),
        ((RESOURCE == "pods") & (VERB != "remove"), "leaves nothing out: no audit event has it"),
        ((RESOURCE == "pods") & (USER != "a") & field("user.name").not_exists(), "leaves nothing out: no Kubernetes"),
        ((VERB == "create") & PASSWORD & RESOURCE.is_in(["secrets", "pods"]), "without their bodies"),
        (((CODE == 403) | (CODE == 401)) & (STAGE == "ResponseComplete"), "a failed authentication"),
    ],
    ids=never.shown,
)
def test_what_likely_never_matches_is_a_doubt(condition: Expression, says: str) -> None:
    [doubt] = mine(condition).doubts
    assert re.search(says, doubt)


@pytest.mark.parametrize(
    "condition",
    [
        field("requestObject.spec.containers[*].image") == "x",
        field("requestObject.spec.hostNetwork").is_true(),
        field("requestObject.spec.replicas") == 0,
        field("requestObject.metadata.labels['app.kubernetes']") == "x",
        (VERB == "create") & RESOURCE.is_in(["secrets", "pods"]),
        VERB.is_in(["create", "delete"]) & VERB.is_in(["create", "update"]),
        ((CODE == 403) & (STAGE == "ResponseComplete")) | (CODE == 401),
        field("user.extra.arn[0]").not_exists(),
        ~((VERB == "get") & (USER == "a")) & (RESOURCE == "pods"),
    ],
    ids=never.shown,
)
def test_what_comes_close_to_a_doubt_is_none(condition: Expression) -> None:
    assert mine(condition).doubts == ()


def test_the_catalogue_has_no_doubts() -> None:
    assert {detection.id: detection.doubts for detection in catalog.ALL if detection.doubts} == {}
    queries = {query.id: found for query in catalog.QUERIES if (found := never.doubts(query.condition))}
    assert queries == {}


def test_exclusions_and_guards_say_where() -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        catalog.get("pod-exec").excluding(field("user.name") == "ci")
    assert refusal.value.where == "detection 'pod-exec', excluding"
    assert refusal.value.value == '$.user.name = "ci"'
    with pytest.raises(AuditConfigurationError, match="guard 'ci'"):
        Guard(user="ci", why="Deploys.", only=VERB == "apply")


def test_an_exclusion_of_all_that_is_counted_is_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="exclude each other"):
        mine(VERB == "delete").excluding(VERB == "delete")


def test_a_query_on_another_stream_is_not_about_audit_events() -> None:
    query = SavedQuery(
        id="mine", title="Mine", answers="?", commands=("limit 1",), stream="authenticator", condition=field("a") == "b"
    )
    assert query.text


@cache
def _events() -> list[dict[str, Any]]:
    return [json.loads(line) for scenario in recordings.scenarios() for line in recordings.lines(scenario)]


def _met(value: object, path: Path) -> Iterator[Comparison | Is]:
    """Yield comparisons that an event meets."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _met(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _met(part, (*path, index))
            yield from _met(part, (*path, ANY_ELEMENT))
    elif isinstance(value, bool):
        yield Is(path, Constant.TRUE if value else Constant.FALSE)
    elif isinstance(value, int):
        yield Comparison(path, Operator.EQ, value)
        yield Comparison(path, Operator.LE, value)
    elif isinstance(value, str):
        yield Comparison(path, Operator.EQ, "*")
        if "*" not in value and value:
            yield Comparison(path, Operator.EQ, value)
            yield Comparison(path, Operator.EQ, f"{value[:3]}*")


@settings(max_examples=examples(200), deadline=None)
@given(st.data())
def test_nothing_that_a_recorded_event_meets_is_refused(data: st.DataObject) -> None:
    """The events are those of a real API server with the audit policy of EKS."""
    event = data.draw(st.sampled_from(_events()))
    parts = list(_met(event, ()))
    chosen = data.draw(st.lists(st.sampled_from(parts), min_size=1, max_size=6))
    others = data.draw(st.lists(st.sampled_from(parts), max_size=2))
    condition = all_of([*chosen, *([any_of([*others, chosen[0]])] if others else [])])
    assert predicate(condition)(b"", event)
    assert never.refusals(condition) == []
    assert [part for part in chosen if impossible.never(part) is not None] == []


def test_what_a_recorded_event_does_not_meet_may_be_refused() -> None:
    """Otherwise the test above could not fail."""
    refused = [part for part in (VERB == "replace", field("user.name") == "x") if never.refusals(part)]
    assert len(refused) == 2
