"""LoggingFunction: the Lambda function behind the custom resources of existing clusters, one per stack.

It needs no guard against concurrent deployments: EKS runs one update of a cluster at a time, and the handler reads the
cluster again before each update. With reserved concurrency clusters would wait for each other, and accounts with a low
limit reject it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

import jsii
from aws_cdk import Acknowledgment, Duration, IStableListProducer, Lazy, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk.control_plane.log_group import log_group_arn
from eks_audit_constructs.cdk.grants import service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["LIFETIME", "LoggingFunction"]

LIFETIME = Duration.minutes(15)
"""The longest timeout that Lambda allows."""

_CODE = files(f"{__package__}.handler").joinpath("index.py").read_text("utf-8")
"""The source verbatim, so that reviewers of a template read the code that runs."""

_MAX_POLICY = 6144
"""Characters that a managed policy can have. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
_POLICY_BASE, _POLICY_EACH = 1000, 230
"""Characters of the policy itself, and of each cluster without its names, for the longest partition and Region."""

_ACKNOWLEDGED = {
    "It calls public AWS endpoints and opens no port: a VPC would only add what can break": (
        "HIPAA.Security-LambdaInsideVPC",
        "NIST.800.53.R4-LambdaInsideVPC",
        "NIST.800.53.R5-LambdaInsideVPC",
        "PCI.DSS.321-LambdaInsideVPC",
    ),
    "CloudFormation is told of every failure, and waits for nothing that a queue would hold": (
        "HIPAA.Security-LambdaDLQ",
        "NIST.800.53.R5-LambdaDLQ",
    ),
    "EKS runs one update of a cluster at a time; accounts with a small limit refuse a reservation": (
        "HIPAA.Security-LambdaConcurrency",
        "NIST.800.53.R5-LambdaConcurrency",
    ),
}
_ACKNOWLEDGED_OF_ITS_LOG = {
    "It holds names of clusters and what AWS said, no secrets; CloudWatch Logs encrypts it with a key of its own": (
        "HIPAA.Security-CloudWatchLogGroupEncrypted",
        "NIST.800.53.R4-CloudWatchLogGroupEncrypted",
        "NIST.800.53.R5-CloudWatchLogGroupEncrypted",
        "PCI.DSS.321-CloudWatchLogGroupEncrypted",
    ),
}


class LoggingFunction(Construct):
    """The Lambda function with its role, policy and log group, shared by all clusters of a stack."""

    _ID = "EksControlPlaneLogging"

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, self._ID)
        stack = Stack.of(self)
        log_group = logs.LogGroup(
            self, "LogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        _acknowledge(log_group, _ACKNOWLEDGED_OF_ITS_LOG)
        self._policy = iam.ManagedPolicy(
            self,
            "Policy",
            description="What switching on control plane logs takes",
            statements=[
                _allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn]),
                # To detect a rollback, which must not fail.
                _allow(["cloudformation:DescribeStacks"], [stack.stack_id]),
            ],
        )
        # In policies a log group's ARN ends in ":*", except for tagging.
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_LogGroup.html
        self._tagged = self._allow_each("logs:TagResource")
        self._log_groups = self._allow_each(
            "logs:AssociateKmsKey",
            "logs:CreateLogGroup",
            "logs:DeleteRetentionPolicy",
            "logs:DisassociateKmsKey",
            "logs:PutRetentionPolicy",
        )
        self._clusters: _Sorted | None = None
        self._claimed: dict[str, str] = {}
        role = iam.Role(
            self,
            "Role",
            assumed_by=service("lambda.amazonaws.com"),
            # A managed policy, so that it exists before the function: an inline one is attached to the role later.
            managed_policies=[cast(iam.IManagedPolicy, self._policy)],
        )
        # L1, because the L2 adds a redundant dependency, which cfn-lint reports. Without an architecture it is x86_64,
        # which every partition has.
        self.function = lambda_.CfnFunction(
            self,
            "Function",
            description="Switches on control plane logs of EKS clusters",
            code=lambda_.CfnFunction.CodeProperty(zip_file=_CODE),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_14.name,
            memory_size=256,
            timeout=LIFETIME.to_seconds(),
            role=role.role_arn,
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(log_group=log_group.log_group_name),
        )
        _acknowledge(self.function, _ACKNOWLEDGED)

    @classmethod
    def of(cls, scope: Construct) -> LoggingFunction:
        """Return the function of the scope's stack, which is created on first use."""
        stack = Stack.of(scope)
        found = stack.node.try_find_child(cls._ID)
        return found if isinstance(found, cls) else cls(stack)

    def claim(self, cluster_name: str, where: str) -> None:
        """Reserve a cluster's logging for one construct in the stack.

        Raises:
            AuditConfigurationError: Another construct has reserved it, or the stack has too many clusters.
        """
        if cluster_name in self._claimed:
            raise AuditConfigurationError(
                where,
                value=cluster_name,
                limit=f"{self._claimed[cluster_name]} already manages this cluster's logging",
                way_out="Use its log_group, and list all log types there",
            )
        self._claimed[cluster_name] = where
        size = _POLICY_BASE + sum(_POLICY_EACH + 3 * len(name) for name in self._claimed)
        if size > _MAX_POLICY:
            raise AuditConfigurationError(
                where,
                value=cluster_name,
                limit=f"the function's policy would have about {size} characters for {len(self._claimed)} clusters; "
                f"IAM allows {_MAX_POLICY}",
                way_out="Move some of the clusters to another stack, or use a stack for each cluster",
            )

    def allow(self, cluster_name: str, *, update: bool) -> None:
        """Let the function manage a cluster's log group and, with `update`, the cluster's logging."""
        stack = Stack.of(self)
        arn = log_group_arn(stack, cluster_name)
        self._tagged.add(arn)
        self._log_groups.add(f"{arn}:*")
        wildcard = f"AwsSolutions-IAM5[Resource::{_shown(stack.resolve(arn))}:*]"
        _acknowledge(self._policy, {"This is one log group: policies name it so": (wildcard,)})
        if update:
            if self._clusters is None:
                self._clusters = self._allow_each(
                    "eks:DescribeCluster", "eks:DescribeUpdate", "eks:UpdateClusterConfig"
                )
            self._clusters.add(stack.format_arn(service="eks", resource="cluster", resource_name=cluster_name))

    def _allow_each(self, *actions: str) -> _Sorted:
        arns = _Sorted()
        self._policy.add_statements(_allow(actions, [*Lazy.list(arns)]))
        return arns


@jsii.implements(IStableListProducer)
class _Sorted:
    """A sorted list that is complete only at synthesis."""

    def __init__(self) -> None:
        self._items: set[str] = set()

    def add(self, item: str) -> None:
        self._items.add(item)

    def produce(self) -> list[str]:
        return sorted(self._items)


def _shown(value: Any) -> str:
    """A resolved value as cdk-nag writes it in the ids of its findings."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator.join(_shown(part) for part in parts))
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
    return str(value)


def _allow(actions: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=[*actions], resources=[*resources])


def _acknowledge(construct: Construct, rules: Mapping[str, Sequence[str]]) -> None:
    acknowledged = [Acknowledgment(id=id, reason=reason) for reason, ids in rules.items() for id in ids]
    Validations.of(construct).acknowledge(*acknowledged)
