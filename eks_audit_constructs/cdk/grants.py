"""Grants to AWS services, correct in every partition.

The casts are for pyright: jsii gives the parameters of a class and of its interface different names, which makes them
incompatible types.
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
    """The principal of an AWS service."""
    return cast(iam.IPrincipal, iam.ServicePrincipal(name))


def logs_service(scope: Construct, region: str) -> iam.IPrincipal:
    """The principal of CloudWatch Logs in one Region, which in China ends in `amazonaws.com.cn`."""
    return service(f"logs.{region}.{Stack.of(scope).url_suffix}")


def new_key(scope: Construct, id: str, *, description: str, removal_policy: RemovalPolicy) -> kms.IKey:
    """Create a customer managed key that KMS rotates every year."""
    key = kms.Key(scope, id, description=description, enable_key_rotation=True, removal_policy=removal_policy)
    return cast(kms.IKey, key)


def allow_on_key(scope: Construct, key: kms.IKey, statement: iam.PolicyStatement) -> None:
    """Add a statement to the key's policy, or print it in a warning if the key is imported and cannot be changed."""
    if not key.add_to_resource_policy(statement).statement_added:
        text = json.dumps(Stack.of(scope).resolve(statement.to_statement_json()))
        Annotations.of(scope).add_warning_v2(
            "eks-audit-constructs:keyPolicyOutOfReach",
            f"{key.node.path} is not defined in this app, so its key policy cannot be changed here. "
            f"Add this statement to it, or the deployment fails or what it encrypts stays unreadable: {text}",
        )
