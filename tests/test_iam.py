"""The evaluator of IAM statements, on what AWS documents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.iam import Decision, decide

GROUP = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/eks/prod/cluster"


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "eks:*", "Resource": "*", **elements}


def allows(statement: dict[str, Any], **request: Any) -> bool:
    asked = {"action": "eks:UpdateClusterConfig", "resource": "arn:aws:eks:eu-west-1:1:cluster/prod", **request}
    return decide([statement], **asked) is Decision.ALLOWED


def test_what_nobody_speaks_of_is_not_allowed_and_a_denial_wins() -> None:
    asked = ("eks:DescribeCluster", "arn:aws:eks:eu-west-1:1:cluster/prod")
    assert decide([], *asked) is Decision.NOT_ALLOWED
    assert decide([allow()], *asked) is Decision.ALLOWED
    for statements in ([allow(), allow(Effect="Deny")], [allow(Effect="Deny"), allow()]):
        assert decide(statements, *asked) is Decision.DENIED
    assert decide([allow(), allow(Effect="Deny", Action="eks:DeleteCluster")], *asked) is Decision.ALLOWED


@pytest.mark.parametrize(
    ("actions", "allowed"),
    [
        ("eks:UpdateClusterConfig", True),
        ("EKS:updateclusterconfig", True),
        (["eks:Create*", "eks:Update*"], True),
        ("eks:Update?lusterConfig", True),
        ("eks:UpdateClusterVersion", False),
        ("logs:*", False),
        ("*", True),
    ],
)
def test_actions(actions: Any, allowed: bool) -> None:
    assert allows(allow(Action=actions)) is allowed
    assert allows({"Effect": "Allow", "NotAction": actions, "Resource": "*"}) is not allowed


@pytest.mark.parametrize(
    ("pattern", "resource", "allowed"),
    [
        (f"{GROUP}:*", f"{GROUP}:log-stream:", True),
        (f"{GROUP}:*", GROUP, False),
        (GROUP, GROUP, True),
        (GROUP.replace("prod", "*"), GROUP, True),
        ("arn:aws:logs:*:log-group:*", GROUP, False),
        ("arn:aws:logs:*:*:log-group:*", GROUP, True),
        (GROUP.upper(), GROUP, False),
    ],
)
def test_resources(pattern: str, resource: str, allowed: bool) -> None:
    assert allows(allow(Resource=pattern), resource=resource) is allowed
    assert allows({"Effect": "Allow", "Action": "*", "NotResource": pattern}, resource=resource) is not allowed


@pytest.mark.parametrize(
    ("condition", "key", "expected"),
    [
        ({"Bool": {"k": "true"}}, True, True),
        ({"Bool": {"K": "true"}}, False, False),
        ({"Bool": {"k": "true"}}, None, False),
        ({"Bool": {"k": "false"}}, None, False),
        ({"BoolIfExists": {"k": "true"}}, None, True),
        ({"BoolIfExists": {"k": "true"}}, False, False),
        ({"StringEquals": {"k": ["a", "b"]}}, "b", True),
        ({"StringEquals": {"k": "a"}}, "A", False),
        ({"StringEqualsIgnoreCase": {"k": "a"}}, "A", True),
        ({"StringNotEquals": {"k": ["a", "b"]}}, "b", False),
        ({"StringNotEquals": {"k": "a"}}, None, True),
        ({"StringLike": {"k": "a*c"}}, "abbc", True),
        ({"StringNotLike": {"k": "a*c"}}, "abbc", False),
        ({"ArnLike": {"k": "arn:aws:sns:*:1:*"}}, "arn:aws:sns:eu-west-1:1:x:y", True),
        ({"ArnNotLike": {"k": "arn:aws:sns:*:1:*"}}, "arn:aws:sns:eu-west-1:2:x", True),
        ({"ArnEquals": {"k": "arn:aws:sns:*:1:x"}}, "arn:aws:sns:eu-west-1:1:x", True),
        ({"Null": {"k": "true"}}, None, True),
        ({"Null": {"k": "false"}}, None, False),
        ({"Null": {"k": "false"}}, "a", True),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, ["a", "b"], True),
        ({"ForAllValues:StringEquals": {"k": ["a", "b"]}}, ["a", "c"], False),
        ({"ForAllValues:StringEquals": {"k": "a"}}, None, True),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, ["a", "c"], True),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, ["c"], False),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, None, False),
        ({"Bool": {"k": "true"}, "StringEquals": {"j": "x"}}, True, False),
        ({}, None, True),
    ],
)
def test_conditions(condition: Any, key: Any, expected: bool) -> None:
    context = {} if key is None else {"k": key}
    assert allows(allow(Condition=condition), context=context) is expected


def test_policies_of_a_resource() -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sns:Publish",
        "Principal": {"Service": "a.amazonaws.com"},
        "Resource": "*",
    }
    asked = ("sns:Publish", "arn:aws:sns:eu-west-1:1:topic")
    assert decide([statement], *asked, principal=("Service", "a.amazonaws.com")) is Decision.ALLOWED
    assert decide([statement], *asked, principal=("Service", "b.amazonaws.com")) is Decision.NOT_ALLOWED
    for anyone in ("*", {"AWS": "*"}):
        asker = ("AWS", "arn:aws:iam::1:role/x")
        assert decide([{**statement, "Principal": anyone}], *asked, principal=asker) is Decision.ALLOWED


@pytest.mark.parametrize(
    "statement",
    [
        allow(NotPrincipal="*"),
        allow(Principal="*"),
        allow(Effect="Maybe"),
        allow(Condition={"DateLessThan": {"k": "2026"}}),
        allow(Condition={"StringEquals": {"k": ["a"]}}, Resource="arn:aws:eks:eu-west-1:${aws:PrincipalAccount}:*"),
        allow(Condition={"Some:StringEquals": {"k": "a"}}),
    ],
)
def test_what_it_does_not_know_is_an_error(statement: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        allows(statement, context={"k": "a"})
