"""Rules that are refused, each with its reason, and what comes close to them and is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.sigma import read
from tests.sigma.rules import DATA, matched, pattern, read_one, rule


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("host: a", r"no Kubernetes audit event has this field, host. Use sourceIPs\[0\]"),
        ("k8s_user.username: a", "Use user.username"),
        ("file_path: '*gcc*'", "no Kubernetes audit event has this field"),
        ("objectRef: a", "holds an object"),
        ("requestObject|exists: true", "holds an object"),
        ("a b: c", "is no field name"),
        ("verb: replace", "no audit event can match the rule: verb: 'replace'"),
        (
            "annotations.authorization.k8s.io/decision: ALLOW",
            "audit events have 'allow', and CloudWatch is case-sensitive",
        ),
        ("annotations.authorization.k8s.io/decision: denied", "audit events have allow, forbid"),
        ("responseStatus.code: ALLOW", "is always a number, and no text equals a number"),
        ("sourceIPs: 10.0.0.0/8", "cannot match subnets"),
        ("objectRef.resource: pods/exec", "a resource has no slash"),
        ("verb|re: ^replace", "no audit event has it"),
        ("requestObject.spec.hostNetwork: 'true'", "is true or false"),
        ("responseStatus.code: ALLOW\nuserAgent|contains: scanner", "no audit event can match the rule"),
        ("userAgent|contains: scanner\nresponseStatus.code: ALLOW", "no audit event can match the rule"),
        ("responseStatus.code: 4*", "Write the numbers out, or use responseStatus.code|gte"),
        ("responseStatus.code|re: ^4", "holds a number"),
        ("stage: Complete", "audit events have Panic, RequestReceived, ResponseComplete"),
        ("kind: Pod", "audit events have Event"),
        ("objectRef.resource: secret", "audit events have the plural, 'secrets'"),
        ("objectRef.resource: Pods", "audit events have 'pods'"),
        ("verb: true", "the field is not a boolean"),
        ("verb|gt: 3", "the field holds text"),
        ("user.username: a?b", "no wildcard for one character"),
        ("user.username|expand: '%admins%'", "placeholder"),
        ("userAgent|startswith: curl", r"userAgent\|cased"),
        ("requestURI|contains: /bin/sh", "Sigma ignores case here"),
        ("responseStatus.message|contains: forbidden", "Sigma ignores case here"),
        ("annotations.authorization.k8s.io/reason|contains: RBAC", "Sigma ignores case here"),
        ("sourceIPs|cidr: 10.0.0.0/8", "cannot match subnets"),
        ("user.username|fieldref: user.uid", "not with another field"),
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
        (
            "stage: RequestReceived\nverb: get\nobjectRef.resource: pods",
            "RequestReceived only for serviceaccounts/token",
        ),
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
        ("words:\n  '|cased': a\nit:\n  verb: get\ncondition: words and it", "either keywords or fields"),
        ("it:\n  verb: get\ncondition: it or not it", None),
        ("it:\n  verb: get\ncondition: it and not it", "its parts exclude each other"),
        ("it:\n  verb: get\ncondition: not a", "cannot be read as Sigma rules"),
        ("it:\n  verb: get\ncondition: it | count() > 3", "cannot be read as Sigma rules"),
        ("it:\n  verb|wrong: get\ncondition: it", "cannot be read as Sigma rules"),
        ("it:\n  verb: replace\ncondition: not it", "matches every event"),
        ("it:\n  verb|exists: true\n  stage|exists: true\ncondition: not it", "its parts exclude each other"),
        ("it:\n  verb: get\nit:\n  verb: list\ncondition: it", "Duplicate key"),
        ("it:\n  verb: {a: b}\ncondition: it", "cannot be read as Sigma rules"),
        ("it:\n  verb: get\ncondition: {it: them}", "cannot be read as Sigma rules"),
        ("it:\n  verb: get\ncondition: 3", "cannot be read as Sigma rules"),
        ("it:\n  1: get\ncondition: it", "cannot be read as Sigma rules"),
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


def test_a_file_with_several_rules_is_read_by_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("---\n".join((DATA / f"{name}.yml").read_text() for name in ("exec", "refused")))
    assert [detection.id for detection in read(path)] == ["a-shell-in-a-running-container", "refused-or-not-even-known"]


def test_a_rule_without_a_title_is_refused(tmp_path: Path) -> None:
    path = rule(tmp_path, "it:\n  verb: get\ncondition: it")
    path.write_text(path.read_text().replace("title: Mine", "title: ''"))
    with pytest.raises(AuditConfigurationError, match="a rule needs a title"):
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
    for name in [name for name in sys.modules if name.startswith("eks_audit_constructs.sigma.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sigma"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("eks_audit_constructs.sigma.reading", raising=False)
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if "site-packages" not in folder])
    with pytest.raises(AuditConfigurationError, match=r"pip install 'eks-audit-constructs\[sigma\]'"):
        read(DATA / "exec.yml")
