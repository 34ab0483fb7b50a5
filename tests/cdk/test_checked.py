"""Arguments of constructs: what they take, and where the constructs among them may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aws_cdk import App, Aws, CfnParameter, Duration, Environment, Stack, Stage
from aws_cdk import aws_eks as eks
from aws_cdk import aws_eks_v2 as eks_v2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk.assertions import Template

from eks_audit_constructs import (
    AlarmTopic,
    AuditAlarms,
    AuditConfigurationError,
    AuditExport,
    AuditQueries,
    ControlPlaneLogging,
    EksAudit,
    EksAuditStack,
    catalog,
)
from tests.cdk.control_plane.clusters import KINDS

NAME = "/aws/eks/prod/cluster"
HERE, ELSEWHERE = ("111122223333", "eu-west-1"), ("444455556666", "us-east-1")


def new_stack(
    account: str | None = None, region: str | None = None, id: str = "Stack", app: App | None = None
) -> Stack:
    return Stack(app or App(), id, env=Environment(account=account, region=region))


def key(scope: Stack, account: str, region: str) -> Any:
    return kms.Key.from_key_arn(
        scope, "Key", f"arn:aws:kms:{region}:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    )


def log_group(scope: Stack, account: str, region: str) -> Any:
    return logs.LogGroup.from_log_group_arn(scope, "Group", f"arn:aws:logs:{region}:{account}:log-group:{NAME}:*")


def bucket(scope: Stack, account: str, region: str) -> Any:
    return s3.Bucket.from_bucket_attributes(scope, "Bucket", bucket_name="logs", account=account, region=region)


def imported(module: Any) -> Callable[[Stack, str, str], Any]:
    def build(scope: Stack, account: str, region: str) -> Any:
        there = new_stack(account, region, "There", app=scope.node.root)  # type: ignore[arg-type]  # the root is an App
        return module.Cluster.from_cluster_attributes(there, "Cluster", cluster_name="prod")

    return build


def literal(scope: Stack) -> Any:
    return logs.LogGroup.from_log_group_name(scope, "ByName", NAME)


PLACED: dict[str, tuple[Callable[[Stack, str, str], Any], Callable[[Stack, Any], object], bool]] = {
    "an imported cluster": (imported(eks), lambda stack, it: EksAudit(stack, "It", cluster=it), False),
    "an imported cluster of v2": (
        imported(eks_v2), lambda stack, it: ControlPlaneLogging(stack, "It", cluster=it), False),
    "a log group": (
        log_group, lambda stack, it: ControlPlaneLogging(stack, "It", cluster="prod", log_group=it), False),
    "a log group of alarms": (
        log_group, lambda stack, it: AuditAlarms(stack, "It", cluster_name="prod", log_group=it), False),
    "a log group of queries": (
        log_group, lambda stack, it: AuditQueries(stack, "It", cluster_name="prod", log_group=it), False),
    "a log group of an export": (log_group, lambda stack, it: AuditExport(stack, "It", log_group=it), True),
    "a key": (key, lambda stack, it: ControlPlaneLogging(stack, "It", cluster="prod", encryption_key=it), True),
    "a key of a topic": (key, lambda stack, it: AlarmTopic(stack, "It", encryption_key=it), True),
    "a key of an export": (
        key, lambda stack, it: AuditExport(stack, "It", log_group=literal(stack), encryption_key=it), True),
    "a bucket of an export": (
        bucket, lambda stack, it: AuditExport(stack, "It", log_group=literal(stack), access_logs_bucket=it), False),
}  # fmt: skip
"""By name: how to refer to one, where it is used, and whether it may be of another account."""


@pytest.mark.parametrize("what", PLACED)
@pytest.mark.parametrize("account", [HERE[0], ELSEWHERE[0]], ids=["same account", "other account"])
@pytest.mark.parametrize("region", [HERE[1], ELSEWHERE[1]], ids=["same Region", "other Region"])
def test_what_is_elsewhere_is_refused_where_both_places_are_known(what: str, account: str, region: str) -> None:
    refer, use, of_any_account = PLACED[what]
    stack = new_stack(*HERE)
    it = refer(stack, account, region)
    wrong = [
        *([region] if region != HERE[1] else []),
        *([account] if account != HERE[0] and not of_any_account else []),
    ]
    if wrong:
        with pytest.raises(AuditConfigurationError, match=f"Stack/It: .* is in the (Region|account) {wrong[0]}"):
            use(stack, it)
        assert stack.node.try_find_child("It") is None  # refused before anything is added
    else:
        use(stack, it)
    anywhere = new_stack(id="Anywhere")
    use(anywhere, refer(anywhere, account, region))


def test_a_cluster_of_another_stage_is_refused_in_our_words() -> None:
    app = App()
    there, here = Stack(Stage(app, "Dev"), "Stack"), Stack(Stage(app, "Prod"), "Stack")
    cluster = KINDS["eks_v2.CfnCluster"](there, "prod", [])
    with pytest.raises(AuditConfigurationError, match="cluster is in another Stage"):
        EksAudit(here, "Audit", cluster=cluster)
    assert EksAudit(there, "Audit", cluster=cluster)


@pytest.mark.parametrize("known", [True, False])
def test_what_a_lookup_has_not_found_yet_passes(known: bool) -> None:
    stack = new_stack(*HERE)
    name = ssm.StringParameter.value_from_lookup(stack, "/eks/name")
    if known:
        stack.node.set_context("unused", "prod")
    email = ssm.StringParameter.value_from_lookup(stack, "/eks/mail")
    assert name.startswith("dummy-value-for-")
    EksAudit(stack, "Audit", cluster=name, alarm_emails=[email]).add_export()
    assert Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm")


def test_a_log_group_found_by_a_lookup_passes() -> None:
    stack = new_stack(*HERE)
    name = ssm.StringParameter.value_from_lookup(stack, "/eks/group")
    EksAudit(stack, "Audit", cluster="prod", log_group=logs.LogGroup.from_log_group_name(stack, "Group", name))


WRONG: dict[str, Callable[[Stack], object]] = {
    "detections=None": lambda stack: EksAudit(
        stack, "It", cluster="prod", detections=None),  # type: ignore[arg-type]  # refused
    "detections=one": lambda stack: EksAudit(
        stack, "It", cluster="prod", detections=catalog.FORBIDDEN_REQUESTS),  # type: ignore[arg-type]  # refused
    "queries=['x']": lambda stack: EksAudit(
        stack, "It", cluster="prod", queries=["x"]),  # type: ignore[list-item]  # refused
    "encryption_key='arn'": lambda stack: EksAudit(
        stack, "It", cluster="prod", encryption_key="arn:…"),  # type: ignore[arg-type]  # refused
    "encryption_key=a queue": lambda stack: EksAudit(
        stack, "It", cluster="prod", encryption_key=sqs.Queue(stack, "Q")),  # type: ignore[arg-type]  # refused
    "alarm_emails='x'": lambda stack: EksAudit(stack, "It", cluster="prod", alarm_emails="sec@example.com"),
    "log_group=a name": lambda stack: EksAudit(
        stack, "It", cluster="prod", log_group=NAME),  # type: ignore[arg-type]  # refused
    "removal_policy='destroy'": lambda stack: EksAudit(
        stack, "It", cluster="prod", removal_policy="destroy"),  # type: ignore[arg-type]  # refused
    "log_group_class='STANDARD'": lambda stack: EksAudit(
        stack, "It", cluster="prod", log_group_class="STANDARD"),  # type: ignore[arg-type]  # refused
    "archive_after=30": lambda stack: EksAudit(stack, "It", cluster="prod").add_export(
        archive_after=30),  # type: ignore[arg-type]  # refused
    "archive_after=36 hours": lambda stack: EksAudit(stack, "It", cluster="prod").add_export(
        archive_after=Duration.hours(36)),
    "period=Duration": lambda stack: catalog.DEFAULT.tuned(
        "forbidden-requests", period=Duration.minutes(5)),  # type: ignore[arg-type]  # refused
    "export='yes'": lambda stack: EksAuditStack(
        App(), "It", cluster="prod", export="yes"),  # type: ignore[arg-type]  # refused
    "tags='x'": lambda stack: EksAuditStack(App(), "It", cluster="prod", tags="x"),  # type: ignore[arg-type]  # refused
    "a stack's name": lambda stack: EksAuditStack(App(), "It", cluster="prod", stack_name="a b"),
    "AuditAlarms, a long name": lambda stack: AuditAlarms(
        stack, "It", cluster_name="x" * 101, log_group=literal(stack)),
    "AuditQueries, an ARN": lambda stack: AuditQueries(
        stack, "It", cluster_name="arn:aws:eks:eu-west-1:111122223333:cluster/prod", log_group=literal(stack)),
    "a bucket with a key for access logs": lambda stack: AuditExport(
        stack, "It", log_group=literal(stack),
        access_logs_bucket=s3.Bucket(stack, "B", encryption=s3.BucketEncryption.KMS)),
    "an empty id": lambda stack: EksAudit(stack, "", cluster="prod"),
    "an id that is none": lambda stack: EksAudit(stack, 7, cluster="prod"),  # type: ignore[arg-type]  # refused
    "a scope that is none": lambda stack: EksAudit("Stack", "It", cluster="prod"),  # type: ignore[arg-type]  # refused
    "a scope without a stack": lambda stack: EksAudit(App(), "It", cluster="prod"),
    "an id twice": lambda stack: EksAudit(stack, "It", cluster="prod") and EksAudit(stack, "It", cluster="other"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_a_type_checker_would_refuse_is_refused_in_our_words(what: str) -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        WRONG[what](new_stack())
    assert "\n" not in str(refusal.value)


def test_classes_and_interfaces_are_taken() -> None:
    stack = new_stack()
    EksAudit(
        stack,
        "Audit",
        cluster=KINDS["eks_v2.CfnCluster"](stack, "prod", []),
        encryption_key=kms.Key(stack, "Key"),
    ).add_export(
        encryption_key=kms.Key.from_key_arn(stack, "Imported", f"arn:aws:kms:eu-west-1:{HERE[0]}:key/1"),
        access_logs_bucket=s3.Bucket(stack, "Bucket"),
        archive_after=Duration.days(CfnParameter(stack, "Days", type="Number").value_as_number),
    )
    EksAudit(stack, "Other", cluster=Aws.STACK_NAME)
    assert Template.from_stack(stack)
