"""What is no log, or not all of it, is said or refused."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.audit_logs.shapes import entry, json_text
from eks_audit_constructs.errors import LogError
from eks_audit_constructs.replay import replay
from tests.audit_logs.reading import read, template, written
from tests.audit_logs.shapes import LINES, SHAPES, TIMES, packed


class TestParts:
    @pytest.mark.parametrize(
        ("document", "why"),
        [
            ({"events": [], "nextToken": "abc"}, "a token for the next page"),
            ({"events": [], "NextToken": "abc"}, "a token for the next page"),
            ({"events": [], "nextToken": None}, None),
            ({"events": [], "nextForwardToken": "f/1"}, None),
            ({"results": [], "status": "Running"}, "status is Running"),
            ({"results": [], "status": "Complete", "statistics": {"recordsMatched": 7.0}}, "0 of 7 rows"),
            ({"results": [], "status": "Complete", "statistics": {"recordsMatched": 0.0}}, None),
        ],
    )
    @pytest.mark.parametrize("whole", [1, json_text.WHOLE])
    def test_are_told(
        self, tmp_path: Path, document: dict[str, Any], why: str | None, whole: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(json_text, "WHOLE", whole)
        _, _, said = read(written(tmp_path, json.dumps(document)))

        parts = [note for note in said if "this is a part of the log" in note]
        assert len(parts) == (why is not None)
        assert why is None or why in parts[0]

    def test_the_last_page_decides(self, tmp_path: Path) -> None:
        first, last = {"events": [], "nextToken": "abc"}, {"events": []}

        whole = written(tmp_path, f"{json.dumps(first)}\n{json.dumps(last)}\n", "whole")
        part = written(tmp_path, f"{json.dumps(last)}\n{json.dumps(first)}\n", "part")

        assert not any("part of the log" in note for note in read(whole)[2])
        assert any("part of the log" in note for note in read(part)[2])

    @pytest.mark.parametrize(("rows", "told"), [(9_999, False), (10_000, True)])
    def test_ten_thousand_rows(self, tmp_path: Path, rows: int, told: bool) -> None:
        table = written(tmp_path, "@timestamp,@message\n" + "2026-11-23 09:00:00.000,a\n" * rows, "table.csv")
        array = written(tmp_path, json.dumps([{"@timestamp": "2026-11-23 09:00:00.000", "@message": "a"}] * rows))

        assert any("10,000 rows" in note for note in read(table)[2]) is told
        assert any("10,000 rows" in note for note in read(array)[2]) is told

    def test_of_text(self, tmp_path: Path) -> None:
        text = SHAPES["filter-log-events --output text"]()

        assert any("next page" in note for note in read(written(tmp_path, f"{text}NEXTTOKEN\tabc\n"))[2])


class TestControlMessages:
    @pytest.mark.parametrize(
        ("shape", "count"),
        [("control message first", 1), ("control message within", 1), ("control message without line ends", 2)],
    )
    def test_are_left_out_and_counted(self, tmp_path: Path, shape: str, count: int) -> None:
        path = written(tmp_path, SHAPES[shape]())

        assert read(path)[2] == [f"{path}: {count} control message(s) left out, they are not log events"]

    def test_alone(self, tmp_path: Path) -> None:
        _, lines, said = read(written(tmp_path, "CWL CONTROL MESSAGE: Checking health of destination Firehose.\n"))

        assert lines == []
        assert said[-1] == "no audit event was read"

    def test_quoted_in_an_event_are_none(self, tmp_path: Path) -> None:
        line = LINES[0].replace("dana", "CWL CONTROL MESSAGE: dana")

        assert read(written(tmp_path, f"{line}\n"))[1:] == ([line.encode()], [])


class TestFirehoseFailures:
    def test_are_named_and_decoded(self, tmp_path: Path) -> None:
        path = written(tmp_path, SHAPES["Firehose failures"]())

        assert read(path)[2] == [
            f"{path}: these are records that Firehose failed to deliver (Lambda.FunctionError): 30 decoded, 0 left out "
            "because they cannot be"
        ]

    @pytest.mark.parametrize("data", ["H4sIAAAAAAAA", "no base64!", packed("")])
    def test_that_cannot_be_decoded_are_counted(self, tmp_path: Path, data: str) -> None:
        record = {"attemptsMade": 4, "errorCode": "Decompression.Failed", "rawData": data}

        _, lines, said = read(written(tmp_path, json.dumps(record)))

        assert lines == []
        assert "(Decompression.Failed): 0 decoded, 1 left out" in said[0]


class TestUnknown:
    """Files without audit events."""

    @pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
    def test_an_empty_file(self, tmp_path: Path, content: str) -> None:
        path = written(tmp_path, content)

        assert read(path)[1:] == ([], [f"{path}: no log event in it", "no audit event was read"])

    def test_a_text(self, tmp_path: Path) -> None:
        path = written(tmp_path, "# Read me \u202e first\n\nMore.\n", "README.md")

        _, lines, said = read(path)

        assert len(lines) == 2
        assert said == [
            rf"no line of {path} is an audit event; it begins with '# Read me \u202e first'",
            "no audit event was read",
        ]

    @pytest.mark.parametrize("content", ['{"version":3}', '{\n  "version": 3\n}', "[1]", '["a", "b"]', '[{"a": 1}]'])
    def test_a_stray_document_in_a_folder_is_no_event(self, tmp_path: Path, content: str) -> None:
        logs = tmp_path / "logs"
        written(logs, SHAPES["lines"](), "audit.jsonl")
        stray = written(logs, content, "package.json")

        _, lines, said = read(logs)

        assert len(lines) == 30
        begin = repr(content.split("\n")[0])
        assert said == [f"no line of {stray} is an audit event; it begins with {begin}; it is left out"]

    def test_a_kubernetes_list_has_no_audit_events(self, tmp_path: Path) -> None:
        event = {"kind": "Event", "apiVersion": "v1", "reason": "Pulled"}
        logs = tmp_path / "logs"
        written(logs, json.dumps({"apiVersion": "v1", "items": [event], "kind": "List"}, indent=2), "events.json")
        written(logs, SHAPES["lines"](), "audit.jsonl")

        _, lines, said = read(logs)

        assert len(lines) == 30
        assert "events.json is an audit event" in said[0]

    def test_one_object_that_is_named_is_an_event(self, tmp_path: Path) -> None:
        _, lines, said = read(written(tmp_path, '{"eventName":"DeleteCluster"}'))

        assert lines == [b'{"eventName":"DeleteCluster"}']
        assert "no line of" in said[0]

    def test_logs_of_other_components_are_logs(self, tmp_path: Path) -> None:
        logs = tmp_path / "logs"
        line = "2026-11-23T09:00:00.000Z I1123 09:00:00.1 1 factory.go:338] Unable to schedule pod\n"
        written(logs, SHAPES["lines"](), "audit.jsonl")
        written(logs / "kube-scheduler-01", line, "000000")
        page = {"events": [{"timestamp": TIMES[0], "message": "denied", "logStreamName": "authenticator-01"}]}
        written(logs, json.dumps(page), "page.json")

        _, lines, said = read(logs)

        assert (len(lines), said) == (32, [])

    def test_a_late_audit_event(self, tmp_path: Path) -> None:
        assert read(written(tmp_path, "starting\n" * 20_000 + LINES[0]))[2] == []

    def test_many_are_named_in_short(self, tmp_path: Path) -> None:
        for number in range(9):
            written(tmp_path / "logs", "text", f"{number}.txt")
            written(tmp_path / "logs", "", f"{number}.empty")

        said = read(tmp_path / "logs")[2]

        assert len(said) == 8
        assert said[5] == "no line of 4 more file(s) is an audit event"
        assert said[6].endswith("and 4 more file(s): no log event in it")

    def test_a_folder_without_any_log(self, tmp_path: Path) -> None:
        stray = written(tmp_path / "logs", "{}", "package.json")

        with pytest.raises(LogError, match=f"{stray}.*at least one log"):
            read(tmp_path / "logs")


def tar(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("audit.jsonl")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("audit.jsonl", content)
    return packed.getvalue()


class TestArchives:
    @pytest.mark.parametrize(
        ("pack", "kind", "way_out"),
        [
            (zipped, "a zip archive", "unzip"),
            (tar, "a tar archive", "tar -xf"),
            (lambda content: gzip.compress(tar(content)), "a tar archive", "tar -xf"),
            (bz2.compress, "bzip2", "bunzip2"),
            (lzma.compress, "xz", "unxz"),
            (lambda content: b"\x28\xb5\x2f\xfd" + content, "zstd", "unzstd"),
            (lambda content: b"PAR1\x15" + content, "a Parquet file", "Athena"),
        ],
    )
    def test_are_refused_by_their_first_bytes(
        self, tmp_path: Path, pack: Callable[[bytes], bytes], kind: str, way_out: str
    ) -> None:
        path = written(tmp_path, pack(SHAPES["lines"]().encode()), "audit.jsonl")

        with pytest.raises(LogError, match=rf"audit\.jsonl.*{kind}.*{way_out}"):
            read(path)

    @pytest.mark.parametrize("text", ["PK", "BZh is no archive", "7z"])
    def test_text_that_looks_like_one_is_read(self, tmp_path: Path, text: str) -> None:
        assert read(written(tmp_path, text))[1] == [text.encode()]

    def test_a_table_without_messages_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(LogError, match=r"@timestamp, verb.*fields @timestamp, @message"):
            read(written(tmp_path, "@timestamp,verb\n2026-11-23 09:00:00.000,get\n"))


class TestLongLines:
    @pytest.mark.parametrize("before", ["", "2026-11-23T09:00:00 "])
    def test_are_not_read_but_counted(self, tmp_path: Path, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("entry", "lines"):
            monkeypatch.setattr(f"eks_audit_constructs.audit_logs.shapes.{module}.LONGEST", 1 << 20, raising=False)
        monkeypatch.setattr("eks_audit_constructs.audit_logs.log_files.LONGEST", 1 << 20)
        long = json.dumps({"kind": "Event", "verb": "x" * (5 << 20)})
        path = written(tmp_path, "".join(f"{before}{line}\n" for line in (LINES[0], long, LINES[1], long)))

        _, lines, said = read(path)

        assert (lines[0], lines[2]) == (LINES[0].encode(), LINES[1].encode())
        assert [len(line) <= 1024 for line in lines] == [True] * 4
        assert said == [f"{path}: 2 line(s) of over 1 MiB not read, each counted as one unreadable event"]


class TestTimes:
    @pytest.mark.parametrize("at", [253402300799000, -62135596800000, 10**18, -(10**18)])
    def test_unusable_ones_are_not_written(self, tmp_path: Path, at: int) -> None:
        assert entry.log_line("message", at) == b"message\n"
        path = written(tmp_path, json.dumps({"events": [{"timestamp": at, "message": LINES[0]}]}))

        assert {*replay(template(tmp_path), [path]).counted.lines} == {TIMES[0] // 1000}

    @pytest.mark.parametrize("year", ["9999", "0001"])
    @pytest.mark.parametrize("before", ["", "{year}-12-31T23:59:59.000Z ", "{year}-12-31T23:59:59 "])
    def test_unusable_ones_are_no_times(self, tmp_path: Path, year: str, before: str) -> None:
        line = LINES[0].replace("2026-11-23", f"{year}-12-31")
        path = written(tmp_path, f"{before.format(year=year)}{line}\n")

        counted = replay(template(tmp_path), [path]).counted

        assert (counted.events, counted.untimed, counted.lines) == (1, 1, {})
