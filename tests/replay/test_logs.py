"""Logs are read in the shapes people have them."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from eks_audit_constructs.conditions.expression import field, message_contains
from eks_audit_constructs.errors import AuditConfigurationError
from eks_audit_constructs.replay import engine
from eks_audit_constructs.replay.counts import LogCounts, Question
from eks_audit_constructs.replay.logs import Shape, opened
from tests.replay.builders import event, write_log

VERB = Question(condition=field("verb") == "get")
DENIED = Question(condition=message_contains("denied"))
SIX_TWO = 1_795_413_720  # 2026-11-23T06:02:00Z


def count(*paths: str | Path) -> LogCounts:
    with opened(paths) as logs:
        return engine.count(logs, [VERB, DENIED])


def shape(path: Path) -> Shape:
    with opened([path]) as [log]:
        return log.shape


def page(*messages: str, at: int = SIX_TWO * 1000, **more: object) -> dict[str, object]:
    events = [{"timestamp": at, "message": message, "ingestionTime": at + 5, "eventId": "1"} for message in messages]
    return {"events": events, **more}


class TestPages:
    MESSAGES = (event("05:00:00", verb="get"), "level=warning access denied\n")

    @pytest.mark.parametrize("indent", [None, 4])
    def test_what_the_aws_cli_prints(self, tmp_path: Path, indent: int | None) -> None:
        text = json.dumps(page(*self.MESSAGES, searchedLogStreams=[], nextToken="abc"), indent=indent)
        path = write_log(tmp_path, text)

        counted = count(path)

        assert shape(path) is Shape.PAGES
        assert (counted.events, counted.unreadable, counted.untimed) == (2, 1, 0)
        assert [answer.matched for answer in counted.answers] == [1, 1]
        assert counted.lines == {SIX_TWO: 2}, "the log event's own time, not the audit event's"

    def test_several_pages_in_one_file(self, tmp_path: Path) -> None:
        first, second = page(*self.MESSAGES), page(*self.MESSAGES, at=SIX_TWO * 1000 + 60_000, nextToken=None)
        path = write_log(tmp_path, json.dumps(first, indent=2), json.dumps(second), json.dumps(page()))

        assert count(path).lines == {SIX_TWO: 2, SIX_TWO + 60: 2}

    def test_cut_output_is_an_error(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, json.dumps(page(*self.MESSAGES), indent=2)[:-20])

        with pytest.raises(AuditConfigurationError, match=r"audit\.jsonl"):
            count(path)

    def test_an_event_with_a_list_of_events_is_no_page(self, tmp_path: Path) -> None:
        assert shape(write_log(tmp_path, event("06:02:00", events=[]))) is Shape.LINES


class TestExport:
    def test_the_times_of_an_export_win(self, tmp_path: Path) -> None:
        folder = tmp_path / "export" / "kube-apiserver-audit-1"
        folder.mkdir(parents=True)
        lines = [
            f"2026-11-23T06:02:05.123Z {event('05:00:00', verb='get')}",
            "2026-11-23T06:03:05.123Z access denied",
            "  a second line of the same message, denied",
        ]
        (folder / "000000.gz").write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
        (tmp_path / "export" / "aws-logs-write-test").write_text("Permission Check Successful")

        counted = count(tmp_path / "export")

        assert (counted.events, counted.unreadable, counted.untimed) == (3, 2, 1)
        assert [answer.matched for answer in counted.answers] == [1, 2]
        assert counted.lines == {SIX_TWO: 1, SIX_TWO + 60: 2}
        assert counted.sizes[SIX_TWO] == len(event("05:00:00", verb="get"))


class TestLines:
    def test_gzip_is_told_by_its_content(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.jsonl"
        path.write_bytes(gzip.compress(event("06:02:00", verb="get").encode()))

        assert count(path).answers[0].matched == 1

    def test_gzip_members_follow_one_another(self, tmp_path: Path) -> None:
        path = tmp_path / "audit.gz"
        line = event("06:02:00", verb="get").encode() + b"\n"
        path.write_bytes(gzip.compress(line) + gzip.compress(line * 2))

        assert count(path).answers[0].matched == 3

    @pytest.mark.parametrize("end", [b"\n", b"\r\n"])
    @pytest.mark.parametrize("last", [True, False])
    def test_line_ends_and_byte_order_mark(self, tmp_path: Path, end: bytes, last: bool) -> None:
        line = event("06:02:00", verb="get").encode()
        path = tmp_path / "audit.jsonl"
        path.write_bytes(b"\xef\xbb\xbf" + line + end + line + (end if last else b""))

        counted = count(path)

        assert (counted.events, counted.answers[0].matched) == (2, 2)
        assert counted.sizes == {SIX_TWO: 2 * len(line)}

    def test_names_that_look_like_patterns(self, tmp_path: Path) -> None:
        write_log(tmp_path, event("06:02:00", verb="get"), name="a1.jsonl")
        path = write_log(tmp_path, event("06:02:00", verb="list"), name="a[1]*.jsonl")

        assert count(path).events == 1
        assert count(path).answers[0].matched == 0


class TestStreams:
    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = io.TextIOWrapper(io.BytesIO(gzip.compress(event("06:02:00", verb="get").encode())))
        monkeypatch.setattr(sys, "stdin", given)

        assert count("-").answers[0].matched == 1

    def test_a_pipe(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_text(event("06:02:00", verb="get")))
        writer.start()

        assert count(pipe).answers[0].matched == 1
        writer.join()


class TestRefusals:
    def test_a_log_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(AuditConfigurationError, match=r"none\.jsonl.*No such file"):
            count(tmp_path / "none.jsonl")

    def test_no_log_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(AuditConfigurationError, match="at least one log"):
            count(tmp_path)
