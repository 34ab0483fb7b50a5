from __future__ import annotations

import pytest

from eks_audit_constructs import catalog
from eks_audit_constructs.catalog import Severity
from eks_audit_constructs.cdk.settings import Settings
from eks_audit_constructs.conditions.expression import field
from eks_audit_constructs.errors import AuditConfigurationError


def test_a_cluster_is_enough() -> None:
    assert Settings.from_context({"cluster": "prod"}) == Settings(cluster=("prod",))


def test_everything_as_the_command_line_gives_it() -> None:
    settings = Settings.from_context(
        {
            "cluster": "prod, staging,prod",
            "alarm_email": "a@example.com,b@example.com",
            "retention_days": "365",
            "export": "true",
            "detections": '{"role-changed": false, "forbidden-requests": {"threshold": "25", "severity": "high"}}',
        }
    )
    assert settings.cluster == ("prod", "staging")
    assert settings.alarm_email == ("a@example.com", "b@example.com")
    assert settings.retention_days == 365
    assert settings.export is True
    assert "role-changed" not in [detection.id for detection in settings.detections]
    assert settings.detections["forbidden-requests"] == catalog.FORBIDDEN_REQUESTS.tuned(
        threshold=25, severity=Severity.HIGH
    )


def test_everything_as_cdk_json_gives_it() -> None:
    settings = Settings.from_context(
        {
            "cluster": ["prod", "staging"],
            "export": False,
            "detections": {"role-changed": True, "unauthorized-requests": {"threshold": 50}},
        }
    )
    assert settings.cluster == ("prod", "staging")
    assert settings.export is False
    assert settings.detections["unauthorized-requests"].threshold == 50


def test_a_detection_of_the_second_tier_is_switched_on_and_tuned_by_its_id() -> None:
    chosen = {"pod-exec": True, "pod-attach": {"threshold": 3}}
    settings = Settings.from_context({"cluster": "prod", "detections": chosen})
    assert settings.detections["pod-exec"] == catalog.get("pod-exec")
    assert settings.detections["pod-attach"].threshold == 3
    assert len(settings.detections) == len(catalog.DEFAULT) + 2


def test_events_are_left_out_by_their_fields() -> None:
    unwanted = [{"user.username": "ci-*", "sourceIPs[0]": "10.1.2.3"}, {"responseStatus.message": "*quota*"}]
    settings = Settings.from_context(
        {"cluster": "prod", "detections": {"forbidden-requests": {"excluding": unwanted, "threshold": 20}}}
    )
    ci = (field("user.username") == "ci-*") & (field("sourceIPs[0]") == "10.1.2.3")
    expected = catalog.FORBIDDEN_REQUESTS.tuned(threshold=20).excluding(ci)
    assert settings.detections["forbidden-requests"] == expected.excluding(field("responseStatus.message") == "*quota*")


def test_all_queries_may_be_saved() -> None:
    assert Settings.from_context({"cluster": "prod", "queries": "all"}).queries == catalog.QUERIES
    assert Settings.from_context({"cluster": "prod", "queries": "default"}).queries == catalog.DEFAULT_QUERIES


def test_cdks_own_keys_pass() -> None:
    context = {"cluster": "prod", "@aws-cdk/core:x": True, "aws:cdk:y": 1, "availability-zones:account=1": []}
    assert Settings.from_context(context) == Settings(cluster=("prod",))


@pytest.mark.parametrize(
    ("context", "says"),
    [
        ({}, "cdk deploy -c cluster=prod"),
        ({"cluster": ""}, "at least one cluster"),
        ({"cluster": []}, "at least one cluster"),
        ({"cluster": "prod", "alarm_mail": "a@example.com"}, "Did you mean alarm_email"),
        ({"clusters": "prod"}, "Did you mean cluster"),
        (
            {"cluster": "prod", "zzz": 1},
            "the keys are cluster, alarm_email, retention_days, export, detections, queries, ok_actions",
        ),
        ({"cluster": 7}, "-c cluster=prod,staging"),
        ({"cluster": ["prod", 7]}, "a list of them"),
        ({"cluster": "prod,,staging"}, "separated by commas"),
        ({"cluster": "prod", "alarm_email": True}, "-c alarm_email="),
        ({"cluster": "prod", "export": "yes"}, "true or false"),
        ({"cluster": "prod", "ok_actions": "yes"}, "true or false"),
        ({"cluster": "prod", "namespace": ""}, "expected text"),
        ({"cluster": "prod", "runbook_url": ["https://example.com"]}, "expected text"),
        ({"cluster": "prod", "retention_days": "a year"}, "a whole number"),
        ({"cluster": "prod", "retention_days": True}, "a whole number"),
        ({"cluster": "prod", "detections": "role-changed"}, "an object keyed by detection id"),
        ({"cluster": "prod", "detections": {"role-change": False}}, "there is no such detection"),
        ({"cluster": "prod", "detections": {"role-change": True}}, "there is no such detection"),
        ({"cluster": "prod", "detections": {"role-changed": 3}}, "object with any of threshold"),
        ({"cluster": "prod", "detections": {"role-changed": {"treshold": 3}}}, "object with any of threshold"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": "ci"}}}, "an object of fields and values"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": {}}}}, "an object of fields and values"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": None}}}, "an object of fields and values"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": 7}}}, "an object of fields and values"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": [None]}}}, "an object of fields and values"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": {"user.groups[*]": "x"}}}}, "no element of"),
        ({"cluster": "prod", "detections": {"role-changed": {"severity": ["high"]}}}, "high, medium, low"),
        ({"cluster": "prod", "detections": {"role-changed": {"period": 7}}}, "a period is one of"),
        ({"cluster": "prod", "detections": {"role-changed": {"threshold": "9" * 5000}}}, "a whole number"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": {"a b": "c"}}}}, "no field name"),
        ({"cluster": "prod", "detections": {"role-changed": {"excluding": {"verb": ["get"]}}}}, "a string or a number"),
        ({"cluster": "prod", "detections": {"audit-log-silent": {"excluding": {"verb": "get"}}}}, "no events"),
        ({"cluster": "prod", "queries": "some"}, "default or all"),
        ({"cluster": "prod", "detections": {"role-changed": {"threshold": "many"}}}, "a whole number"),
        ({"cluster": "prod", "detections": {"role-changed": {"threshold": 0}}}, "at least 1"),
        ({"cluster": "prod", "detections": {"role-changed": {"severity": "urgent"}}}, "high, medium, low"),
    ],
)
def test_a_wrong_key_or_value_is_an_error_that_names_the_right_one(context: dict[str, object], says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says):
        Settings.from_context(context)
