"""The same events give the same answer in whatever shape they come."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eks_audit_constructs.audit_logs.log_files import group_name
from eks_audit_constructs.audit_logs.shapes import json_text
from eks_audit_constructs.replay import State, replay
from tests.audit_logs.reading import read, template, written
from tests.audit_logs.shapes import EVENTS, GROUP, LINES, SHAPES, STREAM, TIMES, WITH_STREAM

MINUTES = {at // 60_000 * 60 for at in TIMES}
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16, big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "CRLF": lambda text: text.replace("\r\n", "\n").replace("\n", "\r\n").encode(),
}


class TestEachShape:
    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
    def test_gives_the_same_answer(self, tmp_path: Path, shape: str, pack: Callable[[bytes], bytes]) -> None:
        log = written(tmp_path, pack(SHAPES[shape]().encode()))

        result = replay(template(tmp_path), [log])

        counted = result.counted
        assert (counted.events, counted.unreadable, counted.untimed) == (30, 0, 0)
        assert result.filters[0].matched == 15
        assert {*counted.lines} == MINUTES
        assert counted.first is not None and counted.last is not None
        assert (f"{counted.first:%T}", f"{counted.last:%T}") == ("09:00:00", "09:04:50")
        rang = next(change.at for change in result.alarms[0].transitions if change.state is State.ALARM)
        assert f"{rang:%H:%M}" == "09:02"
        assert [note for note in result.notes if "control" not in note and "Firehose failed" not in note] == []

    @pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "lines with spaces"])
    def test_gives_the_same_lines(self, tmp_path: Path, shape: str) -> None:
        _, lines, _ = read(written(tmp_path, SHAPES[shape]()))

        assert [line.decode() for line in lines] == LINES

    @pytest.mark.parametrize("shape", WITH_STREAM)
    def test_keeps_the_stream(self, tmp_path: Path, shape: str) -> None:
        logs, _, _ = read(written(tmp_path, SHAPES[shape]()))

        assert [log.stream for log in logs] == [STREAM]
        assert {log.group and group_name(log.group) for log in logs} <= {GROUP, None}

    @pytest.mark.parametrize("shape", SHAPES)
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_in_each_encoding(self, tmp_path: Path, shape: str, encoding: str) -> None:
        _, lines, _ = read(written(tmp_path, ENCODINGS[encoding](SHAPES[shape]())))

        assert [json.loads(line) for line in lines] == EVENTS

    @pytest.mark.parametrize(
        "shape",
        ["EventList", "Loki's API", "Elasticsearch", "OpenTelemetry", "array", "get-log-events", "query results"],
    )
    def test_longer_than_what_is_parsed_at_once(
        self, tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(json_text, "WHOLE", 1500)
        monkeypatch.setattr(json_text, "_CHUNK", 200)

        _, lines, said = read(written(tmp_path, SHAPES[shape]()))

        assert [line.decode() for line in lines] == LINES
        assert said == []

    def test_files_with_marks_that_were_put_together(self, tmp_path: Path) -> None:
        path = written(tmp_path, f"{LINES[0]}\n".encode("utf-8-sig") * 3)

        assert replay(template(tmp_path), [path]).counted.unreadable == 0

    @pytest.mark.parametrize("shape", ["lines", "export", "kubectl logs --timestamps"])
    def test_what_needs_no_copy_gets_none(self, tmp_path: Path, shape: str) -> None:
        path = written(tmp_path, SHAPES[shape]())

        logs, _, _ = read(path)

        assert [log.path for log in logs] == [path]


class TestStreams:
    def test_each_stream_is_a_log(self, tmp_path: Path) -> None:
        streams = "kube-apiserver-audit-01", "authenticator-01"
        page = [
            {"timestamp": at, "message": line, "logStreamName": streams[at // 1000 % 20 == 0], "eventId": "1"}
            for line, at in zip(LINES, TIMES, strict=True)
        ]

        logs, lines, _ = read(written(tmp_path, json.dumps({"events": page})))

        assert {log.stream for log in logs} == {*streams}
        assert sorted(line.decode() for line in lines) == sorted(LINES)

    def test_the_folder_of_an_export(self, tmp_path: Path) -> None:
        path = written(tmp_path / STREAM, SHAPES["export"](), "000000")

        assert [log.stream for log in read(path)[0]] == [STREAM]

    def test_hundreds_of_streams_share_files(self, tmp_path: Path) -> None:
        page = [{"timestamp": TIMES[0], "message": LINES[0], "logStreamName": f"s-{number}"} for number in range(300)]

        logs, lines, _ = read(written(tmp_path, json.dumps({"events": page})))

        assert (len(logs), len(lines)) == (65, 300)


class TestOtherLines:
    """Lines that are not in the form of the others."""

    @pytest.mark.parametrize(
        ("shape", "other"),
        [
            ("aws logs tail", "panic: goroutine 1"),
            ("awslogs", "panic: goroutine 1"),
            ("CRI", "2026-11-23 09:00:00 stdout {}"),
            ("kubectl logs --prefix", "no prefix and no event"),
            ("filter-log-events --output text", "OTHERS\t1"),
        ],
    )
    def test_are_kept_and_counted(self, tmp_path: Path, shape: str, other: str) -> None:
        path = written(tmp_path, f"{SHAPES[shape]()}{other}\n")

        _, lines, said = read(path)

        assert [line.decode() for line in lines] == [*LINES, other]
        assert said == [f"{path}: 1 line(s) in another form than the rest, each counted as one event as it is"]

    @pytest.mark.parametrize("shape", ["Fluent Bit", "AKS", "Splunk", "Docker", "timestamp and message"])
    def test_messages_in_the_same_wrapper_are_unwrapped(self, tmp_path: Path, shape: str) -> None:
        text = SHAPES[shape]()
        other = json.dumps(json.loads(text.splitlines()[-1])).replace(json.dumps(LINES[-1])[1:-1], "access denied")
        if shape == "Docker":
            other = json.dumps({"log": "access denied\n", "stream": "stdout", "time": "2026-11-23T09:00:00Z"})

        _, lines, _ = read(written(tmp_path, f"{other}\n{text}{other}\n"))

        assert [line.decode() for line in lines] == ["access denied", *LINES, "access denied"]

    def test_a_message_of_another_stream_begins_the_file(self, tmp_path: Path) -> None:
        other = "2026-11-23T08:59:00.000000+00:00 kube-scheduler-01 Unable to schedule pod"

        logs, lines, _ = read(written(tmp_path, f"{other}\n{SHAPES['aws logs tail']()}"))

        assert lines[0] == b"Unable to schedule pod"
        assert [log.stream for log in logs] == ["kube-scheduler-01", STREAM]

    def test_structured_logs_of_others_are_not_unwrapped(self, tmp_path: Path) -> None:
        line = '{"level":"info","message":"started","time":"2026-11-23T09:00:00Z"}'

        _, lines, _ = read(written(tmp_path, f"{line}\n{line}\n"))

        assert [text.decode() for text in lines] == [line, line]

    def test_the_time_of_a_shipper_is_not_the_event_s(self, tmp_path: Path) -> None:
        late = [{"message": line, "source_type": "file", "timestamp": "2026-12-24T00:00:00Z"} for line in LINES]

        result = replay(template(tmp_path), [written(tmp_path, "\n".join(map(json.dumps, late)))])

        assert {*result.counted.lines} == MINUTES

    def test_a_cut_event_of_several_lines_is_kept(self, tmp_path: Path) -> None:
        text = SHAPES["aws logs tail --format json"]()

        _, lines, said = read(written(tmp_path, text[:-10]))

        assert [line.decode() for line in lines[:29]] == LINES[:29]
        assert lines[29] == b"{"
        assert "line(s) in another form" in said[0]
