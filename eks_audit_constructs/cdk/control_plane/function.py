"""LoggingFunction: the Lambda function behind the custom resources of existing clusters, one per stack.

It needs no guard against concurrent deployments: EKS runs one update of a cluster at a time, and the handler reads the
cluster again before each update. With reserved concurrency clusters would wait for each other, and accounts with a low
limit reject it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Duration, Fn, IStableAnyProducer, Lazy, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from eks_audit_constructs.cdk.control_plane.log_group import log_group_arn
from eks_audit_constructs.cdk.control_plane.permissions import Grant, Permissions, Target, every_log_group
from eks_audit_constructs.cdk.control_plane.wish import Wish, asked
from eks_audit_constructs.cdk.grants import service
from eks_audit_constructs.errors import AuditConfigurationError

__all__ = ["LIFETIME", "LoggingFunction"]

LIFETIME = Duration.minutes(15)
"""The longest timeout that Lambda allows."""

_CODE = files(f"{__package__}.handler").joinpath("index.py").read_text("utf-8")
"""The source verbatim, so that reviewers of a template read the code that runs."""

_MAX_POLICIES = 10
"""Managed policies that a role can have. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
_MAX_ASKED = 4096 - 700
"""Bytes of a function's environment, less its other variables in the longest Region.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""
_LONGEST_ARN = 250
"""Characters of what only CloudFormation knows: the ARN of the stack, of the function's log group, or of a key."""

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
    """The Lambda function with its role, policies and log group, shared by all clusters of a stack."""

    _ID = "EksControlPlaneLogging"

    def __init__(self, scope: Construct) -> None:
        super().__init__(scope, self._ID)
        stack = Stack.of(self)
        self._claimed: dict[str, str] = {}
        log_group = logs.LogGroup(
            self, "LogGroup", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        _acknowledge(log_group, _ACKNOWLEDGED_OF_ITS_LOG)
        always = {
            ("logs:CreateLogStream", "logs:PutLogEvents"): log_group.log_group_arn,
            # Only a deployment may ask for anything, and a rollback must not fail.
            ("cloudformation:DescribeStacks",): stack.stack_id,
        }
        self._permissions = Permissions(
            stack, [Grant(actions, (Target(arn, _LONGEST_ARN),)) for actions, arn in always.items()]
        )
        self._policies = Construct(self, "Policy")
        all_groups = _shown(stack.resolve(every_log_group(stack)))
        reason = "There is no other resource for listing log groups"
        _acknowledge(self._policies, {reason: (f"AwsSolutions-IAM5[Resource::{all_groups}]",)})
        role = iam.Role(self, "Role", assumed_by=service("lambda.amazonaws.com"))
        self._role = role.node.default_child
        self._attach_policies()
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

    def grant(self, wish: Wish, where: str) -> None:
        """Let the function do what one construct in the stack asks for a cluster, and nothing else for that cluster.

        Raises:
            AuditConfigurationError: Another construct has asked for it, or the stack has too many clusters.
        """
        stack, name = Stack.of(self), wish.cluster_name
        if name in self._claimed:
            raise AuditConfigurationError(
                where,
                value=name,
                limit=f"{self._claimed[name]} already manages this cluster's logging",
                way_out="Use its log_group, and list all log types there",
            )
        self._claimed[name] = where
        self._permissions.add(wish)
        self._refuse_too_many(name, where)
        self._attach_policies()
        self.function.environment = lambda_.CfnFunction.EnvironmentProperty(variables=self._environment())
        arn = _shown(stack.resolve(log_group_arn(stack, name)))
        wildcard = f"AwsSolutions-IAM5[Resource::{arn}:*]"
        _acknowledge(self._policies, {"This is one log group: policies name it so": (wildcard,)})

    def _attach_policies(self) -> None:
        """Attach as many managed policies as the permissions need, and have their statements rendered at synthesis.

        They are managed, so that they exist before the function: an inline one is attached to the role later.
        """
        known = len(self._policies.node.children)
        for number in range(known, len(self._permissions.policies())):
            iam.CfnManagedPolicy(
                self._policies,
                f"Resource{number + 1 if number else ''}",
                description="What switching on control plane logs takes",
                path="/",
                policy_document=Lazy.any(_Document(self._permissions, number)),
            )
        assert isinstance(self._role, iam.CfnRole)
        self._role.managed_policy_arns = [
            policy.ref for policy in self._policies.node.children if isinstance(policy, iam.CfnManagedPolicy)
        ]

    def _environment(self) -> dict[str, str]:
        """What the handler must not take from an event."""
        stack = Stack.of(self)
        bucket = f"cloudformation-custom-resource-response-{Fn.join('', Fn.split('-', stack.region))}"
        # All three are in use.
        endpoints = ("s3", f"s3.{stack.region}", f"s3-{stack.region}")
        return {
            "STACK_ID": stack.stack_id,
            "RESPONSE_URLS": " ".join(f"https://{bucket}.{endpoint}.{stack.url_suffix}/" for endpoint in endpoints),
            "ASKED": stack.to_json_string(asked(self._permissions.wishes)),
        }

    def _refuse_too_many(self, name: str, where: str) -> None:
        policies = len(self._permissions.policies())
        text = json.dumps(asked(self._permissions.wishes))
        size = len(text) + _LONGEST_ARN * text.count("${Token[")
        if policies > _MAX_POLICIES or size > _MAX_ASKED:
            raise AuditConfigurationError(
                where,
                value=name,
                limit=f"for {len(self._claimed)} clusters the function would need {policies} policies and about {size} "
                f"bytes of environment; AWS allows {_MAX_POLICIES} and {_MAX_ASKED}",
                way_out="Move some of the clusters to another stack, or use a stack for each cluster",
            )


@jsii.implements(IStableAnyProducer)
class _Document:
    """One of the role's policies, complete only at synthesis."""

    def __init__(self, permissions: Permissions, number: int) -> None:
        self._permissions, self._number = permissions, number

    def produce(self) -> dict[str, Any]:
        grants = self._permissions.policies()[self._number]
        return {"Version": "2012-10-17", "Statement": [one for grant in grants for one in grant.rendered()]}


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


def _acknowledge(construct: Construct, rules: Mapping[str, Sequence[str]]) -> None:
    acknowledged = [Acknowledgment(id=id, reason=reason) for reason, ids in rules.items() for id in ids]
    Validations.of(construct).acknowledge(*acknowledged)
