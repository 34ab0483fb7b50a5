"""Sigma rules as detections: what they match of the recorded events, and what is refused and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eks_audit_constructs import recordings
from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.errors import AuditConfigurationError
from tests.sigma.rules import DATA, condition, matched, pattern, read_one, rule

REFUSALS = {"benign_day": 1, "forbidden_spike": 36, "anonymous_probing": 10, "aws_auth_change": 1, "exec_into_pods": 4}

EXPECTED: dict[str, dict[str, int]] = {
    "admission": {"persistence_and_tamper": 2},
    "anonymous": {"anonymous_probing": 12, "benign_day": 1, "cluster_admin_binding": 1},
    "burst": {
        **REFUSALS,
        "escalation_refused": 2,
        "secrets_access": 14,
        "service_account_tokens": 4,
        "unauthorized_spike": 46,
    },
    "capabilities": {"risky_workloads": 1},
    "client": {"anonymous_probing": 10, "cluster_admin_binding": 1, "service_account_tokens": 5},
    "cronjob": {"risky_workloads": 1},
    "exec": {"exec_into_pods": 8},
    "hostpath": {"risky_workloads": 1},
    "privileged": {"risky_workloads": 6},
    "rbac_wildcard": {"escalation_refused": 1, "rbac_changes": 2},
    "refused": {
        **REFUSALS,
        "escalation_refused": 4,
        "persistence_and_tamper": 1,
        "quota_denials": 17,
        "secrets_access": 14,
        "service_account_tokens": 4,
        "unauthorized_spike": 46,
    },
    "secrets": {
        "anonymous_probing": 1,
        "cluster_admin_binding": 1,
        "escalation_refused": 1,
        "forbidden_spike": 1,
        "secrets_access": 4,
        "service_account_tokens": 1,
        "unauthorized_spike": 10,
    },
    "service_account": {},
    "unauthenticated": {"secrets_access": 7, "unauthorized_spike": 46},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_rules_on_recorded_events(name: str) -> None:
    assert matched(read_one(DATA / f"{name}.yml")) == EXPECTED[name]


def test_every_rule_is_looked_at() -> None:
    assert {path.stem for path in DATA.glob("*.yml")} == EXPECTED.keys()


def test_a_service_account_is_created_and_not_its_token() -> None:
    """None is in the recordings: its token request, without the part of the URL that asks for the token."""
    token = next(
        event
        for line in recordings.lines("service_account_tokens")
        if (event := json.loads(line)).get("objectRef", {}).get("subresource") == "token"
    )
    account = {**token, "objectRef": {k: v for k, v in token["objectRef"].items() if k != "subresource"}}
    matches = predicate(condition(read_one(DATA / "service_account.yml")))
    assert matches(b"", account)
    assert not matches(b"", token)


def test_what_a_rule_says_about_itself() -> None:
    detection = read_one(DATA / "exec.yml")
    assert detection.id == "a-shell-in-a-running-container"
    assert detection.title == "A shell in a running container"
    assert detection.what == "Somebody runs a command in a container, or attaches to one."
    assert detection.severity is Severity.MEDIUM
    assert detection.techniques == ("T1609",)
    assert detection.tags == ("sigma", "execution")
    assert detection.false_positives == ("People who look for a fault.",)
    assert "get-shell-running-container" in detection.next_steps
    assert (detection.threshold, detection.period) == (1, 5)


def test_the_rule_of_the_guide(tmp_path: Path) -> None:
    """It is read, and its pattern is the one the guide shows."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "sigma.md").read_text()
    path = tmp_path / "rule.yml"
    path.write_text(guide.partition("```yaml\n")[2].partition("```")[0])
    shown = guide.partition("```text\n")[2].partition("```")[0]
    assert " ".join(shown.split()) == read_one(path).pattern


def test_a_name_goes_before_the_title() -> None:
    assert read_one(DATA / "service_account.yml").id == "service-account-created"


def test_a_long_title_makes_an_id_of_whole_words(tmp_path: Path) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("Mine", "3 " + "words and " * 12))
    id = read_one(path).id
    assert id.startswith("sigma-3-words-and-words")
    assert len(id) <= 64
    assert id.rpartition("-")[2] in ("words", "and")


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("level: critical\n", Severity.HIGH),
        ("level: high\n", Severity.HIGH),
        ("level: medium\n", Severity.MEDIUM),
        ("level: low\n", Severity.LOW),
        ("level: informational\n", Severity.LOW),
        ("", Severity.MEDIUM),
    ],
)
def test_levels(tmp_path: Path, level: str, severity: Severity) -> None:
    assert read_one(rule(tmp_path, "it:\n  verb: get\ncondition: it", head=level)).severity is severity


def test_a_dead_value_beside_living_ones_is_left_out_and_said() -> None:
    detection = read_one(DATA / "cronjob.yml")
    assert (detection.id, detection.title) == ("a-cronjob-job-was-changed", "A CronJob or Job was changed")
    assert "replace" not in (detection.pattern or "")
    assert detection.blind_spots == ("Left out of the rule: verb: 'replace': no audit event has it.",)


def test_a_key_that_cloudwatch_may_not_read_is_said() -> None:
    [doubt] = read_one(DATA / "admission.yml").blind_spots
    assert "annotations['authorization.k8s.io/decision']" in doubt
    assert read_one(DATA / "exec.yml").blind_spots == ()


def test_what_cloudwatch_refuses_names_the_file_and_the_rule(tmp_path: Path) -> None:
    names = ", ".join(f"name-{number}" for number in range(60))
    with pytest.raises(AuditConfigurationError, match="a filter pattern has at most 1024") as refusal:
        pattern(tmp_path, f"user.username: [{names}]")
    assert refusal.value.where == f"{tmp_path / 'rule.yml'}, rule 'Mine'"


def test_a_correlation_is_a_threshold_and_a_period() -> None:
    detection = read_one(DATA / "burst.yml")
    assert (detection.id, detection.threshold, detection.period) == ("refusal-burst", 20, 15)
    assert detection.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("items", "added"),
    [
        ("verb: get", '(($.stage = "ResponseComplete") || ($.responseStatus.code = 401)) && '),
        ("user.username: ci", '($.stage = "ResponseComplete") && '),
        ("responseStatus.code: 403", '($.stage = "ResponseComplete") && '),
        ("responseStatus.code: 401", ""),
        ("verb: watch", '($.stage = "ResponseStarted") && '),
        ("objectRef.subresource: exec", '($.stage = "ResponseStarted") && '),
        (
            "objectRef.subresource: [exec, token]",
            '(($.stage = "ResponseComplete") || ($.responseStatus.code = 401)) && ',
        ),
        ("requestObject.spec.hostPID: true", '($.stage = "ResponseComplete") && '),
    ],
)
def test_each_request_counts_once(tmp_path: Path, items: str, added: str) -> None:
    text = pattern(tmp_path, items) or ""
    assert text.startswith(f'{{ ($.kind = "Event") && {added}')
    assert ("stage" in text) is bool(added)


def test_each_recorded_request_counts_once(tmp_path: Path) -> None:
    """The stage that is added sees every request of the recordings, and none twice."""
    for items in ("verb: '*'", "verb: watch", "objectRef.subresource: [exec, attach, portforward, log, proxy]"):
        detection = read_one(rule(tmp_path, f"it:\n  {items}\ncondition: it"))
        bare = predicate(condition(read_one(rule(tmp_path, f"it:\n  {items}\n  stage: '*'\ncondition: it"))))
        counts = predicate(condition(detection))
        for scenario in recordings.scenarios():
            events = [json.loads(line) for line in recordings.lines(scenario)]
            requests = {event["auditID"] for event in events if bare(b"", event)}
            counted = [event["auditID"] for event in events if counts(b"", event)]
            ended = {event["auditID"] for event in events if event["stage"] == "ResponseStarted"}
            assert len(counted) == len(set(counted))
            assert requests - set(counted) <= requests - ended  # a recording may begin in the middle of a watch


def test_a_stage_and_a_kind_of_ones_own_are_kept(tmp_path: Path) -> None:
    assert pattern(tmp_path, "stage: ResponseStarted\nkind: Event\nverb: watch") == (
        '{ ($.stage = "ResponseStarted") && ($.kind = "Event") && ($.verb = "watch") }'
    )


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("user.username|startswith: 'system:'", '($.user.username = "system:*")'),
        ("user.username|contains|all: [a, b]", '($.user.username = "*a*") && ($.user.username = "*b*")'),
        ("user.username|re: ^[ab]+$", "($.user.username = %^[ab]+$%)"),
        ("user.groups: system:masters", '($.user.groups[*] = "system:masters")'),
        ("user.extra.arn|endswith: /admin", '($.user.extra.arn[0] = "*/admin")'),
        ("user.extra.sigs.k8s.io/aws-iam-authenticator/principalId: A", 'principalId\'][0] = "A")'),
        ("sourceIPs[0]: 10.0.0.1\nuser.username: a", '($.sourceIPs[0] = "10.0.0.1")'),
        ("responseStatus.code|gte: 400\nuser.username: a", "($.responseStatus.code >= 400)"),
        ("requestObject.spec.containers.image|endswith: ':latest'", "($.requestObject.spec.containers[*].image = "),
        ("requestObject.metadata.annotations.a.b/c: x", "($.requestObject.metadata.annotations['a.b/c'] = \"x\")"),
        ("requestObject.spec.hostPID: true", "($.requestObject.spec.hostPID IS TRUE)"),
        ("requestObject.spec.replicas: 0", "($.requestObject.spec.replicas = 0)"),
        ("user.username: a\nobjectRef.name: null", "($.objectRef.name NOT EXISTS)"),
        ("user.username|base64: abc", '($.user.username = "YWJj")'),
        ("user.username|windash: a -b", '($.user.username = "a /b")'),
        ("user.username: a\\?b", '($.user.username = "a?b")'),
        ("user.username: a\\*b*", "($.user.username = %^a\\*b%)"),
        ("user.username: a\nuserAgent|cased: Curl/*", '($.userAgent = "Curl/*")'),
        ("user.username: a\nuserAgent: '1.2'", '($.userAgent = "1.2")'),
        ("user.username: 7", '($.user.username = "7")'),
    ],
)
def test_values_and_modifiers(tmp_path: Path, items: str, says: str) -> None:
    assert says in (pattern(tmp_path, items) or "")


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("a and not b", '($.user.username = "x") && (($.objectRef.name != "y") || ($.objectRef.name NOT EXISTS))'),
        ("a and not (b or c)", '(($.objectRef.name != "y") || ($.objectRef.name NOT EXISTS)) && ($.verb != "get")'),
        ("all of them", '($.user.username = "x") && ($.objectRef.name = "y") && ($.verb = "get")'),
        ("a and 1 of *", '(($.user.username = "x") || ($.objectRef.name = "y") || ($.verb = "get"))'),
    ],
)
def test_conditions(tmp_path: Path, condition: str, says: str | None) -> None:
    path = rule(
        tmp_path,
        f"a:\n  user.username: x\nb:\n  objectRef.name: y\nc:\n  verb: get\ncondition: {condition}",
    )
    if says is None:
        assert matched(read_one(path)) == {}
    else:
        assert says in (read_one(path).pattern or "")


def test_keywords_are_terms_in_the_line(tmp_path: Path) -> None:
    path = rule(tmp_path, "words:\n  '|cased':\n    - access denied\n    - '*refused*'\ncondition: words")
    assert read_one(path).pattern == '?"access denied" ?"refused"'


@pytest.mark.parametrize("source", ["product: kubernetes", "category: application\n  service: audit"])
def test_log_sources_are_named_in_several_ways(tmp_path: Path, source: str) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("product: kubernetes\n  service: audit", source))
    assert read_one(path).id == "mine"


@pytest.mark.parametrize(("timespan", "period"), [("1m", 1), ("300s", 5), ("60m", 60), ("1h", 60)])
def test_timespans(tmp_path: Path, timespan: str, period: int) -> None:
    path = tmp_path / "burst.yml"
    path.write_text((DATA / "burst.yml").read_text().replace("15m", timespan))
    assert read_one(path).period == period
