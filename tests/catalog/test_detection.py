from __future__ import annotations

import dataclasses

import pytest

from eks_audit_constructs import AuditConfigurationError, catalog
from eks_audit_constructs.catalog import Detection, Detections, Guard, SavedQuery, Severity, Silence
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression, field

MINE = Detection(
    id="node-deleted",
    title="A node was deleted",
    severity=Severity.LOW,
    condition=(field("verb") == "delete") & (field("objectRef.resource") == "nodes"),
    what="A node was deleted.",
    why="Its pods went with it.",
    next_steps="Look who did it.",
)
QUERY = SavedQuery(id="nodes", title="Nodes", answers="Who?", commands=("limit 10",))


def test_a_detection_of_ones_own_takes_a_few_lines() -> None:
    assert MINE.pattern == '{ ($.verb = "delete") && ($.objectRef.resource = "nodes") }'
    assert MINE.metric_name == "NodeDeleted"
    assert predicate(MINE.condition)(b"", {"verb": "delete", "objectRef": {"resource": "nodes"}})


def test_tuning_makes_a_copy_and_keeps_the_rest() -> None:
    tuned = catalog.FORBIDDEN_REQUESTS.tuned(threshold=25)
    assert tuned.threshold == 25
    assert dataclasses.replace(tuned, threshold=10) == catalog.FORBIDDEN_REQUESTS
    assert tuned.tuned(severity=Severity.HIGH, period=15, evaluation_periods=4, datapoints_to_alarm=2) == (
        dataclasses.replace(tuned, severity=Severity.HIGH, period=15, evaluation_periods=4, datapoints_to_alarm=2)
    )


def test_excluding_leaves_out_these_events_only_from_alarm_and_query() -> None:
    ci = MINE.excluding(field("user.username") == "ci")
    event = {"verb": "delete", "objectRef": {"resource": "nodes"}}
    matches = predicate(ci.counted)
    assert not matches(b"", event | {"user": {"username": "ci"}})
    assert matches(b"", event | {"user": {"username": "eve"}})
    assert matches(b"", event | {"user": {}})
    assert 'user.username != "ci"' in ci.saved_query.text
    assert 'user.username != "ci"' not in MINE.saved_query.text


def test_excluding_reaches_a_query_that_was_given() -> None:
    shared = dataclasses.replace(MINE, query=QUERY)
    assert shared.saved_query is QUERY
    assert 'user.username != "ci"' in shared.excluding(field("user.username") == "ci").saved_query.text


CODE = field("responseStatus.code")


@pytest.mark.parametrize(
    "condition",
    [
        CODE == "403",
        CODE == "4*",
        CODE != "200",
        CODE.matches("^4"),
        (field("verb") == "get") & ((CODE == "403") | (CODE == 401)),
        ~(CODE == "403"),
    ],
    ids=str,
)
def test_text_is_not_compared_with_a_field_of_numbers(condition: Expression) -> None:
    with pytest.raises(AuditConfigurationError, match="is always a number") as refusal:
        dataclasses.replace(MINE, condition=condition)
    assert refusal.value.where == "detection 'node-deleted'"
    assert '.matches_number("4*")' in refusal.value.way_out
    with pytest.raises(AuditConfigurationError, match="is always a number"):
        dataclasses.replace(QUERY, condition=condition)
    with pytest.raises(AuditConfigurationError, match="is always a number"):
        MINE.excluding(condition)


@pytest.mark.parametrize(
    "condition",
    [
        CODE == 403,
        CODE.is_in([401, 403]),
        (CODE >= 400) & (CODE < 500),
        CODE.matches_number("4*"),
        CODE.exists(),
        CODE.not_exists(),
        field("responseStatus.reason") == "403",
        field("requestObject.code") == "403",
    ],
    ids=str,
)
def test_numbers_and_fields_that_may_hold_text_are_compared(condition: Expression) -> None:
    assert dataclasses.replace(MINE, condition=condition).pattern
    assert dataclasses.replace(QUERY, condition=condition).text


ROBOT = Guard(user="robot", agent="robot/", why="Deletes nodes for a living.")


def test_a_guard_leaves_out_one_actor_and_nobody_who_only_looks_like_it() -> None:
    guarded = MINE.excluding(ROBOT)
    assert guarded.guards == (ROBOT,)
    event = {"verb": "delete", "objectRef": {"resource": "nodes"}, "user": {"username": "robot"}}
    matches = predicate(guarded.counted)
    assert not matches(b"", event | {"userAgent": "robot/1.2"})
    assert matches(b"", event | {"userAgent": "curl/8"}), "its credentials in other hands"
    assert matches(b"", event), "a client that names no agent hides behind nobody"
    assert matches(b"", event | {"userAgent": "robot/1.2", "user": {"username": "eve"}})
    assert "robot" in guarded.saved_query.text


def test_a_guard_may_be_for_some_of_what_an_actor_does() -> None:
    only_idle = Guard(user="robot", why="Deletes idle nodes.", only=field("objectRef.name") == "idle-*")
    matches = predicate(MINE.excluding(only_idle).counted)
    event = {"verb": "delete", "user": {"username": "robot"}}
    assert not matches(b"", event | {"objectRef": {"resource": "nodes", "name": "idle-1"}})
    assert matches(b"", event | {"objectRef": {"resource": "nodes", "name": "busy-1"}})
    assert matches(b"", event | {"objectRef": {"resource": "nodes"}})


def test_a_condition_is_all_a_detection_needs() -> None:
    short = Detection(id="node-deleted", title="A node was deleted", condition=field("verb") == "delete")
    assert short.saved_query.title == "Own - A node was deleted"
    assert short.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Node Deleted"}, "lower-case letters"),
        ({"id": "x" * 65}, "at most 64"),
        ({"condition": EVERYTHING}, "counts every log line"),
        ({"condition": "verb = delete"}, "condition must be Expression or Silence"),
        ({"condition": field("user.username") == "x" * 1100}, "at most 1024"),
        ({"threshold": 0}, "at least 1"),
        ({"threshold": 2.5}, "whole number"),
        ({"threshold": True}, "whole number"),
        ({"period": 7}, "one of"),
        ({"datapoints_to_alarm": 3}, "M is at most N"),
        ({"period": 60, "evaluation_periods": 25}, "at most one day"),
        ({"techniques": ("TA0001",)}, "T1078"),
    ],
)
def test_what_cloudwatch_would_refuse_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says) as refusal:
        dataclasses.replace(MINE, **change)
    assert refusal.value.where.startswith("detection '")


def test_silence_has_no_pattern_and_nothing_to_exclude() -> None:
    silent = catalog.AUDIT_LOG_SILENT
    assert isinstance(silent.condition, Silence)
    assert silent.pattern is None
    with pytest.raises(AuditConfigurationError, match="no events to leave out"):
        silent.excluding(field("verb") == "get")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Nodes!"}, "lower-case letters"),
        ({"title": "a/b"}, "which makes folders"),
        ({"title": ""}, "which makes folders"),
        ({"commands": ("fields " + "x" * 10_000,)}, "10,000"),
    ],
)
def test_what_insights_would_refuse_is_refused(change: dict[str, object], says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says):
        dataclasses.replace(QUERY, **change)


def test_detections_are_chosen_by_id() -> None:
    chosen = catalog.DEFAULT.without("role-changed").tuned("forbidden-requests", threshold=25).adding(MINE)
    ids = [detection.id for detection in chosen]
    assert ids == sorted(ids)
    assert "role-changed" not in ids
    assert chosen["forbidden-requests"].threshold == 25
    assert chosen["node-deleted"] is MINE
    assert len(chosen) == len(catalog.DEFAULT)
    assert len(Detections([])) == 0


def test_the_order_they_are_given_in_does_not_matter() -> None:
    assert list(Detections(reversed(list(catalog.DEFAULT)))) == list(catalog.DEFAULT)


def test_detections_are_selected_by_severity_and_tag() -> None:
    chosen = catalog.select(severity=Severity.HIGH, tag="rbac")
    assert "cluster-admin-binding" in chosen
    assert "role-changed" not in chosen
    assert {(one.severity, "rbac" in one.tags) for one in chosen} == {(Severity.HIGH, True)}
    assert list(catalog.select()) == list(catalog.ALL)


def test_one_of_several_is_excluded_from_by_id() -> None:
    by_ci = field("user.username") == "ci"
    chosen = catalog.DEFAULT.excluding("role-changed", by_ci)
    assert chosen["role-changed"] == catalog.ROLE_CHANGED.excluding(by_ci)
    assert len(chosen) == len(catalog.DEFAULT)


def test_wrong_choices_are_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="two detections have this id"):
        catalog.DEFAULT.adding(catalog.FORBIDDEN_REQUESTS.tuned(threshold=3))
    with pytest.raises(AuditConfigurationError, match="Did you mean forbidden-requests"):
        catalog.get("forbiden-requests")
    with pytest.raises(AuditConfigurationError, match="Choose one of a"):
        catalog.get("xyz")
    with pytest.raises(AuditConfigurationError, match="Choose one of access, "):
        catalog.select(tag="nope")
    with pytest.raises(AuditConfigurationError, match="there is no such detection"):
        catalog.DEFAULT.without("nope")
    with pytest.raises(AuditConfigurationError, match="there is no such detection"):
        catalog.DEFAULT.replacing(MINE)
    with pytest.raises(AuditConfigurationError, match="must be a list of Detection"):
        Detections(["forbidden-requests"])
