"""Logs in S3 are fetched once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from eks_audit_constructs.audit_logs.logs import Fetched
from eks_audit_constructs.audit_logs.sources import resolve
from eks_audit_constructs.errors import EksAuditError
from eks_audit_constructs.replay import replay
from tests.audit_logs.reading import path_of
from tests.fake_aws import FakeAws, Fault
from tests.replay.builders import event, metric_filter, write_log, write_template

READ = event("06:02:00", verb="get").encode() + b"\n"


@pytest.fixture
def archive(fake_aws: FakeAws) -> FakeAws:
    keys = ["2026/11/23/05/audit-1", "2026/11/23/06/audit 2+é", "2026/11/23/06/audit-3.gz", "2026/12/a"]
    fake_aws.objects = {f"archive/{key}": gzip.compress(READ * 2 + key.encode()) for key in keys}
    fake_aws.objects |= {"archive/2026/11/23/": b"", "archive/2026/11/23/aws-logs-write-test": b"Permission"}
    fake_aws.page = 2
    return fake_aws


def test_objects_below_a_prefix_are_replayed(archive: FakeAws, tmp_path: Path) -> None:
    said: list[str] = []
    shares: list[float] = []
    template = write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'))

    paths = resolve(["s3://archive/2026/11/"], progress=lambda _, share: shares.append(share), say=said.append)

    assert [gzip.decompress(path_of(log).read_bytes())[-3:] for log in paths] == [b"t-1", "+é".encode(), b".gz"]
    result = replay(template, paths)
    assert (result.counted.events, result.filters[0].matched) == (9, 6)
    assert [path_of(log).name.partition("-")[2] for log in paths] == ["audit-1", "audit_2+_", "audit-3.gz"]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert (
        said[0] == "s3://archive/2026/11/23/aws-logs-write-test: left out, the export task wrote it to test the bucket"
    )
    assert said[1].startswith("s3://archive/2026/11/: fetched 3 object(s)")


def test_a_key_may_name_the_log_group(archive: FakeAws) -> None:
    archive.objects["archive/aws/eks/prod/cluster/1f2e/kube-apiserver-audit-1/000000.gz"] = gzip.compress(READ)

    assert [log.group for log in resolve(["s3://archive/"]) if isinstance(log, Fetched)] == [
        *[None] * 4,
        "/aws/eks/prod/cluster",
    ]


def test_what_is_cached_is_not_fetched_again(archive: FakeAws) -> None:
    said: list[str] = []
    first = resolve(["s3://archive/2026/11"])
    archive.objects["archive/2026/11/23/07/audit-4"] = gzip.compress(READ)
    archive.objects["archive/2026/11/23/05/audit-1"] = gzip.compress(READ * 7)
    archive.calls.clear()

    second = resolve(["s3://archive/2026/11"], say=said.append)

    assert sorted(archive.called("GetObject")) == ["2026/11/23/05/audit-1", "2026/11/23/07/audit-4"]
    assert len(second) == 4
    assert len({*first} & {*second}) == 2
    assert "2 were in the cache" in said[-1]


def test_an_object_that_changes_meanwhile_is_not_kept_under_its_old_name(archive: FakeAws) -> None:
    key = "archive/2026/11/23/05/audit-1"

    def change(number: int, call: str) -> None:
        if call == "GetObject":
            archive.objects[key] = gzip.compress(READ * 9)

    archive.fault = change
    with pytest.raises(EksAuditError, match="another one by now"):
        resolve(["s3://archive/2026/11/23/05"])

    archive.fault = lambda number, call: None
    [log] = resolve(["s3://archive/2026/11/23/05"])
    assert gzip.decompress(path_of(log).read_bytes()) == READ * 9


def test_an_interrupted_run_goes_on(archive: FakeAws) -> None:
    archive.fault = lambda number, call: (
        Fault("AccessDenied", "by the bucket policy", status=403)
        if call == "GetObject" and archive.called(call)[-1].endswith("audit-3.gz")
        else None
    )
    with pytest.raises(EksAuditError, match=r"audit-3\.gz.*Allow s3:GetObject"):
        resolve(["s3://archive/2026/11/23/06"])
    archive.fault = lambda number, call: None
    resolve(["s3://archive/2026/11/23/06"])

    assert archive.called("GetObject").count("2026/11/23/06/audit 2+é") == 1


def test_other_paths_stay_as_they_are(fake_aws: FakeAws, tmp_path: Path) -> None:
    path = write_log(tmp_path, READ)

    assert resolve([str(path), "-"]) == [path, Path("-")]
    assert fake_aws.calls == []


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://", "the URI names no bucket"),
        ("s3://archive/1999/", "no object has this prefix"),
        ("s3://nowhere/2026/", "The specified bucket does not exist"),
    ],
)
def test_what_is_not_there(archive: FakeAws, uri: str, said: str) -> None:
    with pytest.raises(EksAuditError, match=said):
        resolve([uri])


def test_a_bucket_that_may_not_be_listed(archive: FakeAws) -> None:
    archive.fault = lambda number, call: Fault("AccessDenied", "no", status=403)

    with pytest.raises(EksAuditError, match="Allow s3:ListBucket"):
        resolve(["s3://archive/2026/"])
