"""What CloudFormation makes of a template in the fake's account and Region."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack

from tests.cdk.control_plane.clusters import resources
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, REGION, STACK_ID

__all__ = ["CUSTOM_RESOURCE", "environment", "given", "policies", "rendered", "statements"]

CUSTOM_RESOURCE = "Custom::EksControlPlaneLogging"

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackId": STACK_ID,
    "AWS::URLSuffix": "amazonaws.com",
}


def rendered(value: Any) -> Any:
    """The value after the deployment; what CloudFormation cannot know beforehand is in angle brackets."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return separator.join(rendered(parts))
        case {"Fn::Split": [separator, text]}:
            return rendered(text).split(separator)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Ref": name}:
            return _PSEUDO.get(name, f"<{name}>")
        case dict():
            return {key: rendered(one) for key, one in value.items()}
        case list():
            return [rendered(one) for one in value]
    return value


def given(stack: Stack, id: str) -> dict[str, Any]:
    """The properties that the handler gets for the construct with this id, before the deployment."""
    (found,) = (value for key, value in resources(stack, CUSTOM_RESOURCE).items() if key.startswith(id))
    return {name: value for name, value in found["Properties"].items() if not name.startswith("Service")}


def environment(stack: Stack) -> dict[str, str]:
    """The function's environment."""
    (function,) = resources(stack, "AWS::Lambda::Function").values()
    variables: dict[str, str] = rendered(function["Properties"]["Environment"]["Variables"])
    return variables


def policies(stack: Stack) -> list[dict[str, Any]]:
    """The documents of the role's policies."""
    found = resources(stack, "AWS::IAM::ManagedPolicy")
    (role,) = resources(stack, "AWS::IAM::Role").values()
    assert [one["Ref"] for one in role["Properties"]["ManagedPolicyArns"]] == [*found]
    return [rendered(policy["Properties"]["PolicyDocument"]) for policy in found.values()]


def statements(stack: Stack) -> list[dict[str, Any]]:
    """All that the function's role may do."""
    return [statement for policy in policies(stack) for statement in policy["Statement"]]
