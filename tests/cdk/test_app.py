"""The app as users run it, and the default template as reviewers read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Match, Template
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from eks_audit_constructs import catalog
from eks_audit_constructs.cdk.app import build
from eks_audit_constructs.errors import AuditConfigurationError


def test_the_default_template_is_the_one_that_was_reviewed(
    default_template: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    assert default_template == snapshot(extension_class=JSONSnapshotExtension)


def test_the_default_template_needs_no_bootstrap_and_no_assets(default_template: dict[str, Any]) -> None:
    assert default_template.keys() == {"Description", "Resources", "Outputs"}
    assert "cdk-hnb659fds" not in json.dumps(default_template)


def test_the_whole_catalogue_fits_a_stack() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    everything = {detection.id: True for detection in catalog.EXTENDED}
    [stack] = build(App(context={"cluster": "c" * 100, "detections": everything, "queries": "all", "export": True}))
    template = Template.from_stack(stack).to_json()
    template.pop("Parameters", None)
    assert len(template["Resources"]) <= 500
    assert len(json.dumps(template, indent=1)) <= 1_000_000
    filters = [one for one in template["Resources"].values() if one["Type"] == "AWS::Logs::MetricFilter"]
    assert 80 <= len(filters) <= 100
    saved = [one for one in template["Resources"].values() if one["Type"] == "AWS::Logs::QueryDefinition"]
    assert len(saved) == len(catalog.QUERIES)


def test_the_keys_for_alarms_arrive_at_the_alarms() -> None:
    [stack] = build(
        App(
            context={
                "cluster": "prod",
                "ok_actions": "true",
                "actions_enabled": "false",
                "alarm_name_prefix": "platform",
                "namespace": "Security",
                "runbook_url": "https://wiki.example.com/{id}",
                "alarm_tags": "true",
            }
        )
    )
    Template.from_stack(stack).has_resource_properties(
        "AWS::CloudWatch::Alarm",
        {
            "AlarmName": "platform/prod/role-changed",
            "AlarmDescription": Match.string_like_regexp("https://wiki.example.com/role-changed"),
            "Namespace": "Security/prod",
            "ActionsEnabled": False,
            "OKActions": [Match.any_value()],
            "Tags": Match.array_with([{"Key": "eks-audit:detection", "Value": "role-changed"}]),
        },
    )


def test_several_clusters_are_several_stacks() -> None:
    stacks = build(App(context={"cluster": "prod,test_1"}))
    assert [stack.stack_name for stack in stacks] == ["EksAudit-prod", "EksAudit-test-1"]


def test_clusters_whose_stacks_would_have_one_name_are_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="another cluster's stack already has the name EksAudit-a-b"):
        build(App(context={"cluster": "a-b,a_b"}))


def test_a_mistyped_key_never_passes_for_the_default() -> None:
    with pytest.raises(AuditConfigurationError, match="Did you mean alarm_email"):
        build(App(context={"cluster": "prod", "alarm_emial": "sec@example.com"}))


def test_a_retention_that_cloudwatch_does_not_know_is_refused() -> None:
    with pytest.raises(AuditConfigurationError, match="365 or 400"):
        build(App(context={"cluster": "prod", "retention_days": "366"}))
