"""Sigma rules as detections: what they match of the recorded events, and what is refused and why."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from eks_audit_constructs import recordings
from eks_audit_constructs.catalog import Detection, Severity
from eks_audit_constructs.catalog.sigma import read, read_one
from eks_audit_constructs.conditions.evaluation import predicate
from eks_audit_constructs.conditions.expression import Expression
from eks_audit_constructs.errors import AuditConfigurationError

DATA = Path(__file__).parent / "data"


def condition(detection: Detection) -> Expression:
    assert isinstance(detection.condition, Expression)
    return detection.condition


def matched(detection: Detection) -> Counter[str]:
    matches = predicate(condition(detection))
    return Counter(
        scenario
        for scenario in recordings.scenarios()
        for line in recordings.lines(scenario)
        if matches(line, json.loads(line))
    )


def rule(folder: Path, detection: str, *, head: str = "") -> Path:
    path = folder / "rule.yml"
    indented = "\n".join(f"  {line}" for line in detection.strip("\n").splitlines())
    path.write_text(f"title: Mine\n{head}logsource:\n  product: kubernetes\n  service: audit\ndetection:\n{indented}\n")
    return path


def pattern(folder: Path, items: str, *, condition: str = "it") -> str | None:
    searches = "\n".join(f"  {line}" for line in items.splitlines())
    return read_one(rule(folder, f"it:\n{searches}\ncondition: {condition}\n")).pattern


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
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "sigma.md").read_text()
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
        ("a and not a", None),
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


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("host: a", r"no Kubernetes audit event has this field. Use sourceIPs\[0\]"),
        ("k8s_user.username: a", "Use user.username"),
        ("file_path: '*gcc*'", "no Kubernetes audit event has this field"),
        ("objectRef: a", "holds an object"),
        ("requestObject|exists: true", "holds an object"),
        ("a b: c", "is no field name"),
        ("verb: replace", "no audit event can match the rule: verb: 'replace'"),
        ("annotations.authorization.k8s.io/decision: ALLOW", "write it 'allow', and CloudWatch minds case"),
        ("annotations.authorization.k8s.io/decision: denied", "audit events have allow, forbid"),
        ("responseStatus.code: ALLOW", "the field holds a number"),
        ("responseStatus.code: 4*", "Write the numbers out, or responseStatus.code|gte"),
        ("responseStatus.code|re: ^4", "holds a number"),
        ("stage: Complete", "audit events have Panic, RequestReceived, ResponseComplete"),
        ("kind: Pod", "audit events have Event"),
        ("objectRef.resource: secret", "audit events have the plural, 'secrets'"),
        ("objectRef.resource: Pods", "write it 'pods'"),
        ("verb: true", "the field is no boolean"),
        ("verb|gt: 3", "the field holds text"),
        ("user.username: a?b", "no wildcard for one character"),
        ("user.username|expand: '%admins%'", "placeholder"),
        ("userAgent|startswith: curl", r"userAgent\|cased"),
        ("requestURI|contains: /bin/sh", "Sigma ignores case here"),
        ("responseStatus.message|contains: forbidden", "Sigma ignores case here"),
        ("annotations.authorization.k8s.io/reason|contains: RBAC", "Sigma ignores case here"),
        ("sourceIPs|cidr: 10.0.0.0/8", "knows no subnets"),
        ("user.username|fieldref: user.uid", "not with a field"),
        ("user.username|re|i: ^admin", "no flags, and this one has ignorecase"),
        ("user.username|re: ^(a|b)$", "no parentheses"),
        ("stageTimestamp|hour: 3", "no counterpart"),
        ("user.username: 'a \\*'", "few other symbols"),
        ("user.username: ''", "at least one character"),
        ("requestObject.rules.verbs: get", r"at most one \[\*\]"),
        ("verb: delete\nobjectRef.resource: events", "EKS never logs requests for core events"),
        ("objectRef.resource: [configmaps, secrets]\nrequestObject.data.password|exists: true", "without their bodies"),
        ("requestURI|cased: /healthz*", "EKS never logs requests for /healthz"),
        ("responseStatus.code: 401\nstage: ResponseComplete", "a failed authentication"),
        ("responseStatus.code: 401\nuser.username: a", "a failed authentication"),
        ("stage: RequestReceived\nverb: get\nobjectRef.resource: pods", "RequestReceived of serviceaccounts/token"),
        (
            "stage: ResponseStarted\nverb: delete\nuser.username: a\nsubresource|exists: false",
            "only requests that stay open",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path: Path, items: str, says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says):
        pattern(tmp_path, items)


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("verb: delete\nobjectRef.resource: events\nobjectRef.apiGroup: events.k8s.io", "events.k8s.io"),
        (
            "objectRef.resource: configmaps\nobjectRef.name: aws-auth\nrequestObject.data.mapRoles|exists: true",
            "aws-auth",
        ),
        ("requestURI|cased: /livez*", "/livez*"),
        ("responseStatus.code: 401\nstage: ResponseStarted", "ResponseStarted"),
        ("stage: RequestReceived\nobjectRef.subresource: token", "RequestReceived"),
        ("stage: ResponseStarted\nverb: create\nobjectRef.subresource: exec", "ResponseStarted"),
    ],
)
def test_what_comes_close_to_that_is_not(tmp_path: Path, items: str, says: str) -> None:
    assert says in (pattern(tmp_path, items) or "")


def test_not_on_any_element_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditConfigurationError, match=r"no element of an array matches. Name one element") as refusal:
        read_one(rule(tmp_path, "a:\n  verb: get\nb:\n  sourceIPs: 10.0.0.1\ncondition: a and not b"))
    assert refusal.value.value == "not sourceIPs"
    assert refusal.value.where.endswith("rule 'Mine'")


@pytest.mark.parametrize(
    ("detection", "says"),
    [
        ("words: [denied]\ncondition: words", "'|cased' as the key"),
        ("words:\n  '|cased': a*b\ncondition: words", "without wildcards"),
        ("words:\n  '|cased': a\nit:\n  verb: get\ncondition: words and it", "either for keywords in the line or"),
        ("it:\n  verb: get\ncondition: it or not it", None),
        ("it:\n  verb: get\ncondition: not a", "no Sigma rule can be read"),
        ("it:\n  verb: get\ncondition: it | count() > 3", "no Sigma rule can be read"),
        ("it:\n  verb|wrong: get\ncondition: it", "no Sigma rule can be read"),
        ("it:\n  verb: replace\ncondition: not it", "matches every event"),
        ("it:\n  verb|exists: true\n  stage|exists: true\ncondition: not it", "its parts exclude each other"),
        ("it:\n  verb: get\nit:\n  verb: list\ncondition: it", "Duplicate key"),
        ("it:\n  verb: {a: b}\ncondition: it", "no Sigma rule can be read"),
        ("it:\n  verb: get\ncondition: {it: them}", "no Sigma rule can be read"),
        ("it:\n  verb: get\ncondition: 3", "no Sigma rule can be read"),
        ("it:\n  1: get\ncondition: it", "no Sigma rule can be read"),
    ],
)
def test_rules_that_are_wrong_in_themselves(tmp_path: Path, detection: str, says: str | None) -> None:
    path = rule(tmp_path, detection)
    if says is None:
        assert matched(read_one(path)).total() > 0
        return
    with pytest.raises(AuditConfigurationError) as refusal:
        read_one(path)
    assert says in str(refusal.value)
    assert refusal.value.where.startswith(str(path))


@pytest.mark.parametrize(
    "source",
    [
        "product: linux\n  service: auditd",
        "product: kubernetes\n  service: kubelet",
        "product: aws\n  service: cloudtrail",
        "product: kubernetes\n  category: network_connection",
        "service: audit",
    ],
)
def test_rules_for_other_logs_are_refused(tmp_path: Path, source: str) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("product: kubernetes\n  service: audit", source))
    with pytest.raises(AuditConfigurationError, match="not about Kubernetes audit logs"):
        read(path)


@pytest.mark.parametrize("source", ["product: kubernetes", "category: application\n  service: audit"])
def test_log_sources_are_named_in_several_ways(tmp_path: Path, source: str) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("product: kubernetes\n  service: audit", source))
    assert read_one(path).id == "mine"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("type: event_count", "type: temporal", "it cannot count values or order events"),
        ("timespan: 15m", "timespan: 10m", "1, 5, 15 or 60 minutes"),
        ("timespan: 15m", "timespan: 15m\n  group-by: [user.username]", "all principals together"),
        ("gt: 19", "lt: 19", "Use gte"),
        ("gt: 19", "eq: 19", "Use gte"),
        ("gt: 19", "gte: 0", "Use gte"),
        ("[refused, unknown]", "[refused, other]", "Rule 'other' not found"),
    ],
)
def test_correlations_that_no_alarm_can_say(tmp_path: Path, before: str, after: str, says: str) -> None:
    path = tmp_path / "burst.yml"
    path.write_text((DATA / "burst.yml").read_text().replace(before, after))
    with pytest.raises(AuditConfigurationError, match=says):
        read_one(path)


@pytest.mark.parametrize(("timespan", "period"), [("1m", 1), ("300s", 5), ("60m", 60), ("1h", 60)])
def test_timespans(tmp_path: Path, timespan: str, period: int) -> None:
    path = tmp_path / "burst.yml"
    path.write_text((DATA / "burst.yml").read_text().replace("15m", timespan))
    assert read_one(path).period == period


def test_a_file_with_several_rules_is_read_by_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("---\n".join((DATA / f"{name}.yml").read_text() for name in ("exec", "refused")))
    assert [detection.id for detection in read(path)] == ["a-shell-in-a-running-container", "refused-or-not-even-known"]
    with pytest.raises(
        AuditConfigurationError, match=r"the file holds 2.*eks_audit_constructs.catalog.sigma.read\(path\)"
    ):
        read_one(path)


def test_a_rule_without_a_title_is_refused(tmp_path: Path) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("title: Mine", "title: ''"))
    with pytest.raises(AuditConfigurationError, match="a rule has a title"):
        read(path)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "title: x\n", "\t"])
def test_files_that_are_no_rules(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rule.yml"
    path.write_text(text)
    with pytest.raises(AuditConfigurationError, match="Sigma rule") as refusal:
        read(path)
    assert refusal.value.where == str(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AuditConfigurationError, match="No such file"):
        read(tmp_path / "none.yml")


def test_without_pysigma_the_way_out_is_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("eks_audit_constructs.catalog.sigma.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigma"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("eks_audit_constructs.catalog.sigma.reading", raising=False)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if "site-packages" not in folder])
    with pytest.raises(AuditConfigurationError, match=r"pip install 'eks-audit-constructs\[sigma\]'"):
        read(DATA / "exec.yml")
