"""The catalogue on real events: every detection fires on what it is for, and on nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Detection
from eks_audit_constructs.catalog.samples import Sample, samples
from eks_audit_constructs.conditions import sql
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.conditions.pattern_parser import parse

EVENT_DETECTIONS = [detection for detection in catalog.DEFAULT if detection.pattern is not None]
SAMPLES = [sample for detection in EVENT_DETECTIONS for sample in samples(detection.id)]


def condition(detection: Detection) -> Expression:
    assert isinstance(detection.condition, Expression)
    return detection.condition


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.detection}: {sample.says}")
def test_each_sample_through_every_rendering(sample: Sample) -> None:
    detection = catalog.get(sample.detection)
    line = json.dumps(sample.event)
    assert predicate(condition(detection))(line.encode(), sample.event) is sample.matches
    assert predicate(parse(detection.pattern or ""))(line.encode(), sample.event) is sample.matches
    where = sql.render(condition(detection), dialect="duckdb")
    counted = duckdb.execute(f"SELECT count(*) FROM (SELECT ? AS message) WHERE {where}", [line]).fetchone()
    assert counted == (int(sample.matches),)


@pytest.mark.parametrize("detection", EVENT_DETECTIONS, ids=lambda detection: detection.id)
def test_each_detection_has_events_it_matches_and_near_misses(detection: Detection) -> None:
    assert {sample.matches for sample in samples(detection.id)} == {True, False}


# What each recorded scenario holds, event by event.
EXPECTED: dict[str, dict[str, int]] = {
    "anonymous_probing": {"forbidden-requests": 10, "secret-access-denied": 2},
    "aws_auth_change": {"aws-auth-changed": 4, "forbidden-requests": 1},
    "benign_day": {"forbidden-requests": 1},
    "cluster_admin_binding": {
        "anonymous-request-allowed": 1,
        "cluster-admin-binding": 3,
        "cluster-role-binding-changed": 6,
    },
    "escalation_refused": {"forbidden-requests": 2, "role-binding-changed": 2, "secret-access-denied": 1},
    "exec_into_pods": {"forbidden-requests": 4},
    "forbidden_spike": {"forbidden-requests": 36, "secret-access-denied": 9},
    "persistence_and_tamper": {},
    "quota_denials": {},
    "rbac_changes": {
        "cluster-role-binding-changed": 4,
        "cluster-role-changed": 4,
        "role-binding-changed": 4,
        "role-changed": 5,
    },
    "risky_workloads": {},
    "secrets_access": {"forbidden-requests": 7, "secret-access-denied": 7, "unauthorized-requests": 7},
    "service_account_tokens": {"forbidden-requests": 3, "secret-access-denied": 2},
    "unauthorized_spike": {"unauthorized-requests": 46},
}


@pytest.mark.parametrize("scenario", EXPECTED)
def test_the_recorded_scenarios(scenario: str, real_logs: Path) -> None:
    matched: Counter[str] = Counter()
    for line in (real_logs / f"{scenario}.jsonl").read_bytes().splitlines():
        event = json.loads(line)
        matched.update(one.id for one in EVENT_DETECTIONS if predicate(condition(one))(line, event))
    assert matched == EXPECTED[scenario]


def test_every_recorded_scenario_is_looked_at(real_logs: Path) -> None:
    assert {path.stem for path in real_logs.glob("*.jsonl")} == EXPECTED.keys()


def test_thirty_refused_watches_count_as_thirty(real_logs: Path) -> None:
    events = [json.loads(line) for line in (real_logs / "forbidden_spike.jsonl").read_bytes().splitlines()]
    pair = [event for event in events if event["verb"] == "watch"][:2]
    assert [event["stage"] for event in pair] == ["ResponseStarted", "ResponseComplete"]
    matches = predicate(condition(catalog.FORBIDDEN_REQUESTS))
    assert sum(matches(b"", event) for event in pair * 30) == 30


def test_a_starting_api_server_raises_no_alarm() -> None:
    """Some 20 refusals in 2 s: the scheduler, the controller manager and kubelets, before their roles are loaded."""
    refused = next(sample.event for sample in samples("forbidden-requests") if sample.says == "a list refused")
    matches = predicate(condition(catalog.FORBIDDEN_REQUESTS))

    def by(username: str, agent: str) -> bool:
        return matches(b"", refused | {"user": {"username": username}, "userAgent": agent})

    assert not by("system:kube-scheduler", "kube-scheduler/v1.36.2")
    assert not by("system:kube-controller-manager", "kube-controller-manager/v1.36.2")
    assert not by("system:node:ip-10-0-1-23.ec2.internal", "kubelet/v1.36.2 (linux/amd64)")
    assert by("system:node:ip-10-0-1-23.ec2.internal", "curl/8.5.0"), "a node's credentials in other hands"
    assert by("system:serviceaccount:shop:checkout", "kubectl/v1.36.2"), "a stolen service account token"


def test_ids_metrics_and_titles_are_unique() -> None:
    for names in (
        [detection.metric_name for detection in catalog.DEFAULT],
        [query.id for query in catalog.QUERIES],
        [query.title for query in catalog.QUERIES],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("query", catalog.QUERIES, ids=lambda query: query.id)
def test_no_query_has_a_bug_of_the_published_ones(query: catalog.SavedQuery) -> None:
    text = query.text
    commands = [line.removeprefix("| ").split()[0] for line in text.splitlines() if not line.startswith("  ")]
    order = {"filter": 0, "parse": 1, "fields": 2, "stats": 2, "sort": 3, "limit": 4}
    assert [order[command] for command in commands] == sorted(order[command] for command in commands)
    assert not re.search(r"\bhost\b|k8s_user|\"secret\"|replace|ALLOW", text)
    assert "401" not in text or 'stage = "ResponseComplete" and responseStatus.code = 401' not in text
    assert "sourceIPs[" not in text
    for number in ("401", "403"):
        assert f'"{number}"' not in text


def test_the_first_set_is_complete() -> None:
    assert [detection.id for detection in catalog.DEFAULT] == [
        "anonymous-request-allowed",
        "audit-log-silent",
        "aws-auth-changed",
        "cluster-admin-binding",
        "cluster-role-binding-changed",
        "cluster-role-changed",
        "forbidden-requests",
        "role-binding-changed",
        "role-changed",
        "secret-access-denied",
        "unauthorized-requests",
    ]
