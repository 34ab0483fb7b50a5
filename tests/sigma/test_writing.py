"""Detections as Sigma rules: pySigma reads them, and read back they match the same events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml
from hypothesis import assume, example, given
from sigma.collection import SigmaCollection
from sigma.correlations import SigmaCorrelationRule
from sigma.rule import SigmaRule

from eks_audit_constructs import catalog, recordings
from eks_audit_constructs.catalog import Detection, Severity, Silence
from eks_audit_constructs.catalog.samples import samples
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import (
    And,
    Comparison,
    Expression,
    Is,
    NotExists,
    Or,
    field,
    message_contains,
)
from eks_audit_constructs.conditions.expression import (
    Path as FieldPath,
)
from eks_audit_constructs.sigma import read, write
from eks_audit_constructs.sigma.conditions import Reader
from eks_audit_constructs.sigma.writing import UnsupportedInSigmaError, search
from tests.conditions.strategies import events, expressions
from tests.sigma.rules import read_one

DETECTIONS = [detection for detection in catalog.ALL if not isinstance(detection.condition, Silence)]


def counted(detection: Detection) -> Expression:
    assert isinstance(detection.counted, Expression)
    return detection.counted


def mine(condition: Expression, **values: Any) -> Detection:
    return Detection(id="mine", title="Mine", severity=Severity.LOW, condition=condition, **values)


def documents(*detections: Detection) -> list[dict[str, Any]]:
    text, left_out = write(detections)
    assert left_out == ()
    return list(yaml.safe_load_all(text))


@pytest.mark.parametrize("detection", DETECTIONS, ids=lambda detection: detection.id)
def test_each_detection_of_the_catalogue_is_read_back_as_it_was(detection: Detection, tmp_path: Path) -> None:
    text, left_out = write([detection])
    assert left_out == ()
    path = tmp_path / "rule.yml"
    path.write_text(text, encoding="utf-8")
    back = read_one(path)
    assert (back.id, back.title, back.severity) == (detection.id, detection.title, detection.severity)
    assert (back.techniques, back.threshold) == (detection.techniques, detection.threshold)
    assert back.false_positives == detection.false_positives
    assert detection.threshold == 1 or back.period == detection.period
    before, after = predicate(counted(detection)), predicate(counted(back))
    recorded = [line for scenario in recordings.scenarios() for line in recordings.lines(scenario)]
    for line in [*recorded, *(json.dumps(sample.logged).encode() for sample in samples(detection.id))]:
        event = json.loads(line)
        assert after(line, event) is before(line, event)


def test_pysigma_takes_the_whole_export() -> None:
    text, left_out = write(catalog.ALL)
    rules = SigmaCollection.from_yaml(text, collect_errors=True)
    assert rules.errors == []
    for rule in rules:
        assert isinstance(rule, (SigmaRule, SigmaCorrelationRule))
        if isinstance(rule, SigmaRule):
            assert all(condition.parsed is not None for condition in rule.detection.parsed_condition)
    exported = {rule.name for rule in rules.get_output_rules() if isinstance(rule, (SigmaRule, SigmaCorrelationRule))}
    assert exported == {detection.id for detection in catalog.ALL} - {id for id, _ in left_out}
    assert [id for id, _ in left_out] == [
        detection.id for detection in catalog.ALL if isinstance(detection.condition, Silence)
    ]


def test_ids_are_stable_and_differ() -> None:
    ids = [document["id"] for document in yaml.safe_load_all(write(catalog.ALL)[0])]
    assert len(ids) == len(set(ids))
    assert {UUID(id).version for id in ids} == {5}
    [rule] = documents(mine(field("verb") == "get"))
    assert rule["id"] == "5867dde9-728e-5db3-8811-5eae712d6071", "rules that were exported before have this id"


def test_a_rule_reads_like_one_written_by_hand() -> None:
    condition = (
        (field("kind") == "Event")
        & (field("stage") == "ResponseComplete")
        & field("verb").is_in(["create", "patch"])
        & (field("user.username") != "system:kube-*")
        & (field("requestURI") != "*dryRun=*")
        & ~(field("userAgent") == "kubelet/*")
    )
    [rule] = documents(mine(condition, what="It happened.", why="It matters.", techniques=("T1609",)))
    assert rule == {
        "title": "Mine",
        "id": rule["id"],
        "name": "mine",
        "status": "test",
        "description": "It happened. It matters.",
        "author": "eks-audit-constructs",
        "tags": ["attack.t1609"],
        "logsource": {"product": "kubernetes", "service": "audit"},
        "detection": {
            "selection": {
                "kind": "Event",
                "stage": "ResponseComplete",
                "verb": ["create", "patch"],
                "user.username|exists": True,
            },
            "filter": {"userAgent|cased": "kubelet/*"},
            "filter_2": {"user.username": "system:kube-*"},
            "filter_3": {"requestURI|cased": "*dryRun=*"},
            "condition": "selection and not filter and not filter_2 and not filter_3",
        },
        "level": "low",
    }


def test_a_threshold_is_a_correlation() -> None:
    rule, correlation = documents(mine(field("verb") == "get", threshold=20, period=60))
    assert correlation["correlation"] == {
        "type": "event_count",
        "rules": [rule["name"]],
        "timespan": "1h",
        "condition": {"gte": 20},
    }
    assert (rule["name"], correlation["name"]) == ("mine-event", "mine")


def test_guards_are_filters() -> None:
    guarded = next(detection for detection in DETECTIONS if detection.guards)
    text, _ = write([guarded])
    assert guarded.guards[0].user in text


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (field("user.username") == "a?b\\c*", {"selection": {"user.username": "a\\?b\\\\c*"}}),
        (field("objectRef.name").exists(), {"selection": {"objectRef.name|exists": True}}),
        (field("objectRef.name").not_exists(), {"selection": {"objectRef.name|exists": False}}),
        (field("responseStatus.code") < 300, {"selection": {"responseStatus.code|lt": 300}}),
        (field("requestObject.spec.hostPID").is_true(), {"selection": {"requestObject.spec.hostPID": True}}),
        (field("user.groups[*]") == "a", {"selection": {"user.groups[*]": "a"}}),
        (field("sourceIPs[0]").matches("^10"), {"selection": {"sourceIPs[0]|re": "^10"}}),
        (
            field("annotations['authorization.k8s.io/decision']") == "allow",
            {"selection": {"annotations.authorization.k8s.io/decision": "allow"}},
        ),
        (message_contains("denied"), {"selection": {"|cased": "denied"}}),
    ],
)
def test_fields_and_values(condition: Expression, written: dict[str, Any]) -> None:
    assert search(condition) == {**written, "condition": "selection"}


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (field("user.groups[*]") != "a", r"some element of user.groups\[\*\]"),
        (
            field("responseStatus.code").matches_number("4*"),
            r"no wildcard for numbers, as in responseStatus.code = 4\*",
        ),
        (field("verb").is_null(), "null from a missing field"),
        (field("flag") == "a", "no rule for Kubernetes audit logs can name the field flag"),
        (field("requestObject.metadata.labels['a|b']") == "c", "can name the field"),
        (message_contains("a*b"), "wildcard"),
        (And(()), "cannot match everything"),
    ],
)
def test_what_sigma_cannot_say_is_left_out_with_the_reason(condition: Expression, says: str) -> None:
    with pytest.raises(UnsupportedInSigmaError, match=says):
        search(condition)


def test_what_is_left_out_is_reported_and_the_rest_written() -> None:
    text, left_out = write([catalog.AUDIT_LOG_SILENT, mine(field("verb") == "get")])
    assert [document["name"] for document in yaml.safe_load_all(text)] == ["mine"]
    assert left_out == (
        (catalog.AUDIT_LOG_SILENT.id, "a Sigma rule matches events, and this detection is about their absence"),
    )


def test_of_nothing_nothing_is_written(tmp_path: Path) -> None:
    assert write([]) == ("", ())
    path = tmp_path / "two.yml"
    path.write_text(write([DETECTIONS[0], DETECTIONS[1]])[0])
    assert [detection.id for detection in read(path)] == [DETECTIONS[0].id, DETECTIONS[1].id]


def within(condition: Expression) -> Expression:
    """The same condition on fields of `requestObject`, which an audit event leaves open."""
    prefix: FieldPath = ("requestObject",)
    match condition:
        case And(terms):
            return And(tuple(map(within, terms)))
        case Or(terms):
            return Or(tuple(map(within, terms)))
        case Comparison(path, operator, value):
            return Comparison(prefix + path, operator, value)
        case Is(path, constant):
            return Is(prefix + path, constant)
        case NotExists(path):
            return NotExists(prefix + path)
    return condition


@given(condition=expressions(terms=True), event=events())
@example(condition=field("flag").is_true() & (field("flag") == 1), event={"flag": True})
@example(condition=(field("verb") != "get") | field("verb").not_exists(), event={})
def test_reading_what_was_written_means_the_same(condition: Expression, event: dict[str, Any]) -> None:
    condition = within(condition)
    try:
        detection = search(condition)
    except UnsupportedInSigmaError:
        assume(False)  # what is left out has tests of its own
        return
    rule = {"title": "It", "logsource": {"product": "kubernetes"}, "detection": detection}
    [parsed] = SigmaCollection.from_yaml(yaml.safe_dump(rule, allow_unicode=True))
    assert isinstance(parsed, SigmaRule)
    [tree] = [one.parsed for one in parsed.detection.parsed_condition]
    recorded = {"requestObject": event}
    line = json.dumps(recorded).encode()
    reader = Reader(where="test")
    assert predicate(reader.condition(tree))(line, recorded) is predicate(condition)(line, recorded)
    assert reader.dead == []
