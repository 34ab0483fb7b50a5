"""AuditExport: a bucket for exports of a cluster's control-plane logs."""

from __future__ import annotations

from typing import cast

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from eks_audit_constructs.cdk.checked import checked
from eks_audit_constructs.cdk.grants import allow_on_key, logs_service, new_key
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["AuditExport"]


class AuditExport(Construct):
    """A private, versioned, encrypted bucket for export tasks of CloudWatch Logs.

        aws logs create-export-task --log-group-name <name> --destination <bucket> --from <ms> --to <ms>

    An account runs one export task at a time, new events can take up to 12 hours to become exportable, and the bucket
    must be in the log group's Region.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html

    Args:
        scope: The parent.
        id: The construct's id.
        log_group: The only log group whose export tasks may write to the bucket.
        encryption_key: A symmetric customer managed key for the bucket. Default: a new key, rotated yearly.
            With such a key, reading the archive needs a second permission, and CloudTrail records each use of the
            key. S3 Bucket Keys keep the number of calls to KMS low.
        archive_after: Age at which objects move to Glacier Instant Retrieval, where they can still be read at once.
            Default: 90 days. Objects under 128 KB do not move, which is cheaper.
        expire_after: Age at which objects are deleted, later than `archive_after`. Default: never, since how long to
            keep evidence is your decision.
        object_lock: Period in which no object can be deleted or overwritten, by anyone at all in COMPLIANCE mode.
            Default: none, since it cannot be undone.
        access_logs_bucket: Bucket in which S3 logs who read the archive, without a key of KMS, with which S3 cannot
            deliver logs. Default: none.

    Raises:
        AuditConfigurationError: A value has the wrong type, objects would expire before they are archived, or the log
            group, the key or the other bucket is in another Region.
    """

    @checked(of_any_account=("log_group", "encryption_key"))
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        log_group: logs.ILogGroup | logs.LogGroup,
        encryption_key: kms.IKey | kms.Key | None = None,
        archive_after: Duration | None = None,
        expire_after: Duration | None = None,
        object_lock: s3.ObjectLockRetention | None = None,
        access_logs_bucket: s3.IBucket | s3.Bucket | None = None,
    ) -> None:
        super().__init__(scope, id)
        archive_after = archive_after or Duration.days(90)
        self._refuse_contradiction(archive_after, expire_after)
        self._refuse_encrypted(access_logs_bucket)
        given_key = cast(kms.IKey | None, encryption_key)  # for pyright, as in grants.py
        self._encryption_key = given_key or new_key(
            self,
            "Key",
            description=f"Exported logs of {self.node.path}",
            removal_policy=RemovalPolicy.RETAIN,  # the archive cannot be read without it
        )
        self._bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._encryption_key,
            bucket_key_enabled=True,
            object_lock_default_retention=object_lock,
            server_access_logs_bucket=access_logs_bucket,
            lifecycle_rules=[
                s3.LifecycleRule(
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=archive_after
                        )
                    ],
                    expiration=expire_after,
                    noncurrent_version_expiration=Duration.days(90),  # time to undo an overwrite or a delete
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
        )
        self._let_export_tasks_write(log_group)

    @property
    def bucket(self) -> s3.IBucket:
        """The destination for export tasks."""
        return self._bucket

    @property
    def encryption_key(self) -> kms.IKey:
        """The bucket's key. Reading the archive requires kms:Decrypt on it."""
        return self._encryption_key

    def _let_export_tasks_write(self, log_group: logs.ILogGroup) -> None:
        """Add the statements from AWS's documentation, for this log group only."""
        env = log_group.env
        service = logs_service(self, env.region)
        arn = Stack.of(self).format_arn(
            service="logs",
            region=env.region,
            account=env.account,
            resource="log-group",
            resource_name=log_group.log_group_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        # Log group ARNs exist with and without ":*"; which one is used here is not documented.
        source = {"ArnLike": {"aws:SourceArn": [arn, f"{arn}:*"]}}
        own_account = {"aws:SourceAccount": env.account}
        for sid, action, resource, equal in (
            ("AllowGetBucketAcl", "s3:GetBucketAcl", self._bucket.bucket_arn, own_account),
            (
                "AllowPutObject",
                "s3:PutObject",
                self._bucket.arn_for_objects("*"),
                {**own_account, "s3:x-amz-acl": "bucket-owner-full-control"},
            ),
        ):
            self._bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[service],
                    actions=[action],
                    resources=[resource],
                    conditions={"StringEquals": equal, **source},
                )
            )
        allow_on_key(
            self,
            self._encryption_key,
            # Without conditions, as documented: S3 calls KMS, and which source it names is not documented.
            iam.PolicyStatement(principals=[service], actions=["kms:GenerateDataKey", "kms:Decrypt"], resources=["*"]),
        )

    def _refuse_contradiction(self, archive_after: Duration, expire_after: Duration | None) -> None:
        for name, age in (("archive_after", archive_after), ("expire_after", expire_after)):
            if age is not None and not age.is_unresolved() and age.to_days(integral=False) % 1:
                raise AuditConfigurationError(
                    f"{self.node.path}: {name}",
                    value=age.to_human_string(),
                    limit="S3 counts the age of objects in whole days",
                    way_out=f"Write {name}=Duration.days(90)",
                )
        if expire_after is None or archive_after.is_unresolved() or expire_after.is_unresolved():
            return
        if expire_after.to_days() <= archive_after.to_days():
            raise AuditConfigurationError(
                self.node.path,
                value=expire_after.to_human_string(),
                limit=f"objects move to Glacier after {archive_after.to_human_string()} and must expire later",
                way_out="Raise expire_after or lower archive_after (Glacier charges for at least 90 days)",
            )

    def _refuse_encrypted(self, access_logs_bucket: s3.IBucket | s3.Bucket | None) -> None:
        """Reject a bucket to which S3 delivers no access logs.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        """
        if access_logs_bucket is not None and access_logs_bucket.encryption_key is not None:
            raise AuditConfigurationError(
                f"{self.node.path}: access_logs_bucket",
                value=access_logs_bucket.node.path,
                limit="S3 delivers access logs only to buckets that it encrypts with its own keys (SSE-S3)",
                way_out="Pass a bucket with BucketEncryption.S3_MANAGED",
            )
