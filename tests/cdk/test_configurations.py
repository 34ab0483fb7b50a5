"""Any configuration is refused in our words, or makes a template that CloudFormation and CloudWatch take."""

from __future__ import annotations

import inspect
import json
from itertools import count
from typing import Any

import cfnlint.api
from aws_cdk import App, Environment, Stack
from constructs import Construct
from hypothesis import HealthCheck, given, settings

from eks_audit_constructs import AuditConfigurationError, EksAudit
from eks_audit_constructs.cdk.options import AlarmOptions, LoggingOptions
from tests.cdk.configurations import ARGUMENTS, Configuration, configurations
from tests.cdk.limits import broken
from tests.depth import DEPTH

PLACES: list[dict[str, Any]] = [{}, {"env": Environment(account="111122223333", region="eu-west-1")}]
EACH_APP = 200


def test_all_arguments_are_tried() -> None:
    for construct, (required, optional) in ARGUMENTS.items():
        signature = inspect.signature(construct.__init__)
        names = {one.name for one in signature.parameters.values() if one.kind is one.KEYWORD_ONLY}
        assert {*required, *optional} == names | (
            {*LoggingOptions.__annotations__, *AlarmOptions.__annotations__} if construct is EksAudit else set()
        )


def test_any_configuration_is_refused_in_our_words_or_right(recommended_flags: dict[str, Any]) -> None:
    accepted: dict[str, Configuration] = {}
    refused: list[Configuration] = []
    numbers = count()
    apps: list[App] = []

    @settings(max_examples=30 * DEPTH, suppress_health_check=list(HealthCheck))
    @given(configurations())
    def attempt(configuration: Configuration) -> None:
        number = next(numbers)
        if number // EACH_APP >= len(apps):
            apps.append(App(analytics_reporting=False, context=recommended_flags))
        stack = Stack(apps[-1], f"S{number}", **PLACES[number % len(PLACES)])
        try:
            configuration.build(Construct(stack, "Scope"))
        except AuditConfigurationError:
            refused.append(configuration)
            apps[-1].node.try_remove_child(stack.node.id)
        else:
            accepted[stack.node.id] = configuration

    attempt()
    assert len(refused) > len(accepted) / 10
    assert len(accepted) > len(refused) / 10
    for app in apps:
        for artifact in app.synth().stacks:
            if "Resources" in artifact.template:  # not where nothing is asked for
                said = broken(artifact.template) + lint(artifact.template)
                assert not said, f"{accepted[artifact.id]}: {said}"


def lint(template: dict[str, Any]) -> list[str]:
    config = cfnlint.api.ManualArgs(regions=["eu-west-1"])
    return [str(match) for match in cfnlint.api.lint(json.dumps(template, ensure_ascii=False), config=config)]
