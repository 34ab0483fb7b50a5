"""Whose log a log is: one group, the envelope, the user, or each EKS group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eks_audit_constructs.audit_logs.logs import Fetched
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay import Replay, replay, replayed
from eks_audit_constructs.replay.html import write
from eks_audit_constructs.replay.log_group import read_as
from eks_audit_constructs.replay.matches import matches
from eks_audit_constructs.replay.report import as_json
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.subjects import of_template
from tests.depth import examples
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

GET = '{ $.verb = "get" }'
A, B, SHOP = "/aws/eks/a/cluster", "/aws/eks/b/cluster", "/ecs/shop"


def template(folder: Path, *groups: Any) -> Path:
    return write_template(
        folder, **{f"F{place}": metric_filter(GET, group=group) for place, group in enumerate(groups)}
    )


def log(folder: Path) -> Path:
    return write_log(folder, *[event("06:00:00", verb="get")] * 2)


def evaluated(result: Replay) -> list[str]:
    return [item.filter.log_group for item in result.filters if not item.error]


@pytest.mark.parametrize(
    ("groups", "found", "note"),
    [
        ((A, A), [A, A], None),
        ((SHOP,), [SHOP], "read as the log of /ecs/shop, which all metric filters read"),
        (({"Ref": "AWS::StackName"},), ["${AWS::StackName}"], None),
        ((A, SHOP), [A], "read as the log of /aws/eks/a/cluster, the only EKS log group that metric filters read"),
        ((A, B, SHOP), [A, B], "nothing says which log group this is"),
        ((SHOP, "/other"), [], None),
        (({"Fn::Sub": "/aws/eks/${AWS::StackName}/cluster"}, SHOP), ["/aws/eks/${AWS::StackName}/cluster"], "read as"),
    ],
)
def test_without_a_word(tmp_path: Path, groups: tuple[Any, ...], found: list[str], note: str | None) -> None:
    result = replay(template(tmp_path, *groups), [log(tmp_path)])

    assert evaluated(result) == found
    assert [note for note in result.notes if note] == [] if note is None else note in result.notes[0]


def test_a_group_that_is_not_known_is_needed(tmp_path: Path) -> None:
    result = replay(template(tmp_path, A, {"Ref": "AWS::StackName"}), [log(tmp_path)])

    assert [item.error for item in result.filters if item.error] == [
        "its log group needs AWS::StackName, which has no value here"
    ]


def test_the_user_decides(tmp_path: Path) -> None:
    path = template(tmp_path, A, B, SHOP)

    result = replay(path, [log(tmp_path)], assume_log_group=SHOP)

    assert evaluated(result) == [SHOP]
    assert result.filters[0].error == "it reads /aws/eks/a/cluster, and the log is that of /ecs/shop"
    assert json.loads(as_json(result))["log_groups"] == [SHOP]
    with pytest.raises(AuditConfigurationError, match=r"no metric filter of template\.json reads this group"):
        replay(path, [log(tmp_path)], assume_log_group="/aws/eks/c/cluster")


@pytest.mark.parametrize("name", [B, f"111122223333:{B}", f"arn:aws:logs:eu-west-1:111122223333:log-group:{B}:*"])
def test_the_envelope_decides(tmp_path: Path, name: str) -> None:
    result = replay(template(tmp_path, A, B), [Fetched(log(tmp_path), name)])

    assert evaluated(result) == [B]
    assert result.filters[0].error == f"it reads {A}, and the log is that of {B}"
    assert result.notes == ()


@pytest.mark.parametrize("key", ["aws/eks/b/cluster/1f2e/kube-apiserver-audit-1", "eks/b/cluster", "aws/eks/b/c"])
def test_a_path_may_tell(tmp_path: Path, key: str) -> None:
    (tmp_path / key).mkdir(parents=True)

    assert evaluated(replay(template(tmp_path, A, B), [log(tmp_path / key)])) == ([B] if "1f2e" in key else [A, B])


@pytest.mark.parametrize(
    ("groups", "names", "assumed", "reads", "note"),
    [
        ((A,), {B}, None, {A: {B}}, f"the log is that of {B}, and read as that of {A}, which all metric filters read"),
        ((A,), {A, B}, None, {A: {A}}, f"left out: the log of {B}, which no metric filter reads"),
        ((A,), {A, None}, None, {A: {A, None}}, None),
        ((A, B), {A, B}, None, {A: {A}, B: {B}}, None),
        ((A, B), {A}, None, {A: {A}}, None),
        (
            (A, B),
            {A, None},
            None,
            {A: {A, None}, B: {None}},
            "some of the logs do not tell their log group: read as if",
        ),
        ((A, B), {A, None}, B, {A: {A}, B: {None}}, None),
        ((A, B), {A, "/c"}, B, {A: {A}, B: {"/c"}}, None),
        ((A, B), {A, B}, B, {A: {A}, B: {B}}, "every log tells its log group, so --assume-log-group changes nothing"),
        ((A, B), {A, "/c"}, None, {A: {A}}, "left out: the log of /c, which no metric filter reads"),
        ((A, SHOP), {B}, None, {}, f"the log is that of {B}, which no metric filter reads; --assume-log-group says"),
        ((A, SHOP), {SHOP}, None, {SHOP: {SHOP}}, None),
        (
            (A, SHOP),
            {SHOP, None},
            None,
            {A: {None}, SHOP: {SHOP}},
            "some of the logs do not tell their log group: read",
        ),
        ((SHOP, "/d"), {SHOP, None}, None, {SHOP: {SHOP}}, "left out, since no metric filter reads an EKS log group"),
    ],
)
def test_what_each_group_reads(
    tmp_path: Path,
    groups: tuple[str, ...],
    names: set[str | None],
    assumed: str | None,
    reads: dict[str, set[str | None]],
    note: str | None,
) -> None:
    reading = read_as(read_template(template(tmp_path, *groups)), assumed=assumed, names=names)

    assert {group.name: names for group, names in reading.groups.items()} == reads
    assert {group.name for group in reading.left_out} == {*groups} - reads.keys()
    assert [note in said for said in reading.notes] == [True] if note else reading.notes == ()


class TestTwoClustersInOneTemplate:
    """Each cluster's filter and alarm see its own events only."""

    @pytest.fixture
    def fleet(self, tmp_path: Path) -> Path:
        def cluster(name: str, group: str) -> dict[str, Any]:
            return {
                f"Filter{name}": metric_filter(GET, group=group, MetricName=name, DefaultValue=0),
                f"Alarm{name}": alarm(MetricName=name, TreatMissingData="breaching"),
            }

        return write_template(tmp_path, **cluster("A", A), **cluster("B", B))

    @staticmethod
    def two_logs(folder: Path) -> tuple[Path, Path]:
        """The busy cluster's, and the calm one's, which begins later. Neither has a minute without events."""

        def quiet(hour: int) -> list[str]:
            return [event(f"06:{hour + minute}:00", verb="list") for minute in range(10)]

        busy = write_log(folder, *[event("06:10:00", verb="get")] * 3, *quiet(10), name="a.jsonl")
        calm = write_log(folder, event("06:20:00", verb="get"), *quiet(20), name="b.jsonl")
        return busy, calm

    def test_each_log_is_its_own_groups(self, fleet: Path, tmp_path: Path) -> None:
        busy, calm = self.two_logs(tmp_path)

        with replayed(fleet, [Fetched(busy, A), Fetched(calm, B)]) as (result, found):
            shown = matches(result.template.conditions(), found, read_by=result.planned.read_by)
            write(result, found, tmp_path / "page.html")

        assert [item.matched for item in result.filters] == [3, 1]
        assert [item.total for item in shown.values()] == [3, 1]
        first, second = result.alarms
        assert first.alarmed
        assert not second.alarmed, "neither another cluster's events, nor the time before its own log begins"
        assert result.counted.events == 24
        assert result.notes == ()
        assert [min(result.counts_of(item.alarm).lines) for item in result.alarms] == [1795414200, 1795414800]

    def test_the_same_as_each_log_alone(self, fleet: Path, tmp_path: Path) -> None:
        logs = [Fetched(log, group) for log, group in zip(self.two_logs(tmp_path), (A, B), strict=True)]
        together = replay(fleet, logs)

        for place, log in enumerate(logs):
            alone = replay(fleet, [log])
            assert alone.alarms[place].transitions == together.alarms[place].transitions
            assert alone.filters[place].matched == together.filters[place].matched

    @settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(st.sampled_from([A, B, "/c", None]), st.integers(0, 3)), min_size=1, max_size=5))
    def test_each_filter_counts_what_is_read_as_its_own(
        self, fleet: Path, tmp_path: Path, logs: list[tuple[str | None, int]]
    ) -> None:
        """The plain twin: the filters over each log alone, added up."""
        lines = [[event("06:00:00", verb="get")] * number + [event("06:01:00", verb="list")] for _, number in logs]
        paths = [write_log(tmp_path, *some, name=f"{place}.jsonl") for place, some in enumerate(lines)]

        with replayed(fleet, [Fetched(path, name) for path, (name, _) in zip(paths, logs, strict=True)]) as (
            both,
            found,
        ):
            shown = matches(both.template.conditions(), found, read_by=both.planned.read_by)

        for item, group in zip(both.filters, (A, B), strict=True):
            expected = sum(number for name, number in logs if name in (group, None))
            assert item.matched == expected
            assert shown[item.filter.key].total == expected
        assert both.counted.events == sum(map(len, lines))

    def test_a_log_that_does_not_tell_is_said(self, fleet: Path, tmp_path: Path) -> None:
        busy, calm = self.two_logs(tmp_path)

        result = replay(fleet, [Fetched(busy, A), calm])

        assert [item.matched for item in result.filters] == [4, 1]
        assert result.notes == (
            "some of the logs do not tell their log group: "
            f"read as if it were that of each of {A}, {B} (--assume-log-group names one)",
        )
        told = replay(fleet, [Fetched(busy, A), calm], assume_log_group=B)
        assert [item.matched for item in told.filters] == [3, 1]
        assert told.notes == ()

    def test_one_file_may_mix_them(self, fleet: Path, tmp_path: Path) -> None:
        """As Firehose objects do: the records' own groups decide."""
        records = [
            {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": group, "logStream": "kube-apiserver-audit-1"}
            | {"logEvents": [{"id": "1", "timestamp": 1795413600000, "message": event("06:00:00", verb="get")}] * times}
            for group, times in ((A, 3), (B, 1), (A, 2))
        ]
        log = write_log(tmp_path, "".join(map(json.dumps, records)))

        result = replay(fleet, [log])

        assert [item.matched for item in result.filters] == [5, 1]
        assert [item.alarmed for item in result.alarms] == [True, False]

    def test_tuning_reads_the_same(self, fleet: Path, tmp_path: Path) -> None:
        busy, calm = self.two_logs(tmp_path)

        tuned = tune(of_template(read_template(fleet)), [Fetched(busy, A), Fetched(calm, B)])
        assert [advice.events for advice in tuned.advice] == [3, 1]
        assert tuned.notes == ()

        tuned = tune(of_template(read_template(fleet)), [Fetched(calm, B)])
        assert [advice.events for advice in tuned.advice] == [1]
        assert f"it reads {A}, and the log is that of {B}" in tuned.untried["AlarmA"]


def test_our_own_fleet(tmp_path: Path) -> None:
    from aws_cdk import App, Stack
    from aws_cdk.assertions import Template

    from eks_audit_constructs import EksAudit, recordings

    stack = Stack(App(), "Fleet")
    for name in "ab":
        EksAudit(stack, name, cluster=name)
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(Template.from_stack(stack).to_json()))
    attack, day = (recordings.FOLDER / f"{name}.jsonl.gz" for name in ("cluster_admin_binding", "benign_day"))

    result = replay(path, [Fetched(attack, A), Fetched(day, B)])

    by_group = {group: replay(path, [Fetched(log, group)]) for group, log in ((A, attack), (B, day))}
    for item in result.alarms:
        group = result.planned.alarms[item.alarm.key].group
        assert group is not None
        [own] = [one for one in by_group[group.name].alarms if one.alarm.key == item.alarm.key]
        assert item.transitions == own.transitions
    alarmed = [item.alarm.alarm_name for item in result.alarms if item.alarmed]
    assert [name for name in alarmed if "cluster-admin-binding" in name] == ["eks-audit/a/cluster-admin-binding"]


def test_a_metric_of_two_groups_is_not_guessed(tmp_path: Path) -> None:
    path = template(tmp_path, A, B)
    document = json.loads(path.read_text())
    document["Resources"]["Alarm"] = alarm()
    path.write_text(json.dumps(document))

    assert "written from several log groups" in (replay(path, [log(tmp_path)]).alarms[0].error or "")
    assert replay(path, [log(tmp_path)], assume_log_group=A).alarms[0].error


def test_many_files_are_one_clusters_log(tmp_path: Path) -> None:
    logs = [write_log(tmp_path, event("06:00:00", verb="get"), name=f"{number}.jsonl") for number in range(3)]

    assert replay(template(tmp_path, A), logs).notes == ("3 files, read as one cluster's log",)
