"""The bucket for exported logs: who may write, how long things stay, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Annotations, Match, Template

from eks_audit_constructs.cdk.archive import AuditExport
from eks_audit_constructs.errors import AuditConfigurationError
from tests.nag import violations

ACCOUNT = "111122223333"
PARTITIONS = {
    "eu-west-1": ("aws", "amazonaws.com"),
    "cn-north-1": ("aws-cn", "amazonaws.com.cn"),
    "us-gov-west-1": ("aws-us-gov", "amazonaws.com"),
}


@pytest.fixture
def stack() -> Stack:
    return Stack(App(), "Stack")


def log_group(stack: Stack, name: str = "prod") -> logs.ILogGroup:
    return logs.LogGroup.from_log_group_name(stack, f"{name}LogGroup", f"/aws/eks/{name}/cluster")


def resources(stack: Stack, type_name: str) -> dict[str, Any]:
    return dict(Template.from_stack(stack).find_resources(type_name))


def bucket_properties(stack: Stack) -> dict[str, Any]:
    (bucket,) = resources(stack, "AWS::S3::Bucket").values()
    properties: dict[str, Any] = bucket["Properties"]
    return properties


def deployed(value: Any, region: str) -> Any:
    """The value as CloudFormation makes it in the Region, resources by their logical ids."""
    partition, suffix = PARTITIONS[region]
    pseudo = {"AWS::Partition": partition, "AWS::URLSuffix": suffix, "AWS::Region": region, "AWS::AccountId": ACCOUNT}
    match value:
        case {"Fn::Join": ["", parts]}:
            return "".join(str(deployed(part, region)) for part in parts)
        case {"Ref": name}:
            return pseudo.get(name, name)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case dict():
            return {key: deployed(entry, region) for key, entry in value.items()}
        case list():
            return [deployed(entry, region) for entry in value]
    return value


@pytest.mark.parametrize("flags", ["no flag", "all flags"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("region", PARTITIONS)
def test_the_policies_hold_what_an_export_task_needs_and_no_more(
    region: str, known: bool, flags: str, recommended_flags: dict[str, Any]
) -> None:
    app = App(context=recommended_flags if flags == "all flags" else {})
    stack = Stack(app, "Stack", env={"account": ACCOUNT, "region": region} if known else None)
    AuditExport(stack, "Export", log_group=log_group(stack))
    partition, suffix = PARTITIONS[region]

    (bucket_id,) = resources(stack, "AWS::S3::Bucket")
    (policy,) = resources(stack, "AWS::S3::BucketPolicy").values()
    statements = deployed(policy["Properties"]["PolicyDocument"]["Statement"], region)
    (tls,) = (entry for entry in statements if entry["Effect"] == "Deny")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    arn = f"arn:{partition}:logs:{region}:{ACCOUNT}:log-group:/aws/eks/prod/cluster"
    source = {"ArnLike": {"aws:SourceArn": [arn, f"{arn}:*"]}}
    exporter = {"Effect": "Allow", "Principal": {"Service": f"logs.{region}.{suffix}"}}
    assert [entry for entry in statements if entry is not tls] == [
        {
            "Sid": "AllowGetBucketAcl",
            "Action": "s3:GetBucketAcl",
            "Resource": f"{bucket_id}.Arn",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}, **source},
            **exporter,
        },
        {
            "Sid": "AllowPutObject",
            "Action": "s3:PutObject",
            "Resource": f"{bucket_id}.Arn/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
                **source,
            },
            **exporter,
        },
    ]

    (key,) = resources(stack, "AWS::KMS::Key").values()
    use = deployed(key["Properties"]["KeyPolicy"]["Statement"][-1], region)
    assert sorted(use.pop("Action")) == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert use == {"Resource": "*", **exporter}


def test_the_bucket_is_private_versioned_encrypted_and_kept(stack: Stack) -> None:
    export = AuditExport(stack, "Export", log_group=log_group(stack))
    ((key_id, key),) = resources(stack, "AWS::KMS::Key").items()
    (bucket,) = resources(stack, "AWS::S3::Bucket").values()
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    assert key["DeletionPolicy"] == "Retain"
    assert key["Properties"]["EnableKeyRotation"] is True
    assert bucket["Properties"] == {
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {
                        "KMSMasterKeyID": {"Fn::GetAtt": [key_id, "Arn"]},
                        "SSEAlgorithm": "aws:kms",
                    },
                }
            ]
        },
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                    "Status": "Enabled",
                    "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}],
                }
            ]
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    }
    assert stack.resolve(export.bucket.bucket_arn) == {
        "Fn::GetAtt": [next(iter(resources(stack, "AWS::S3::Bucket"))), "Arn"]
    }
    assert stack.resolve(export.encryption_key.key_arn) == {"Fn::GetAtt": [key_id, "Arn"]}


def test_no_asset_and_no_custom_resource(stack: Stack) -> None:
    AuditExport(stack, "Export", log_group=log_group(stack))
    types = {entry["Type"] for entry in Template.from_stack(stack).to_json()["Resources"].values()}
    assert types == {"AWS::KMS::Key", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"}


def test_ages_and_lock_are_the_users(stack: Stack) -> None:
    AuditExport(
        stack,
        "Export",
        log_group=log_group(stack),
        archive_after=Duration.days(30),
        expire_after=Duration.days(2557),
        object_lock=s3.ObjectLockRetention.governance(Duration.days(365)),
    )
    properties = bucket_properties(stack)
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert rule["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 30}]
    assert rule["ExpirationInDays"] == 2557
    assert properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Days": 365, "Mode": "GOVERNANCE"}


@pytest.mark.parametrize("days", [1, 90])
def test_what_expires_before_it_is_archived_is_refused(stack: Stack, days: int) -> None:
    with pytest.raises(
        AuditConfigurationError, match=r"Stack/Export: '\d+ days?': objects move to Glacier after 90 days"
    ):
        AuditExport(stack, "Export", log_group=log_group(stack), expire_after=Duration.days(days))


def test_a_log_group_of_another_region_is_refused() -> None:
    stack = Stack(App(), "Stack", env={"account": ACCOUNT, "region": "eu-west-1"})
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/eks/prod/cluster"
    with pytest.raises(AuditConfigurationError, match=r"log_group is in the Region us-east-1"):
        AuditExport(stack, "Export", log_group=logs.LogGroup.from_log_group_arn(stack, "LogGroup", arn))


def test_a_log_group_of_another_account_is_named_in_the_policy() -> None:
    stack = Stack(App(), "Stack", env={"account": ACCOUNT, "region": "eu-west-1"})
    arn = "arn:aws:logs:eu-west-1:444455556666:log-group:/aws/eks/prod/cluster"
    AuditExport(stack, "Export", log_group=logs.LogGroup.from_log_group_arn(stack, "LogGroup", arn))
    (policy,) = resources(stack, "AWS::S3::BucketPolicy").values()
    put = deployed(policy["Properties"]["PolicyDocument"]["Statement"][-1], "eu-west-1")
    assert put["Condition"]["StringEquals"]["aws:SourceAccount"] == "444455556666"
    assert put["Condition"]["ArnLike"]["aws:SourceArn"] == [arn, f"{arn}:*"]


def test_a_key_that_is_given_gets_the_grant_and_no_other_is_made(stack: Stack) -> None:
    key = kms.Key(stack, "Shared")
    assert AuditExport(stack, "Export", log_group=log_group(stack), encryption_key=key).encryption_key is key
    (rendered,) = resources(stack, "AWS::KMS::Key").values()
    assert "kms:GenerateDataKey" in rendered["Properties"]["KeyPolicy"]["Statement"][-1]["Action"]


def test_a_key_out_of_reach_is_warned_about(stack: Stack) -> None:
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:us-east-1:{ACCOUNT}:key/abc")
    AuditExport(stack, "Export", log_group=log_group(stack), encryption_key=key)
    warned = Match.string_like_regexp("Stack/Key is not defined in this app.*kms:GenerateDataKey")
    Annotations.from_stack(stack).has_warning("/Stack/Export", warned)


def test_two_exports_in_one_stack(stack: Stack) -> None:
    for name in ("blue", "green"):
        AuditExport(stack, name, log_group=log_group(stack, name))
    assert len(resources(stack, "AWS::S3::Bucket")) == 2
    policies = [str(policy) for policy in resources(stack, "AWS::S3::BucketPolicy").values()]
    for name in ("blue", "green"):
        assert len([policy for policy in policies if f"/aws/eks/{name}/cluster" in policy]) == 1


REPLICATION = "S3BucketReplicationEnabled"
LOCK = "S3BucketDefaultLockEnabled"


def test_the_packs_of_cdk_nag_ask_for_a_copy_elsewhere_and_nothing_else(stack: Stack) -> None:
    access_logs = s3.Bucket(stack, "AccessLogs", removal_policy=RemovalPolicy.RETAIN)
    export = AuditExport(
        stack,
        "Export",
        log_group=log_group(stack),
        access_logs_bucket=access_logs,
        object_lock=s3.ObjectLockRetention.governance(Duration.days(365)),
    )

    def ours() -> set[str]:
        return {rule for rule, path in violations(stack) if path.startswith("Stack/Export/")}

    assert {rule.rpartition("-")[2] for rule in ours()} == {REPLICATION}
    reason = "The log group keeps the same events; a copy in another Region is for the user to decide."
    Validations.of(export.bucket).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in sorted(ours())))
    assert ours() == set()


def test_without_lock_and_access_logs_the_packs_say_so(stack: Stack) -> None:
    AuditExport(stack, "Export", log_group=log_group(stack))
    found = {rule.rpartition("-")[2] for rule, _ in violations(stack)}
    assert found == {REPLICATION, LOCK, "S1", "S3BucketLoggingEnabled"}
