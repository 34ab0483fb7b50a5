"""Whose log a log is: one group, the envelope, the user, or each EKS group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay import Replay, replay, replayed
from eks_audit_constructs.replay.log_group import read_as
from eks_audit_constructs.replay.report import as_json
from eks_audit_constructs.templates.template import read_template
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


@pytest.mark.parametrize("name", [B, f"arn:aws:logs:eu-west-1:111122223333:log-group:{B}:*"])
def test_the_envelope_decides(tmp_path: Path, name: str) -> None:
    with replayed(template(tmp_path, A, B), [log(tmp_path)], log_group=name) as (result, _):
        assert evaluated(result) == [B]


def test_an_envelope_that_fits_nothing_is_said(tmp_path: Path) -> None:
    read = read_template(template(tmp_path, A))
    assert (
        read_as(read, known=[B]).note
        == f"the log is that of {B}, and read as that of {A}, which all metric filters read"
    )

    several = read_template(template(tmp_path, A, SHOP))
    assert read_as(several, known=[B]).groups == ()
    assert "which no metric filter reads" in (read_as(several, known=[B]).note or "")
    assert "replay one at a time" in (read_as(several, known=[A, SHOP]).note or "")


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
