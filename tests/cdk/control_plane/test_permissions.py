"""The role of the function, asked as IAM asks it: which requests for logging does it allow?"""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import App, CfnParameter, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from eks_audit_constructs.cdk.control_plane.permissions import Permissions
from eks_audit_constructs.cdk.control_plane.running import RunningClusterLogging
from eks_audit_constructs.cdk.control_plane.wish import LOG_TYPES, Wish, asked
from eks_audit_constructs.errors import AuditConfigurationError
from tests.cdk.control_plane.deployment import environment, policies, rendered, statements
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, REGION
from tests.depth import examples
from tests.iam import Decision, decide
from tests.nag import violations

CLUSTERS = ("blue", "green", "red")
LONGEST_REGION = "us-gov-northeast"
UPDATE = "eks:UpdateClusterConfig"


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Wish]:
    """What a template may ask for some clusters."""
    found = {}
    for name in draw(st.lists(st.sampled_from(CLUSTERS), unique=True, min_size=1)):
        types = draw(st.permutations(LOG_TYPES))
        on, off = (draw(st.integers(0, 3)) for _ in range(2))
        found[name] = Wish(
            properties={
                "ClusterName": name,
                "LogTypes": sorted(types[:on]),
                "SwitchOff": sorted(types[on : on + min(off, 5 - on)]),
            },
            conditions=draw(st.sampled_from([True, True, True, False])),
        )
    return found


REQUESTS = st.dictionaries(st.sampled_from(LOG_TYPES), st.booleans(), min_size=1)


@for_all(asked_for=wishes(), cluster=st.sampled_from(CLUSTERS), request=REQUESTS)
@settings(max_examples=examples(300))
def test_a_request_is_allowed_if_the_template_asks_it(
    asked_for: dict[str, Wish], cluster: str, request: dict[str, bool]
) -> None:
    """Nothing is switched off unasked, whatever else the call holds; switching on needs one type that is asked."""
    role = role_of(asked_for.values())
    wish = asked_for.get(cluster)
    off = {name for name, enabled in request.items() if not enabled}
    expected = False
    if wish is not None and wish.updates and off <= wish.switch_off:
        expected = not wish.conditions or bool(off) or bool((request.keys() - off) & wish.log_types)
    assert (decision(role, cluster, request) is Decision.ALLOWED) is expected


@for_all(asked_for=wishes())
@settings(max_examples=examples(100))
def test_what_the_handler_sends_is_allowed(asked_for: dict[str, Wish]) -> None:
    """It sends the difference: any part of what is asked."""
    role = role_of(asked_for.values())
    for wish in [one for one in asked_for.values() if one.updates]:
        whole = dict.fromkeys(sorted(wish.log_types), True) | dict.fromkeys(sorted(wish.switch_off), False)
        for part in (whole, *({name: enabled} for name, enabled in whole.items())):
            assert decision(role, wish.cluster_name, part) is Decision.ALLOWED


@for_all(asked_for=wishes())
@settings(max_examples=examples(50))
def test_other_changes_of_a_cluster_are_not_allowed(asked_for: dict[str, Wish]) -> None:
    """Such as its network, about which a request has other keys, or none."""
    role = role_of(asked_for.values())
    for name, wish in asked_for.items():
        expected = Decision.NOT_ALLOWED if wish.conditions or not wish.updates else Decision.ALLOWED
        for context in ({}, {"eks:endpointPublicAccess": True}):
            assert decide(role, UPDATE, cluster_arn(name), context) is expected
        for action in ("eks:UpdateClusterVersion", "eks:DeleteCluster", "eks:CreateAccessEntry"):
            assert decide(role, action, cluster_arn(name)) is Decision.NOT_ALLOWED


@pytest.mark.parametrize(
    ("region", "conditions", "bound"),
    [
        (None, True, True),
        ("eu-west-1", True, True),
        ("xx-nowhere-1", True, True),
        ("cn-north-1", True, False),
        ("us-gov-west-1", True, False),
        (None, False, False),
    ],
)
def test_where_the_condition_keys_are_not_known_only_the_denials_stand(
    region: str | None, conditions: bool, bound: bool
) -> None:
    stack = Stack(App(), "Stack", env=None if region is None else {"account": ACCOUNT, "region": region})
    RunningClusterLogging(
        stack,
        "Logging",
        cluster_name="prod",
        log_types=["audit"],
        switch_off=["scheduler"],
        logging_type_conditions=conditions,
    )
    of_eks = [one for one in statements(stack) if one["Action"] == UPDATE]
    allowed = [one.get("Condition", {}).get("Bool") for one in of_eks if one["Effect"] == "Allow"]
    denied = [one["Condition"]["Bool"] for one in of_eks if one["Effect"] == "Deny"]
    if bound:
        assert allowed == [{"eks:loggingType/audit": "true"}, {"eks:loggingType/scheduler": "false"}]
    else:
        assert allowed == [None]
    others = ("api", "audit", "authenticator", "controllerManager")
    assert denied == [{f"eks:loggingType/{name}": "false"} for name in others]
    assert "Null" not in json.dumps(of_eks)
    assert violations(stack) == set()


def test_clusters_that_ask_the_same_share_their_statements() -> None:
    sizes = []
    for names in (["a"], ["a", "b", "c"]):
        stack = Stack(App(), "Stack")
        for name in names:
            RunningClusterLogging(stack, name, cluster_name=name, log_types=["audit"])
        sizes.append(len(statements(stack)))
        [entry] = json.loads(environment(stack)["ASKED"])
        assert entry == {"Clusters": names, "LogTypes": ["audit"]}
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("keys", [1, 20])
@pytest.mark.parametrize("length", [20, 70])
def test_twenty_clusters_fit_a_stack_whatever_they_ask(keys: int, length: int) -> None:
    stack = Stack(App(), "Stack", env={"account": ACCOUNT, "region": LONGEST_REGION}, tags={"a": "b"})
    known = [f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-{number:012}" for number in range(keys)]
    for number in range(20):
        RunningClusterLogging(
            stack,
            f"C{number}",
            cluster_name=f"c{number:02}".ljust(length, "x"),
            log_types=LOG_TYPES,
            retention=logs.RetentionDays.ONE_YEAR,
            keep_retention=True,
            encryption_key=kms.Key.from_key_arn(stack, f"K{number}", known[number % keys]),
            deletion_protection=True,
            field_indexes=True,
        )
    assert_within_limits(stack)
    assert len(json.loads(environment(stack)["ASKED"])[0]["Clusters"]) == 20


def test_twenty_clusters_of_the_longest_name_and_of_many_minds() -> None:
    stack = Stack(App(), "Stack")
    for number in range(20):
        on = number % 5 + 1
        RunningClusterLogging(
            stack,
            f"C{number}",
            cluster_name=f"c{number:02}".ljust(100, "x"),
            log_types=LOG_TYPES[:on],
            switch_off=LOG_TYPES[on:],
            retention=logs.RetentionDays.ONE_YEAR,
        )
    assert_within_limits(stack)


def test_names_that_are_parameters_are_counted_as_the_longest() -> None:
    stack = Stack(App(), "Stack")
    for number in range(8):
        name = CfnParameter(stack, f"Name{number}").value_as_string
        RunningClusterLogging(stack, f"C{number}", cluster_name=name, log_types=LOG_TYPES)
    assert len(policies(stack)) > 2
    assert_within_limits(stack)


def test_more_clusters_than_aws_lets_one_role_reach_are_refused() -> None:
    stack = Stack(App(), "Stack")

    def add_sixty() -> None:
        for number in range(60):
            name = f"c{number:02}".ljust(100, "x")
            RunningClusterLogging(stack, f"C{number}", cluster_name=name, log_types=LOG_TYPES)

    with pytest.raises(AuditConfigurationError, match="Move some of the clusters to another stack"):
        add_sixty()
    assert len(stack.node.children) > 20


@for_all(st.lists(st.tuples(st.integers(1, 100), st.sets(st.sampled_from(LOG_TYPES))), max_size=12))
@settings(max_examples=examples(20))
def test_more_wishes_never_make_fewer_policies(names: list[tuple[int, set[str]]]) -> None:
    permissions = Permissions(Stack(App(), "Stack"), [])
    before = 0
    for number, (length, types) in enumerate(names):
        name = f"{number:02}".ljust(length, "x")
        permissions.add(Wish(properties={"ClusterName": name, "LogTypes": sorted(types)}))
        policies_now = permissions.policies()
        assert len(policies_now) >= before
        assert all(policies_now)
        before = len(policies_now)


def assert_within_limits(stack: Stack) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
    longest = {ACCOUNT: ACCOUNT, f":{REGION}:": f":{LONGEST_REGION}:", "arn:aws:": "arn:aws-iso-x:"}
    found = policies(stack)
    assert len(found) <= 10
    for policy in found:
        text = json.dumps(policy, separators=(",", ":"))
        for short, long in longest.items():
            text = text.replace(short, long)
        for number in range(8):
            text = text.replace(f"<Name{number}>", "x" * 100)
        assert policy["Statement"]
        assert len(text) <= 6144
    assert sum(len(name) + len(value) for name, value in environment(stack).items()) <= 4096


_ROLES: dict[str, list[dict[str, Any]]] = {}


def role_of(asked_for: Any) -> list[dict[str, Any]]:
    """The statements for these wishes."""
    key = json.dumps(asked(asked_for)) + str([one.conditions for one in asked_for])
    if key not in _ROLES:
        stack = Stack(App(), "Stack")
        permissions = Permissions(stack, [])
        for wish in asked_for:
            permissions.add(wish)
        made = [one for policy in permissions.policies() for grant in policy for one in grant.rendered()]
        _ROLES[key] = rendered(stack.resolve(made))
    return _ROLES[key]


def cluster_arn(name: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{name}"


def decision(role: list[dict[str, Any]], cluster: str, request: dict[str, bool]) -> Decision:
    """About a request to switch these log types on or off."""
    context = {f"eks:loggingType/{name}": enabled for name, enabled in request.items()}
    return decide(role, UPDATE, cluster_arn(cluster), context)
