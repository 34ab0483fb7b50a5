"""The catalogue on real events: every detection fires on what it is for, and on nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from eks_audit_constructs import catalog, recordings
from eks_audit_constructs.catalog import Detection, Guard, Severity, Silence
from eks_audit_constructs.catalog.samples import samples
from eks_audit_constructs.conditions import filter_pattern, sql
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.conditions.pattern_parser import caveats, parse

EVENT_DETECTIONS = [detection for detection in catalog.ALL if detection.pattern is not None]
LOOKING = [detection for detection in EVENT_DETECTIONS if not isinstance(detection.condition, Silence)]
"""Those that look for events, and do not only count that there are any."""


def condition(detection: Detection) -> Expression:
    assert isinstance(detection.counted, Expression)
    return detection.counted


@pytest.mark.parametrize("detection", EVENT_DETECTIONS, ids=lambda detection: detection.id)
def test_no_pattern_relies_on_what_nobody_has_seen(detection: Detection) -> None:
    assert caveats(detection.pattern or "") == ()


@pytest.mark.parametrize("detection", EVENT_DETECTIONS, ids=lambda detection: detection.id)
def test_each_sample_through_every_rendering(detection: Detection) -> None:
    told = samples(detection.id)
    renderings = (predicate(condition(detection)), predicate(parse(detection.pattern or "")))
    where = sql.render(condition(detection), dialect=sql.DUCKDB)
    logs = "SELECT unnest(?) AS message, unnest(?) AS number"
    lines, numbers = [sample.line for sample in told], list(range(len(told)))
    by_sql = duckdb.execute(f"SELECT number FROM ({logs}) WHERE {where}", [lines, numbers]).fetchall()
    for number, sample in enumerate(told):
        for matches in renderings:
            assert matches(sample.line.encode(), sample.logged) is sample.matches, sample.says
        assert ((number,) in by_sql) is sample.matches, sample.says


@pytest.mark.parametrize("detection", EVENT_DETECTIONS, ids=lambda detection: detection.id)
def test_each_detection_has_events_it_matches_and_near_misses(detection: Detection) -> None:
    assert {sample.matches for sample in samples(detection.id)} == {True, False}


# What each recorded scenario holds, event by event: reviewed by hand, so a change here wants a reason.
EXPECTED: dict[str, dict[str, int]] = json.loads((Path(__file__).parent / "expected.json").read_text())


@pytest.mark.parametrize("scenario", recordings.scenarios())
def test_the_recorded_scenarios(scenario: str) -> None:
    matches = {one.id: predicate(condition(one)) for one in LOOKING}
    matched: Counter[str] = Counter()
    for line in recordings.lines(scenario):
        event = json.loads(line)
        matched.update(id for id, found in matches.items() if found(line, event))
    assert matched == EXPECTED[scenario]


def test_all_renderings_agree_on_every_recorded_event() -> None:
    """The condition itself, the pattern read back from the template's text, and SQL."""
    lines = [line for scenario in recordings.scenarios() for line in recordings.lines(scenario)]
    events = [json.loads(line) for line in lines]
    database = duckdb.connect()
    database.execute("CREATE TABLE logs AS SELECT unnest(?) AS message", [[line.decode() for line in lines]])
    for one in EVENT_DETECTIONS:
        where = sql.render(condition(one), dialect=sql.DUCKDB)
        found = {row for (row,) in database.execute(f"SELECT rowid FROM logs WHERE {where}").fetchall()}
        for rendering in (condition(one), parse(one.pattern or "")):
            matches = predicate(rendering)
            by_python = {row for row, both in enumerate(zip(lines, events, strict=True)) if matches(*both)}
            assert by_python == found, one.id


def test_thirty_refused_watches_count_as_thirty() -> None:
    events = [json.loads(line) for line in recordings.lines("forbidden_spike")]
    pair = [event for event in events if event["verb"] == "watch"][:2]
    assert [event["stage"] for event in pair] == ["ResponseStarted", "ResponseComplete"]
    matches = predicate(condition(catalog.FORBIDDEN_REQUESTS))
    assert sum(matches(b"", event) for event in pair * 30) == 30


def test_a_starting_api_server_raises_no_alarm() -> None:
    """Some 20 refusals in 2 s: the scheduler, the controller manager and kubelets, before their roles are loaded."""
    refused = next(sample.logged for sample in samples("forbidden-requests") if sample.says == "a list refused")
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
        [detection.metric_name for detection in catalog.ALL],
        [detection.title for detection in catalog.ALL],
        [query.id for query in catalog.QUERIES],
        [query.title for query in catalog.QUERIES],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("query", catalog.QUERIES, ids=lambda query: query.id)
def test_no_query_has_a_bug_of_the_published_ones(query: catalog.SavedQuery) -> None:
    text = query.text
    commands = [line.removeprefix("| ").split()[0] for line in text.splitlines() if not line.startswith("  ")]
    early = {"filter", "parse", "fields"}
    first_stats = commands.index("stats") if "stats" in commands else len(commands)
    assert commands[0] == "filter" or query.stream == ""
    assert set(commands[:first_stats]) <= early | ({"sort", "limit", "dedup"} if "stats" not in commands else set())
    late = {"sort": 1, "limit": 2}
    ranks = [late.get(command, 0) for command in commands]
    assert ranks == sorted(ranks), "sort and limit come last"
    assert not re.search(r"(?<![.\w])host\b|k8s_user|\"secret\"|\"replace\"|\"ALLOW\"", text)
    assert "401" not in text or 'stage = "ResponseComplete" and responseStatus.code = 401' not in text
    assert "sourceIPs[" not in text
    for number in ("401", "403"):
        assert f'"{number}"' not in text


@pytest.mark.parametrize("detection", catalog.ALL, ids=lambda detection: detection.id)
def test_each_detection_says_all_there_is_to_say(detection: Detection) -> None:
    for text in (detection.what, detection.why, detection.next_steps, detection.grounds):
        assert text.endswith((".", "?", ")")), text
    assert detection.tags
    assert detection.techniques or detection.severity is not Severity.HIGH
    assert all(one.endswith(".") for one in (*detection.false_positives, *detection.blind_spots))


@pytest.mark.parametrize("detection", EVENT_DETECTIONS, ids=lambda detection: detection.id)
def test_the_saved_query_shows_all_that_the_alarm_counts(detection: Detection) -> None:
    shows = predicate(detection.saved_query.condition)
    for sample in samples(detection.id):
        assert shows(sample.line.encode(), sample.logged) or not sample.matches


GUARDS = sorted({guard for detection in catalog.ALL for guard in detection.guards}, key=repr)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.user)
@pytest.mark.parametrize(
    "stolen",
    [
        "system:serviceaccount:shop:checkout",
        "system:serviceaccount:kube-system:aws-node",
        "system:node:ip-10-0-1-23.ec2.internal",
        "arn:aws:sts::111122223333:assumed-role/Developer/raj",
        "eks:support-engineer",
    ],
)
def test_nobody_hides_behind_a_guard(guard: Guard, stolen: str) -> None:
    """Whose credentials can be taken from a pod, a node or a laptop still counts, whatever client is used."""
    keeps = predicate(guard.keeps)
    for agent in ({}, {"userAgent": "curl/8.5.0"}):
        assert keeps(b"", {"user": {"username": stolen}, "objectRef": {"name": "x"}} | agent)


def test_two_tiers_fit_one_log_group() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""
    alarming = [one for one in EVENT_DETECTIONS if one.id not in catalog.QUERIED]
    assert 80 <= len(alarming) <= 100
    assert sum(filter_pattern.has_regex(condition(one)) for one in alarming) <= 5
    assert len(catalog.QUERIES) >= 100


def test_the_tiers_do_not_overlap() -> None:
    assert len(catalog.DEFAULT) + len(catalog.EXTENDED) + len(catalog.QUERIED) == len(catalog.ALL)
    assert {query.id for query in catalog.DEFAULT_QUERIES} <= {query.id for query in catalog.QUERIES}


def test_the_default_tier() -> None:
    assert [detection.id for detection in catalog.DEFAULT] == [
        "anonymous-access-granted",
        "anonymous-request-allowed",
        "audit-events-silent",
        "aws-auth-changed",
        "cluster-admin-binding",
        "cluster-role-binding-changed",
        "cluster-role-changed",
        "forbidden-requests",
        "kube-system-exec",
        "kube-system-token-minted",
        "masters-impersonated",
        "privileged-pod",
        "privileged-workload",
        "role-binding-changed",
        "role-changed",
        "secret-access-denied",
        "system-role-changed",
        "unauthorized-requests",
    ]
