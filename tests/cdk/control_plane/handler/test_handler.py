"""What the custom resource does to a cluster and its log group, against a service that behaves as EKS does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cdk.control_plane.handler.deployed import LIFETIME, Lambda
from tests.cdk.control_plane.handler.fake_aws import ACCOUNT, LOG_TYPES, REGION, FakeAws, Fault, LogGroup

GROUP = "/aws/eks/prod/cluster"
ALL: dict[str, Any] = {"ClusterName": "prod", "LogTypes": list(LOG_TYPES), "RetentionInDays": "365"}


def test_all_log_types_are_switched_on_and_waited_for(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    response = lambda_.create(**ALL)
    assert response["Status"] == "SUCCESS"
    assert response["PhysicalResourceId"] == GROUP
    assert response["Data"] == {
        "LogGroupName": GROUP,
        "LogGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{GROUP}",
    }
    assert cluster.on == set(LOG_TYPES)
    assert aws.now > aws.update_takes
    assert aws.calls[-1] == "Respond"


def test_the_log_group_is_there_with_its_retention_before_eks_looks_for_it(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")
    lambda_.create(**ALL)
    calls = aws.calls
    assert calls.index("CreateLogGroup") < calls.index("PutRetentionPolicy") < calls.index("UpdateClusterConfig")
    assert aws.log_groups[GROUP] == LogGroup(retention=365, made_by="the handler")


def test_only_types_that_are_off_are_sent(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod", "api", "scheduler")
    lambda_.create(ClusterName="prod", LogTypes=["audit", "api"])
    [update] = cluster.updates.values()
    assert update.logging == [{"types": ["audit"], "enabled": True}]
    assert cluster.on == {"api", "audit", "scheduler"}


def test_a_cluster_that_logs_already_is_not_touched(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod", *LOG_TYPES)
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert "UpdateClusterConfig" not in aws.calls


def test_a_shorter_list_switches_nothing_off(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    lambda_.create(**ALL)
    assert lambda_.update(GROUP, ALL, {**ALL, "LogTypes": ["audit"]})["Status"] == "SUCCESS"
    assert cluster.on == set(LOG_TYPES)


def test_what_is_named_is_switched_off_in_the_same_update(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod", "api", "scheduler", "authenticator")
    lambda_.create(ClusterName="prod", LogTypes=["audit"], SwitchOff=["scheduler", "controllerManager"])
    [update] = cluster.updates.values()
    assert update.logging == [{"types": ["audit"], "enabled": True}, {"types": ["scheduler"], "enabled": False}]
    assert cluster.on == {"api", "audit", "authenticator"}


def test_without_log_types_the_cluster_is_not_even_read(lambda_: Lambda, aws: FakeAws) -> None:
    assert lambda_.create(ClusterName="prod", RetentionInDays="30")["Status"] == "SUCCESS"
    assert aws.calls == ["DescribeStacks", "CreateLogGroup", "PutRetentionPolicy", "Respond"]


# The log group


def test_a_group_that_is_there_is_adopted_with_all_settings(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod", "api")
    aws.log_groups[GROUP].tags["theirs"] = "kept"
    lambda_.create(**ALL, KmsKeyId="arn:key", Tags={"team": "security"})
    assert aws.log_groups[GROUP] == LogGroup(
        retention=365, key="arn:key", tags={"theirs": "kept", "team": "security"}, made_by="EKS"
    )


def test_a_group_that_is_made_has_all_settings(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")
    lambda_.create(**ALL, KmsKeyId="arn:key", Tags={"team": "security"}, LogGroupClass="INFREQUENT_ACCESS")
    assert aws.log_groups[GROUP] == LogGroup(
        retention=365,
        key="arn:key",
        tags={"team": "security"},
        log_group_class="INFREQUENT_ACCESS",
        made_by="the handler",
    )


@pytest.mark.parametrize(("there", "expected"), [(True, 3653), (False, 365)])
def test_the_retention_of_a_group_that_is_there_can_be_kept(
    lambda_: Lambda, aws: FakeAws, there: bool, expected: int
) -> None:
    aws.add_cluster("prod")
    if there:
        aws.log_groups[GROUP] = LogGroup(retention=3653)
    lambda_.create(**ALL, KeepRetention="true")
    assert aws.log_groups[GROUP].retention == expected


@pytest.mark.parametrize(("days", "expected"), [("0", None), (None, 90), ("30", 30)])
def test_retention_can_be_taken_back_changed_or_left(
    lambda_: Lambda, aws: FakeAws, days: str | None, expected: int | None
) -> None:
    aws.add_cluster("prod", *LOG_TYPES)
    aws.log_groups[GROUP].retention = 90
    properties = {"ClusterName": "prod", "LogTypes": ["audit"], **({} if days is None else {"RetentionInDays": days})}
    lambda_.update(GROUP, {**properties, "RetentionInDays": "90"}, properties)
    assert aws.log_groups[GROUP].retention == expected


@pytest.mark.parametrize("may", [True, False])
def test_a_key_taken_out_of_the_code_is_taken_off_if_the_role_may(lambda_: Lambda, aws: FakeAws, may: bool) -> None:
    aws.add_cluster("prod")
    old = {**ALL, "KmsKeyId": "arn:key"}
    lambda_.create(**old)
    if not may:
        aws.role = [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "logs:DisassociateKmsKey", "Resource": "*"},
        ]
    response = lambda_.update(GROUP, old, ALL)
    if may:
        assert response["Status"] == "SUCCESS"
        assert aws.log_groups[GROUP].key is None
    else:
        assert failure(response).endswith("unless remove_encryption_key=True lets the function take it off.")
        assert aws.log_groups[GROUP].key == "arn:key"


def test_tags_taken_out_of_the_code_are_taken_off(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod", "api")
    aws.log_groups[GROUP].tags["theirs"] = "kept"
    old = {**ALL, "Tags": {"team": "security", "cost": "1", "stage": "a"}}
    lambda_.create(**old)
    assert lambda_.update(GROUP, old, {**ALL, "Tags": {"team": "audit", "new": "2"}})["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].tags == {"theirs": "kept", "team": "audit", "new": "2"}
    assert lambda_.update(GROUP, {**ALL, "Tags": {"team": "audit", "new": "2"}}, ALL)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].tags == {"theirs": "kept"}


def test_tags_of_another_cluster_are_not_taken_off(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod", "api")
    aws.log_groups[GROUP].tags["team"] = "theirs"
    lambda_.update(GROUP, {**ALL, "ClusterName": "other", "Tags": {"team": "ours"}}, ALL)
    assert aws.log_groups[GROUP].tags == {"team": "theirs"}


@pytest.mark.parametrize("there", [True, False])
def test_protection_and_indexes_are_set_if_asked(lambda_: Lambda, aws: FakeAws, there: bool) -> None:
    aws.add_cluster("prod", *(["api"] if there else []))
    lambda_.create(**ALL)
    assert (aws.log_groups[GROUP].protected, aws.log_groups[GROUP].indexes) == (False, [])
    asked = {**ALL, "DeletionProtection": "true", "FieldIndexes": ["verb", "user.username"]}
    assert lambda_.update(GROUP, ALL, asked)["Status"] == "SUCCESS"
    assert (aws.log_groups[GROUP].protected, aws.log_groups[GROUP].indexes) == (True, ["verb", "user.username"])
    assert lambda_.update(GROUP, asked, ALL)["Status"] == "SUCCESS"
    assert (aws.log_groups[GROUP].protected, aws.log_groups[GROUP].indexes) == (True, ["verb", "user.username"])


# A log group that is there, and still new


KEEP = {**ALL, "KeepRetention": "true"}


@pytest.mark.parametrize(
    ("age", "retention", "expected"), [(60, None, 365), (23 * 3600, None, 365), (25 * 3600, None, None), (60, 30, 30)]
)
def test_a_log_group_of_today_without_retention_is_a_new_one(
    lambda_: Lambda, aws: FakeAws, age: float, retention: int | None, expected: int | None
) -> None:
    aws.add_cluster("prod", *LOG_TYPES)
    aws.log_groups[GROUP] = LogGroup(retention=retention, made_at=aws.now - age)
    aws.log_groups[f"{GROUP}2"] = LogGroup(made_at=aws.now)
    assert lambda_.create(**KEEP)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].retention == expected


def test_a_log_group_that_eks_makes_first_gets_its_retention(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")

    def make_first(call: str) -> None:
        if call == "CreateLogGroup":
            aws.log_groups.setdefault(GROUP, LogGroup(made_at=aws.now))

    aws.before = make_first
    assert lambda_.create(**KEEP)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP] == LogGroup(retention=365, made_by="EKS")


def test_a_log_group_whose_retention_failed_gets_it_from_the_next_deployment(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")
    aws.fault = lambda number, call: Fault.DENIED if call == "PutRetentionPolicy" else None
    response = lambda_.create(**KEEP)
    assert "PutRetentionPolicy" in failure(response)
    aws.fault = lambda number, call: None
    lambda_.delete(response["PhysicalResourceId"], **KEEP)
    assert lambda_.create(**KEEP)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].retention == 365


@pytest.mark.parametrize("there", [True, False])
def test_a_key_that_is_not_usable_yet_is_waited_for(lambda_: Lambda, aws: FakeAws, there: bool) -> None:
    aws.add_cluster("prod", *(["api"] if there else []))
    aws.key_usable_at = 40
    assert lambda_.create(**ALL, KmsKeyId="arn:key")["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].key == "arn:key"
    aws.reset()
    aws.add_cluster("prod")
    aws.key_usable_at = 1e9
    assert "KMS key does not exist" in failure(lambda_.create(**ALL, KmsKeyId="arn:key"))
    assert aws.now < 120


def test_a_key_that_somebody_else_set_stays(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod", "api")
    aws.log_groups[GROUP].key = "arn:theirs"
    lambda_.update(GROUP, {**ALL, "ClusterName": "other", "KmsKeyId": "arn:key"}, ALL)
    assert aws.log_groups[GROUP].key == "arn:theirs"


def test_a_group_deleted_in_between_is_made_again(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")
    deletions = iter([GROUP])

    def delete_once(call: str) -> None:
        if call == "PutRetentionPolicy":
            aws.log_groups.pop(next(deletions, ""), None)

    aws.before = delete_once
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].retention == 365


# Other people's updates


def test_another_update_is_waited_for(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    aws.run_update(cluster, takes=600)
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert cluster.on == set(LOG_TYPES)
    assert aws.now > 600 + aws.update_takes


def test_what_another_update_switched_on_is_not_sent_again(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    aws.run_update(cluster, takes=100, logging=[{"types": ["api", "audit"], "enabled": True}])
    lambda_.create(ClusterName="prod", LogTypes=["audit", "scheduler"])
    assert [update.logging for update in cluster.updates.values()][1:] == [[{"types": ["scheduler"], "enabled": True}]]


def test_a_type_switched_off_in_between_is_switched_on_again(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod", "audit")

    def drift(call: str) -> None:
        if len(cluster.updates) == 1:
            cluster.on.discard("audit")

    aws.before = drift
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert cluster.on == set(LOG_TYPES)
    assert len(cluster.updates) == 2


def test_no_changes_needed_means_done(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")

    def overtake(call: str) -> None:
        if call == "UpdateClusterConfig":
            cluster.on.add("audit")

    aws.before = overtake
    assert lambda_.create(ClusterName="prod", LogTypes=["audit"])["Status"] == "SUCCESS"
    assert not cluster.updates


def test_a_cluster_that_is_being_created_is_waited_for(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod", status="CREATING")

    def become_active(call: str) -> None:
        if aws.now > 300:
            cluster.status = "ACTIVE"

    aws.before = become_active
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert cluster.on == set(LOG_TYPES)


# Refusals


def failure(response: dict[str, Any]) -> str:
    assert response["Status"] == "FAILED"
    return str(response["Reason"])


def test_a_cluster_that_does_not_exist(lambda_: Lambda, aws: FakeAws) -> None:
    reason = failure(lambda_.create(**ALL))
    assert reason.startswith(f"No cluster prod in region {REGION} of account {ACCOUNT}.")
    assert reason.endswith(f"aws eks list-clusters --region {REGION}")
    assert not aws.log_groups


@pytest.mark.parametrize("status", ["DELETING", "FAILED"])
def test_a_cluster_that_cannot_be_changed(lambda_: Lambda, aws: FakeAws, status: str) -> None:
    aws.add_cluster("prod", status=status)
    assert failure(lambda_.create(**ALL)) == f"Cluster prod is {status}: its logging cannot be changed."
    assert aws.now < 5


def test_a_cluster_deleted_in_between(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")

    def delete(call: str) -> None:
        if call == "DescribeUpdate":
            aws.clusters.clear()

    aws.before = delete
    assert failure(lambda_.create(**ALL)).startswith("No cluster prod")


@pytest.mark.parametrize("end", ["Failed", "Cancelled"])
def test_an_update_that_does_not_end_well(lambda_: Lambda, aws: FakeAws, end: str) -> None:
    aws.add_cluster("prod")
    aws.update_ends_as = end
    reason = failure(lambda_.create(**ALL))
    assert f"as {end}." in reason
    assert ("AccessDenied: EKS may not write" in reason) is (end == "Failed")


def test_updates_that_change_nothing_are_not_repeated_for_ever(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    aws.update_forgets = True
    assert failure(lambda_.create(**ALL)).startswith("Out of time")
    assert 1 < len(cluster.updates) < 10


@pytest.mark.parametrize("other", [True, False])
def test_an_update_longer_than_a_lambda_lives(lambda_: Lambda, aws: FakeAws, other: bool) -> None:
    cluster = aws.add_cluster("prod")
    aws.update_takes = 3600
    if other:
        aws.run_update(cluster, takes=3600)
    reason = failure(lambda_.create(**ALL))
    assert reason.startswith("Out of time (Lambda's limit is 15 minutes): ")
    assert reason.endswith("Deploy again when `aws eks describe-cluster --name prod` shows ACTIVE.")
    assert LIFETIME - lambda_.code.RESERVED - 20 < aws.now < LIFETIME


def test_deploying_again_after_a_long_update_finds_it_done(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod")
    aws.update_takes = 1200
    failure(lambda_.create(**ALL))
    assert lambda_.delete(GROUP, **ALL)["Status"] == "SUCCESS"
    aws.sleep(600)
    assert lambda_.create(**ALL)["Status"] == "SUCCESS"
    assert len(cluster.updates) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        {"RetentionInDays": "soon"},
        {"RetentionInDays": ["1"]},
        {"LogTypes": [{}]},
        {"ClusterName": ["prod"]},
        {"Tags": 1},
    ],
)
def test_properties_that_make_no_sense_fail_the_resource(lambda_: Lambda, aws: FakeAws, nonsense: Any) -> None:
    aws.add_cluster("prod")
    lambda_.template_asks(ALL)
    assert failure(lambda_.invoke(lambda_.event("Create", None, ResourceProperties={**ALL, **nonsense})))


def test_a_reason_is_cut_to_what_cloudformation_takes(lambda_: Lambda, aws: FakeAws) -> None:
    aws.add_cluster("prod")
    aws.complaint = "\N{LATIN SMALL LETTER E WITH ACUTE}\N{PARTY POPPER}" * 2000
    aws.update_ends_as = "Failed"
    reason = failure(lambda_.create(**ALL))
    assert reason.startswith("EKS update ")
    assert 4000 < aws.lengths[-1] <= 4096
    aws.complaint = "No."
    assert failure(lambda_.create(**ALL)).endswith("as Failed. AccessDenied: No.")


@pytest.mark.parametrize("without", ["RequestType", "ResourceProperties"])
def test_an_event_with_a_hole_is_answered(lambda_: Lambda, without: str) -> None:
    event = lambda_.event("Create", None, ResourceProperties=ALL)
    del event[without]
    response = lambda_.invoke(event)
    assert response["Status"] == "FAILED"
    assert response["PhysicalResourceId"]


# Renaming, deleting, rolling back


def test_another_cluster_is_another_resource_and_the_old_one_is_left_alone(lambda_: Lambda, aws: FakeAws) -> None:
    old = aws.add_cluster("prod", "audit")
    new = aws.add_cluster("blue")
    response = lambda_.update(GROUP, ALL, {**ALL, "ClusterName": "blue"})
    assert response["PhysicalResourceId"] == "/aws/eks/blue/cluster"
    assert new.on == set(LOG_TYPES)
    assert lambda_.delete(GROUP, **ALL)["Status"] == "SUCCESS"
    assert old.on == {"audit"}
    assert aws.log_groups[GROUP] == LogGroup()


@pytest.mark.parametrize("physical_id", [GROUP, "2026/01/01/[$LATEST]1", "made-up-by-CloudFormation"])
def test_delete_calls_nothing_and_keeps_the_name(lambda_: Lambda, aws: FakeAws, physical_id: str) -> None:
    response = lambda_.delete(physical_id, LogTypes=["nonsense"])
    assert response["Status"] == "SUCCESS"
    assert response["PhysicalResourceId"] == physical_id
    assert aws.calls == ["Respond"]


def test_a_failed_update_keeps_the_name(lambda_: Lambda, aws: FakeAws) -> None:
    response = lambda_.update(GROUP, ALL, {**ALL, "ClusterName": "gone"})
    assert failure(response).startswith("No cluster gone")
    assert response["PhysicalResourceId"] == GROUP


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"])
def test_a_roll_back_succeeds_even_where_the_cluster_has_gone(lambda_: Lambda, aws: FakeAws, status: str) -> None:
    aws.stack_status = status
    response = lambda_.update(GROUP, {**ALL, "LogTypes": ["audit"]}, ALL)
    assert (response["Status"] == "SUCCESS") is (status == "UPDATE_ROLLBACK_IN_PROGRESS")
    assert response["PhysicalResourceId"] == GROUP
    assert response["Reason"].startswith("No cluster prod")
    assert response["Data"]["LogGroupName"] == GROUP


def test_a_roll_back_restores_what_can_be(lambda_: Lambda, aws: FakeAws) -> None:
    cluster = aws.add_cluster("prod", "audit")
    lambda_.create(**ALL)
    longer = {**ALL, "LogTypes": ["audit"], "RetentionInDays": "731"}
    lambda_.update(GROUP, ALL, longer)
    aws.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
    assert lambda_.update(GROUP, longer, ALL)["Status"] == "SUCCESS"
    assert aws.log_groups[GROUP].retention == 365
    assert cluster.on == set(LOG_TYPES)


# What nobody should read


def test_nothing_secret_is_in_its_log(lambda_: Lambda, aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.add_cluster("prod")
    lambda_.create(**ALL)
    lambda_.create(**{**ALL, "ClusterName": "gone"})
    lambda_.invoke({**lambda_.event("Create", None), "ResourceProperties": {"ClusterName": "prod"}})
    log = capsys.readouterr().out
    assert "No cluster gone" in log
    assert "Signature" not in log
    assert "ResponseURL" not in log


def test_a_response_that_cannot_be_sent_is_no_secret_either(
    lambda_: Lambda, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESPONSE_URLS", "http://127.0.0.1:1/")
    event = {**lambda_.event("Delete", GROUP), "ResponseURL": "http://127.0.0.1:1/response?X-Amz-Signature=s"}
    with pytest.raises(RuntimeError, match="did not accept the response") as raised:
        lambda_.run(event)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "Signature" not in capsys.readouterr().out
