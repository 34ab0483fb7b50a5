"""Any sequence of deployments, drift, roll-backs and removals, with faults: what must never happen, does not."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.cdk.control_plane.handler.deployed import Lambda
from tests.cdk.control_plane.handler.fake_aws import LOG_TYPES, Fault
from tests.depth import examples

NAMES = st.sampled_from(["blue", "green"])
TYPES = st.frozensets(st.sampled_from(LOG_TYPES))
SELDOM = st.sampled_from([False, False, False, True])
FAULT = st.tuples(st.integers(0, 12), st.sampled_from([one for one in Fault if one is not Fault.HANGS]))
FAULTS = SELDOM.flatmap(lambda faulty: FAULT if faulty else st.none())
ALLOWED = {
    *("DescribeCluster", "UpdateClusterConfig", "DescribeUpdate", "DescribeStacks", "Respond"),
    *("CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "AssociateKmsKey", "DisassociateKmsKey"),
    *("TagResource", "UntagResource", "DescribeLogGroups", "PutIndexPolicy", "PutLogGroupDeletionProtection"),
}


@st.composite
def properties(draw: st.DrawFn) -> dict[str, Any]:
    """What a template may ask."""
    on = draw(TYPES)
    off = draw(TYPES) - on
    optional = {
        "KmsKeyId": st.sampled_from(["arn:key", "arn:other"]),
        "KeepRetention": st.just("true"),
        "Tags": st.sampled_from([{"a": "b"}, {"a": "c", "d": "e"}]),
        "DeletionProtection": st.just("true"),
        "FieldIndexes": st.just(["verb"]),
    }
    return {
        "ClusterName": draw(NAMES),
        "LogTypes": sorted(on),
        "SwitchOff": sorted(off) if draw(st.booleans()) else [],
        "RetentionInDays": draw(st.sampled_from(["0", "30", "365"])),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }


class Stack(RuleBasedStateMachine):
    """CloudFormation with one stack that holds one of our resources, and people who change things behind its back."""

    lambda_: ClassVar[Lambda]

    def __init__(self) -> None:
        super().__init__()
        self.aws = self.lambda_.aws
        self.aws.reset()
        self.aws.stack_status = "CREATE_COMPLETE"
        self.lambda_.template_asks()
        self.deployed: dict[str, Any] | None = None
        self.id = ""

    @initialize(blue=TYPES, green=TYPES)
    def there_are_clusters(self, blue: frozenset[str], green: frozenset[str]) -> None:
        self.aws.add_cluster("blue", *blue)
        self.aws.add_cluster("green", *green)

    @rule(wanted=properties(), fault=FAULTS, fails_later=SELDOM, function_last=SELDOM)
    def deploy(
        self, wanted: dict[str, Any], fault: tuple[int, Fault] | None, fails_later: bool, function_last: bool
    ) -> None:
        """A deployment that may fail here, or succeed here and fail elsewhere in the stack."""
        self.aws.stack_status = "UPDATE_IN_PROGRESS"
        self.lambda_.template_asks(wanted)
        old, id = self.deployed, self.id
        response = self.send("Create" if old is None else "Update", None if old is None else id, wanted, old, fault)
        if response["Status"] == "SUCCESS":
            self.check_that_it_is_done(wanted)
        if response["Status"] == "FAILED" or fails_later:
            if self.deployed is not None and not function_last:
                self.lambda_.template_asks(self.deployed)
            self.roll_back(response, wanted)
        else:
            if old is not None and response["PhysicalResourceId"] != id:
                self.send("Delete", id, old)
            self.deployed, self.id = wanted, response["PhysicalResourceId"]
        self.aws.stack_status = "UPDATE_COMPLETE"

    @rule(wanted=properties(), kind=st.sampled_from(["Create", "Update"]), old=properties())
    def somebody_forges_an_event(self, wanted: dict[str, Any], kind: str, old: dict[str, Any]) -> None:
        before = self.state()
        assert self.send(kind, self.id, wanted, old)["Status"] == "FAILED"
        assert self.state() == before

    def state(self) -> Any:
        self.aws.sleep(0)
        clusters = {name: (sorted(one.on), len(one.updates)) for name, one in self.aws.clusters.items()}
        return clusters, repr(sorted(self.aws.log_groups.items()))

    def roll_back(self, response: dict[str, Any], wanted: dict[str, Any]) -> None:
        made = response["PhysicalResourceId"]
        if self.deployed is None:
            assert self.send("Delete", made, wanted)["Status"] == "SUCCESS"
            return
        self.aws.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
        back = self.send("Update", made, self.deployed, wanted)
        assert back["Status"] == "SUCCESS", "the stack is stuck"
        if back["PhysicalResourceId"] != made:
            self.send("Delete", made, wanted)
        self.id = back["PhysicalResourceId"]

    @precondition(lambda self: self.deployed is not None)
    @rule(fault=FAULTS)
    def remove(self, fault: tuple[int, Fault] | None) -> None:
        assert self.deployed is not None
        assert self.send("Delete", self.id, self.deployed, fault=fault)["Status"] == "SUCCESS"
        self.deployed = None

    @rule(name=NAMES, on=TYPES, status=st.sampled_from(["ACTIVE", "ACTIVE", "CREATING", "DELETING", "gone"]))
    def somebody_makes_or_deletes_a_cluster(self, name: str, on: frozenset[str], status: str) -> None:
        if status == "gone":
            self.aws.clusters.pop(name, None)
        else:
            self.aws.add_cluster(name, *on, status=status)

    @rule(name=NAMES, types=TYPES, enabled=st.booleans(), takes=st.sampled_from([0, 30, 300]))
    def somebody_changes_logging(self, name: str, types: frozenset[str], enabled: bool, takes: float) -> None:
        cluster = self.aws.clusters.get(name)
        if cluster is not None and not any(one.status == "InProgress" for one in cluster.updates.values()):
            self.aws.run_update(cluster, takes, [{"types": sorted(types), "enabled": enabled}])

    @rule(name=NAMES)
    def somebody_deletes_the_log_group(self, name: str) -> None:
        self.aws.log_groups.pop(f"/aws/eks/{name}/cluster", None)

    @rule(takes=st.sampled_from([0, 90, 90, 1200]), end=st.sampled_from(["Successful", "Successful", "Failed"]))
    def eks_changes_its_pace(self, takes: float, end: str) -> None:
        self.aws.update_takes, self.aws.update_ends_as = takes, end

    @rule(seconds=st.sampled_from([60, 3600]))
    def time_passes(self, seconds: float) -> None:
        self.aws.sleep(seconds)
        for cluster in self.aws.clusters.values():
            cluster.status = "ACTIVE" if cluster.status == "CREATING" else cluster.status

    @invariant()
    def nothing_is_called_that_is_none_of_its_business(self) -> None:
        assert set(self.aws.calls) <= ALLOWED

    def send(
        self,
        kind: str,
        id: str | None,
        wanted: dict[str, Any],
        old: dict[str, Any] | None = None,
        fault: tuple[int, Fault] | None = None,
    ) -> dict[str, Any]:
        """One request; `invoke` holds that it is answered once, in time."""
        aws, begun = self.aws, len(self.aws.calls)
        aws.fault = lambda number, call: fault[1] if fault is not None and number - begun == fault[0] else None
        updates = {id for cluster in aws.clusters.values() for id in cluster.updates}
        groups = set(aws.log_groups)
        event = self.lambda_.event(
            kind, id, ResourceProperties=wanted, **({} if old is None else {"OldResourceProperties": old})
        )
        response = self.lambda_.invoke(event)

        assert groups <= set(aws.log_groups), "a log group was deleted"
        for cluster in aws.clusters.values():
            for update in cluster.updates.values():
                if update.id not in updates:
                    assert kind != "Delete"
                    assert cluster.name == wanted["ClusterName"], "another cluster was changed"
                    off = {name for entry in update.logging if not entry["enabled"] for name in entry["types"]}
                    assert off <= set(wanted["SwitchOff"]), "a log type was switched off unasked"
        return response

    def check_that_it_is_done(self, wanted: dict[str, Any]) -> None:
        if wanted["LogTypes"] or wanted["SwitchOff"]:
            on = self.aws.clusters[wanted["ClusterName"]].on
            assert set(wanted["LogTypes"]) <= on
            assert not on & set(wanted["SwitchOff"])
        group = self.aws.log_groups[f"/aws/eks/{wanted['ClusterName']}/cluster"]
        assert "KeepRetention" in wanted or group.retention == (int(wanted["RetentionInDays"]) or None)
        assert not wanted.get("DeletionProtection") or group.protected
        assert group.indexes or "FieldIndexes" not in wanted
        assert group.tags == {**group.tags, **wanted.get("Tags", {})}
        assert "KmsKeyId" not in wanted or group.key == wanted["KmsKeyId"]


def test_any_sequence(lambda_: Lambda) -> None:
    on_this_lambda = type("Stack", (Stack,), {"lambda_": lambda_})
    run_state_machine_as_test(
        on_this_lambda,
        settings=settings(
            max_examples=examples(15), stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
