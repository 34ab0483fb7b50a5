"""One cluster in one app: managed once, whatever it is called by, and shared by whoever asks for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Environment, Stack
from aws_cdk import aws_eks as eks
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Template

from eks_audit_constructs import (
    AuditAlarms,
    AuditConfigurationError,
    AuditQueries,
    ControlPlaneLogging,
    Detection,
    EksAudit,
    catalog,
    field,
)
from tests.cdk.control_plane.clusters import KINDS, resources

MINE = Detection(id="mine", title="Mine", condition=field("verb") == "delete")
PLACE = Environment(account="111122223333", region="eu-west-1")


def by_name(stack: Stack) -> Any:
    return "prod"


def imported(stack: Stack) -> Any:
    return eks.Cluster.from_cluster_attributes(stack, f"Imported{len(stack.node.children)}", cluster_name="prod")


def own(stack: Stack) -> Any:
    return stack.node.try_find_child("Cluster") or KINDS["eks_v2.CfnCluster"](stack, "prod", [])


WAYS = [by_name, imported, own]


def two_stacks(how: str) -> tuple[Stack, Stack]:
    app = App()
    match how:
        case "one stack":
            stack = Stack(app, "First")
            return stack, stack
        case "one place":
            return Stack(app, "First", env=PLACE), Stack(app, "Second", env=PLACE)
        case "two Regions":
            return Stack(app, "First", env=PLACE), Stack(app, "Second", env={"region": "us-east-1"})
    return Stack(app, "First"), Stack(app, "Second")


@pytest.mark.parametrize("first_way", WAYS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["one stack", "one place"])
def test_a_cluster_is_managed_once(first_way: Callable[..., Any], way: Callable[..., Any], how: str) -> None:
    one, two = two_stacks(how)
    first = EksAudit(one, "First", cluster=first_way(one), detections=[])
    again = way(one if way is first_way is own else two)
    with pytest.raises(AuditConfigurationError, match=r"First/First/Logging already manages this cluster's logging"):
        EksAudit(two, "Again", cluster=again, detections=[])
    with pytest.raises(AuditConfigurationError, match=r"retention.*already manages"):
        EksAudit(
            two, "Other", cluster=again, detections=[], log_group=first.log_group, retention=logs.RetentionDays.ONE_DAY
        )
    shared = EksAudit(two, "Shared", cluster=again, detections=[MINE], log_group=first.log_group)
    assert shared.logging.log_types == first.logging.log_types
    assert shared.queries.definitions.keys() == {"mine"}
    app: Any = one.node.root
    assembly = app.synth()
    templates = [assembly.get_stack_by_name(id).template["Resources"] for id in {one.stack_name, two.stack_name}]
    found = [resource for template in templates for resource in template.values()]
    assert len([one for one in found if one["Type"] == "Custom::EksControlPlaneLogging"]) == (first_way is not own)
    [mine] = [one for one in found if one["Type"] == "AWS::Logs::MetricFilter"]
    assert mine["Properties"]["LogGroupName"] == "/aws/eks/prod/cluster"
    if how == "one stack":
        assert mine["DependsOn"]
    elif one is not two:
        assert "First" in [each.id for each in assembly.get_stack_by_name("Second").dependencies]


@pytest.mark.parametrize("how", ["two Regions", "two unknown places"])
def test_clusters_of_one_name_elsewhere_are_others(how: str) -> None:
    for stack in two_stacks(how):
        assert EksAudit(stack, "Audit", cluster="prod").logging.running is not None


def test_a_name_that_is_a_parameter_is_known_in_its_stack() -> None:
    stack = Stack(App(), "Stack")
    name = CfnParameter(stack, "Name").value_as_string
    first = EksAudit(stack, "First", cluster=name)
    with pytest.raises(AuditConfigurationError, match="already manages"):
        EksAudit(stack, "Again", cluster=name)
    EksAudit(stack, "Shared", cluster=name, detections=[MINE], log_group=first.log_group)
    assert len(resources(stack, "Custom::EksControlPlaneLogging")) == 1


def test_a_second_set_has_detections_of_its_own() -> None:
    stack = Stack(App(), "Stack")
    first = EksAudit(stack, "First", cluster="prod")
    with pytest.raises(
        AuditConfigurationError, match=r"Stack/First/Alarms already has metric filters or alarms of these names"
    ):
        EksAudit(stack, "Again", cluster="prod", log_group=first.log_group)
    other = Detection(
        id="x", title=catalog.MASTERS_IMPERSONATED.title, condition=MINE.condition, tags=("impersonation",)
    )
    with pytest.raises(AuditConfigurationError, match="saves another query of this title"):
        EksAudit(stack, "Titled", cluster="prod", log_group=first.log_group, detections=[other], queries=[])
    EksAudit(stack, "Second", cluster="prod", log_group=first.log_group, detections=[MINE])
    names = [one["Properties"]["Name"] for one in resources(stack, "AWS::Logs::QueryDefinition").values()]
    assert len(names) == len(set(names)) == len(catalog.DEFAULT_QUERIES) + 1


def test_alarms_of_one_cluster_have_names_of_their_own() -> None:
    stack = Stack(App(), "Stack")
    one, two = logs.LogGroup(stack, "One"), logs.LogGroup(stack, "Two")
    AuditAlarms(stack, "First", cluster_name="prod", log_group=one, detections=[MINE])
    with pytest.raises(AuditConfigurationError, match="of these names"):
        AuditAlarms(stack, "Again", cluster_name="prod", log_group=two, detections=[MINE])
    assert AuditAlarms(stack, "Other", cluster_name="other", log_group=two, detections=[MINE]).alarms


class Ours(ControlPlaneLogging):
    """What a team makes of it."""


def test_subclasses_are_known_as_what_they_are() -> None:
    stack = Stack(App(), "Stack")
    Ours(stack, "Ours", cluster="prod")
    with pytest.raises(AuditConfigurationError, match="already manages"):
        EksAudit(stack, "Audit", cluster="prod")


@pytest.mark.parametrize("literal", [True, False])
def test_filters_of_one_log_group_are_counted_together(literal: bool) -> None:
    stack = Stack(App(), "Stack")
    name = "/aws/eks/prod/cluster" if literal else None
    group = logs.LogGroup(stack, "Group", log_group_name=name)
    every = [
        Detection(id=f"number-{number}", title=f"Number {number}", condition=MINE.condition) for number in range(101)
    ]
    AuditAlarms(stack, "One", cluster_name="prod", log_group=group, detections=every[:60])
    with pytest.raises(AuditConfigurationError, match=r"Stack/Two: '101': a log group can have at most 100"):
        AuditAlarms(stack, "Two", cluster_name="prod", log_group=group, detections=every[60:])
    AuditAlarms(stack, "Three", cluster_name="prod", log_group=group, detections=every[60:100])
    other = logs.LogGroup(stack, "Other")
    AuditAlarms(stack, "Four", cluster_name="other", log_group=other, detections=every[60:])
    assert Template.from_stack(stack)


def test_queries_of_one_title_are_refused_and_equal_ones_are_saved_once() -> None:
    stack = Stack(App(), "Stack")
    group = logs.LogGroup.from_log_group_name(stack, "Group", "/aws/eks/prod/cluster")
    one, two = catalog.DEFAULT_QUERIES[:2]
    AuditQueries(stack, "One", cluster_name="prod", log_group=group, queries=[one])
    again = AuditQueries(stack, "Two", cluster_name="prod", log_group=group, queries=[one, two])
    assert again.definitions.keys() == {two.id}
    assert AuditQueries(stack, "Other", cluster_name="other", log_group=group, queries=[one]).definitions


@pytest.mark.parametrize("kind", KINDS)
def test_from_a_name_to_a_construct_no_filter_and_no_query_changes(kind: str) -> None:
    def names(cluster: Callable[[Stack], Any]) -> dict[str, Any]:
        stack = Stack(App(), "Stack")
        EksAudit(stack, "Audit", cluster=cluster(stack))
        found = {**resources(stack, "AWS::Logs::MetricFilter"), **resources(stack, "AWS::Logs::QueryDefinition")}
        return {id: one["Properties"] for id, one in found.items()}

    assert names(by_name) == names(imported) == names(lambda stack: KINDS[kind](stack, "prod", []))
