from __future__ import annotations

import dataclasses

import pytest

from eks_audit_constructs import AuditConfigurationError, catalog
from eks_audit_constructs.catalog import Detection, Detections, SavedQuery, Severity, Silence
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import EVERYTHING, field

MINE = Detection(
    id="node-deleted",
    title="A node was deleted",
    severity=Severity.LOW,
    condition=(field("verb") == "delete") & (field("objectRef.resource") == "nodes"),
    what="A node was deleted.",
    why="Its pods went with it.",
    next_steps="Look who did it.",
    query=SavedQuery(id="nodes", title="Nodes", answers="Who?", commands=("limit 10",)),
)


def test_a_detection_of_ones_own_takes_a_few_lines() -> None:
    assert MINE.pattern == '{ ($.verb = "delete") && ($.objectRef.resource = "nodes") }'
    assert MINE.metric_name == "NodeDeleted"
    assert predicate(MINE.condition)(b"", {"verb": "delete", "objectRef": {"resource": "nodes"}})  # type: ignore[arg-type]


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
    matches = predicate(ci.condition)  # type: ignore[arg-type]
    assert not matches(b"", event | {"user": {"username": "ci"}})
    assert matches(b"", event | {"user": {"username": "eve"}})
    assert matches(b"", event | {"user": {}})
    assert 'user.username != "ci"' in ci.query.text
    assert 'user.username != "ci"' not in MINE.query.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": "Node Deleted"}, "lower-case letters"),
        ({"id": "x" * 65}, "at most 64"),
        ({"condition": EVERYTHING}, "counts every log line"),
        ({"condition": "verb = delete"}, "a condition is an expression"),
        ({"condition": field("a") == "x" * 1100}, "at most 1024"),
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
        dataclasses.replace(MINE, **change)  # type: ignore[arg-type]
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
        dataclasses.replace(MINE.query, **change)  # type: ignore[arg-type]


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


def test_wrong_choices_are_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="two detections have this id"):
        catalog.DEFAULT.adding(catalog.FORBIDDEN_REQUESTS.tuned(threshold=3))
    with pytest.raises(AuditConfigurationError, match="Choose one of anonymous-request-allowed"):
        catalog.get("forbiden-requests")
    with pytest.raises(AuditConfigurationError, match="there is no such detection"):
        catalog.DEFAULT.without("nope")
    with pytest.raises(AuditConfigurationError, match="there is no such detection"):
        catalog.DEFAULT.replacing(MINE)
    with pytest.raises(AuditConfigurationError, match="this is no Detection"):
        Detections(["forbidden-requests"])  # type: ignore[list-item]
