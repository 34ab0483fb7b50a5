"""Options are the arguments of the construct that they are passed to; one that nobody knows is refused by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Environment, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from eks_audit_constructs import AuditAlarms, AuditExport, ControlPlaneLogging, EksAudit, EksAuditStack
from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from eks_audit_constructs.cdk.options import (
    AlarmOptions,
    AuditOptions,
    AuditStackOptions,
    ExportOptions,
    LoggingOptions,
    RunningOptions,
    StackOptions,
)


def arguments(construct: type) -> dict[str, str]:
    """The keyword-only arguments with their types, in the words of the source."""
    parameters = inspect.signature(construct.__init__).parameters.values()
    return {one.name: one.annotation for one in parameters if one.kind is one.KEYWORD_ONLY}


def said(options: Any) -> dict[str, str]:
    """The options with their types, in the words of the source."""
    return {name: hint.__forward_arg__ for name, hint in options.__annotations__.items()}


@pytest.mark.parametrize(
    ("options", "construct", "besides"),
    [
        (LoggingOptions, ControlPlaneLogging, "cluster"),
        (RunningOptions, RunningClusterLogging, "cluster_name"),
        (ExportOptions, AuditExport, "log_group"),
    ],
)
def test_options_are_all_that_the_construct_takes_but_one(options: Any, construct: type, besides: str) -> None:
    taken = arguments(construct)
    assert taken.pop(besides)
    assert said(options) == taken


def test_alarm_options_are_what_alarms_take_besides_what_an_audit_decides() -> None:
    taken = arguments(AuditAlarms)
    assert taken.pop("topic") == said(AuditOptions)["alarm_topic"]
    for decided in ("cluster_name", "log_group", "detections"):
        assert taken.pop(decided)
    assert said(AlarmOptions) == taken


def test_an_audit_takes_arguments_of_its_own_and_those_of_logging_and_alarms() -> None:
    taken = arguments(EksAudit) | said(LoggingOptions) | said(AlarmOptions)
    assert taken.pop("cluster")
    assert said(AuditOptions) == taken


def test_a_stack_takes_those_of_an_audit_and_those_of_a_stack() -> None:
    assert said(AuditStackOptions) == said(AuditOptions) | said(StackOptions)
    assert arguments(Stack).keys() >= said(StackOptions).keys()  # a newer CDK may take more
    assert arguments(EksAuditStack).keys() == {"cluster", "export"}


def test_each_option_of_a_stack_arrives_where_it_belongs() -> None:
    stack = EksAuditStack(
        App(),
        "Stack",
        cluster="prod",
        detections=[],
        description="The audit of prod",
        env=Environment(account="111122223333", region="eu-central-1"),
        retention=logs.RetentionDays.TWO_YEARS,
        stack_name="Audit",
    )
    assert (stack.stack_name, stack.region) == ("Audit", "eu-central-1")
    template = Template.from_stack(stack)
    assert template.to_json()["Description"] == "The audit of prod"
    template.has_resource_properties("Custom::EksControlPlaneLogging", {"RetentionInDays": 731})
    template.resource_count_is("AWS::CloudWatch::Alarm", 0)


@pytest.mark.parametrize(
    "build",
    [
        lambda scope, **options: EksAudit(scope, "Audit", cluster="prod", **options),
        lambda scope, **options: EksAudit(scope, "Audit", cluster="prod").add_export(**options),
        lambda scope, **options: EksAuditStack(scope, "Audit", cluster="prod", **options),
    ],
    ids=["EksAudit", "add_export", "EksAuditStack"],
)
def test_an_unknown_option_is_refused_by_its_name(build: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'expire_afer'"):
        build(Stack(App(), "Stack"), expire_afer=None)
