"""What the constructs here allow AWS services to do, and to whom: written once, right in every partition.

The casts say what CDK's own classes are: the parameter names that jsii generates differ between a class and its
interface, and pyright takes them for different types.
"""

from __future__ import annotations

import json
from typing import cast

from aws_cdk import Annotations, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

__all__ = ["allow_on_key", "logs_service", "new_key", "service"]


def service(name: str) -> iam.IPrincipal:
    """An AWS service as a principal."""
    return cast(iam.IPrincipal, iam.ServicePrincipal(name))


def logs_service(scope: Construct, region: str) -> iam.IPrincipal:
    """CloudWatch Logs as a principal: of one Region, and in China under `amazonaws.com.cn`."""
    return service(f"logs.{region}.{Stack.of(scope).url_suffix}")


def new_key(scope: Construct, id: str, *, description: str, removal_policy: RemovalPolicy) -> kms.IKey:
    """A customer managed key that KMS rotates every year."""
    key = kms.Key(scope, id, description=description, enable_key_rotation=True, removal_policy=removal_policy)
    return cast(kms.IKey, key)


def allow_on_key(scope: Construct, key: kms.IKey, statement: iam.PolicyStatement) -> None:
    """Add a statement to the key's policy, or warn with its text: an imported key's policy is out of reach."""
    if not key.add_to_resource_policy(statement).statement_added:
        text = json.dumps(Stack.of(scope).resolve(statement.to_statement_json()))
        Annotations.of(scope).add_warning_v2(
            "eks-audit-constructs:keyPolicyOutOfReach",
            f"{key.node.path} is not defined in this app, so its key policy cannot be extended from here. "
            f"Without this statement in it the deployment fails or what it protects stays unreadable: {text}",
        )
