"""Logs are read in the shapes people have them."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.audit_logs.logs import opened
from eks_audit_constructs.audit_logs.shapes import json_text
from eks_audit_constructs.conditions.expression import field, message_contains
from eks_audit_constructs.errors import LogError
from eks_audit_constructs.replay.counting import engine
from eks_audit_constructs.replay.counting.counts import LogCounts, Question
from tests.replay.builders import event, write_log

VERB = Question(condition=field("verb") == "get")
DENIED = Question(condition=message_contains("denied"))
SIX_TWO = 1_795_413_720  # 2026-11-23T06:02:00Z


def count(*paths: str | Path) -> LogCounts:
    with opened(paths) as logs:
        return engine.count(logs, [VERB, DENIED])


def heard(path: Path) -> tuple[LogCounts, list[str]]:
    """The counts, and what was said."""
    said: list[str] = []
    with opened([path], say=said.append) as logs:
        return engine.count(logs, [VERB, DENIED]), said


def page(*messages: str, at: Any = SIX_TWO * 1000, **more: object) -> dict[str, object]:
    events = [{"timestamp": at, "message": message, "eventId": "1"} for message in messages]
    return {"events": events, **more}


class TestPages:
    MESSAGES = (event("05:00:00", verb="get"), "level=warning access denied\n")

    @pytest.mark.parametrize("indent", [None, 4])
    def test_what_the_aws_cli_prints(self, tmp_path: Path, indent: int | None) -> None:
        text = json.dumps(page(*self.MESSAGES, searchedLogStreams=[], nextToken="abc"), indent=indent)
        path = write_log(tmp_path, text)

        counted = count(path)

        assert (counted.events, counted.unreadable, counted.untimed) == (2, 1, 0)
        assert [answer.matched for answer in counted.answers] == [1, 1]
        assert counted.lines == {SIX_TWO: 2}, "the log event's own time, not the audit event's"
        assert counted.sizes == {SIX_TWO: sum(len(message.rstrip()) for message in self.MESSAGES)}

    def test_several_pages_in_one_file(self, tmp_path: Path) -> None:
        first, second = page(*self.MESSAGES), page(*self.MESSAGES, at=SIX_TWO * 1000 + 60_000, nextToken=None)
        path = write_log(tmp_path, json.dumps(first, indent=2), json.dumps(second), json.dumps(page()))

        assert count(path).lines == {SIX_TWO: 2, SIX_TWO + 60: 2}

    def test_pages_longer_than_what_is_parsed_at_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(json_text, "WHOLE", 600)
        monkeypatch.setattr(json_text, "_CHUNK", 100)
        pages = [page(*self.MESSAGES * 40, nextToken={"of": "any kind"}), page(*self.MESSAGES)]
        path = write_log(tmp_path, *map(json.dumps, pages))

        counted = count(path)

        assert (counted.events, counted.unreadable) == (82, 41)
        assert counted.lines == {SIX_TWO: 82}

    def test_lists_cut_out_of_pages(self, tmp_path: Path) -> None:
        entries = write_log(tmp_path, json.dumps(page(*self.MESSAGES)["events"], indent=2), name="events.json")
        messages = write_log(tmp_path, json.dumps(self.MESSAGES), name="messages.json")

        assert count(entries).lines == {SIX_TWO: 2}
        assert (count(messages).events, count(messages).unreadable) == (2, 1)

    def test_an_event_with_a_list_of_events_is_no_page(self, tmp_path: Path) -> None:
        assert count(write_log(tmp_path, event("06:02:00", events=[]))).events == 1
        assert count(write_log(tmp_path, event("06:02:00", events=["a"]) * 2)).events == 2

    def test_a_message_of_several_lines_is_one_event(self, tmp_path: Path) -> None:
        counted = count(write_log(tmp_path, json.dumps(page("goroutine 1:\r\n  main()\naccess denied\n"))))

        assert (counted.events, counted.untimed) == (1, 0)
        assert counted.answers[1].matched == 1

    def test_text_that_is_no_utf_8_is_kept(self, tmp_path: Path) -> None:
        text = json.dumps(page("half a pair: \ud800", "X"))
        path = write_log(tmp_path, text.encode().replace(b"X", b"denied \xff"))

        assert count(path).answers[1].matched == 1

    @pytest.mark.parametrize("at", [10**18, True, None, "today"])
    def test_a_time_that_is_none(self, tmp_path: Path, at: Any) -> None:
        assert count(write_log(tmp_path, json.dumps(page("denied", at=at)))).undated == 1


class TestInsights:
    ROWS = (
        [{"field": "@timestamp", "value": "2026-11-23 06:02:05.123"}, {"field": "@message", "value": '{"verb":"get"}'}],
        [{"field": "@message", "value": '{"verb":"get"}'}, {"field": "@ptr", "value": "Cm"}],
    )

    def test_results_of_a_query(self, tmp_path: Path) -> None:
        results = {"queryLanguage": "CWLI", "results": self.ROWS, "statistics": {}, "status": "Complete"}

        counted = count(write_log(tmp_path, json.dumps(results, indent=4)))

        assert (counted.events, counted.untimed, counted.answers[0].matched) == (2, 1, 2)
        assert counted.lines == {SIX_TWO: 2}

    @pytest.mark.parametrize("message", ['{"verb":"get"}', {"verb": "get"}])
    def test_results_as_the_console_saves_them(self, tmp_path: Path, message: object) -> None:
        path = write_log(tmp_path, json.dumps([{"@timestamp": "2026-11-23 06:02:05.123", "@message": message}]))

        counted = count(path)

        assert (counted.answers[0].matched, counted.lines) == (1, {SIX_TWO: 1})

    def test_results_without_messages_are_refused(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, json.dumps({"results": [[{"field": "verb", "value": "get"}]]}))

        with pytest.raises(LogError, match=r"audit\.jsonl.*verb.*fields @timestamp, @message"):
            count(path)


class TestFirehose:
    def test_events_without_line_ends(self, tmp_path: Path) -> None:
        lines = [event(f"06:02:{second:02}", verb="get", text='}{"a":1}') for second in range(60)]
        path = tmp_path / "audit-1-2026-11-23-06-02-00-abc"
        path.write_bytes(gzip.compress("".join(lines).encode()))

        counted = count(path)

        assert (counted.events, counted.unreadable, counted.answers[0].matched) == (60, 0, 60)
        assert counted.sizes == {SIX_TWO: sum(map(len, lines))}

    def test_a_broken_event_costs_no_other(self, tmp_path: Path) -> None:
        whole = event("06:02:00", verb="get")
        path = write_log(tmp_path, whole + whole[:40] + "}" + whole * 2)

        counted, said = heard(path)

        assert (counted.events, counted.unreadable, counted.answers[0].matched) == (4, 1, 3)
        assert "invalid JSON at 1 place" in said[0]

    def test_events_over_several_lines(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, *[json.dumps({"verb": "get", "user": {}}, indent=2)] * 3)

        assert (count(path).events, count(path).answers[0].matched) == (3, 3)

    def envelope(self, *messages: str, **more: object) -> str:
        told = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/eks/a/cluster", "logStream": "s"}
        entries = [{"id": "1", "timestamp": SIX_TWO * 1000, "message": message} for message in messages]
        return json.dumps({**told, "subscriptionFilters": ["all"], **more, "logEvents": entries})

    @pytest.mark.parametrize("between", ["", "\n"])
    def test_subscription_envelopes(self, tmp_path: Path, between: str) -> None:
        messages = event("05:00:00", verb="get"), "access denied"
        control = self.envelope("CWL CONTROL MESSAGE: access denied?", messageType="CONTROL_MESSAGE")
        path = write_log(tmp_path, between.join([self.envelope(*messages), control, self.envelope(*messages)]))

        counted, said = heard(path)

        assert (counted.events, counted.unreadable, counted.lines) == (4, 2, {SIX_TWO: 4})
        assert [answer.matched for answer in counted.answers] == [2, 2]
        assert said == [f"{path}: 1 control message(s) left out, they are not log events"]

    def test_a_compressed_object_of_compressed_envelopes(self, tmp_path: Path) -> None:
        members = b"".join(gzip.compress(self.envelope("access denied").encode()) for _ in range(3))
        path = tmp_path / "object"
        path.write_bytes(gzip.compress(members))

        assert count(path).answers[1].matched == 3

    def test_two_clusters_in_one_object_are_said(self, tmp_path: Path) -> None:
        messages = event("06:02:00"), event("06:03:00")
        path = write_log(
            tmp_path, self.envelope(messages[0]), self.envelope(messages[1], logGroup="/aws/eks/b/cluster")
        )

        counted, said = heard(path)

        assert counted.events == 2
        assert said == [f"{path}: events of 2 log groups: /aws/eks/a/cluster, /aws/eks/b/cluster"]


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

        counted, said = heard(tmp_path / "export")

        assert (counted.events, counted.unreadable, counted.untimed) == (3, 2, 1)
        assert [answer.matched for answer in counted.answers] == [1, 2]
        assert counted.lines == {SIX_TWO: 1, SIX_TWO + 60: 2}
        assert counted.sizes[SIX_TWO] == len(event("05:00:00", verb="get"))
        assert len(said) == 1 and "aws-logs-write-test: left out" in said[0]


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
        with pytest.raises(LogError, match=r"none\.jsonl.*No such file"):
            count(tmp_path / "none.jsonl")

    def test_no_log_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(LogError, match="at least one log"):
            count(tmp_path)


@pytest.mark.parametrize("beginning", [b"{", b"text\n"])
def test_the_beginning_that_tells_the_shape_is_bounded(tmp_path: Path, beginning: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(beginning + b"x" * (3 * logs.WHOLE))

    assert len(logs._head(path, gzipped=False)) <= (logs._HEAD if b"\n" in beginning else logs.WHOLE + logs._HEAD)
