"""Fields and log lines as a query sees them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.audit_logs.logs import Fetched
from eks_audit_constructs.insights import run
from tests.insights.builders import Ask, at, written

EVENTS = (
    at("06:00:10", verb="get", user={"username": "ann", "groups": ["dev", "all"]}, bytes=10),
    at("06:01:10", verb="list", user={"username": "bob"}, bytes=30),
    at("06:06:10", verb="get", user={"username": "ann"}, bytes=20),
    at("06:04:59", verb="delete", user={}, bytes=40),
)


class TestFields:
    def test_a_key_may_have_dots_and_slashes(self, ask: Ask) -> None:
        event = at(
            "06:00:00",
            annotations={"authorization.k8s.io/decision": "allow", "a~b/c": "tilde", 'quote"d': "quote"},
            metadata={"labels": {"app.kubernetes.io/name": {"x": "deep"}}},
            **{"top.level": "top", "a": {"b": "nested", "c": None}, "a.b": "dotted", "a.c": "not null"},
        )
        fields = {
            "`annotations.authorization.k8s.io/decision`": "allow",
            "`annotations.a~b/c`": "tilde",
            '`annotations.quote"d`': "quote",
            "`metadata.labels.app.kubernetes.io/name.x`": "deep",
            "top.level": "top",
            "a.b": "nested",
            "a.c": "not null",
            "a.d": None,
        }
        [row] = ask(f"fields {', '.join(f'{name} as `{index}`' for index, name in enumerate(fields))}", event).rows
        assert row == tuple(fields.values())

    def test_quotes_in_names_and_texts(self, ask: Ask) -> None:
        query = (
            """fields `o'clock` as `a"b` | filter `a"b` in ["it's", 'x'] or verb like /'/ | stats count(*) by `a"b`"""
        )
        assert ask(query, at("06:00:00", **{"o'clock": "it's"})).rows == (("it's", 1),)

    def test_names_of_the_engine_are_free_for_aliases(self, ask: Ask) -> None:
        assert ask("fields verb as keep, bytes as place, verb as message | sort place | limit 1", *EVENTS).rows == (
            ("get", "10", "get"),
        )
        assert ask("stats count(*) as keep, sum(bytes) as time by kind as n", *EVENTS).rows == (("Event", 4, 100),)

    def test_elements_of_arrays(self, ask: Ask) -> None:
        assert ask("filter user.groups.1 = 'all' | fields user.groups.0 as g, user.groups as all", *EVENTS).rows == (
            ("dev", None),
        )

    @pytest.mark.parametrize(
        ("line", "stream"),
        [
            ('{"kind":"Event"}', "kube-apiserver-audit-0"),
            ('{"apiVersion":"audit.k8s.io/v1","kind":"Event"}', "kube-apiserver-audit-0"),
            ('{"kind":"Event","cut":"sho', "kube-apiserver-audit-0"),
            ('time="2026-11-23T06:00:00Z" level=warning msg="access denied"', "authenticator-0"),
            ('level=info msg="x"', "authenticator-0"),
            ("I1123 06:00:00.000000 1 main.go:1] started", "unknown"),
            ('{"kind":"Other"}', "unknown"),
        ],
    )
    def test_the_stream_of_a_line(self, ask: Ask, line: str, stream: str) -> None:
        assert ask("fields @logStream", line).rows == ((stream,),)

    def test_an_export_says_stream_and_time(self, ask: Ask) -> None:
        line = '2026-11-23T07:00:00.123Z {"kind":"Event","stageTimestamp":"2026-11-23T06:00:00.000000Z"}'
        table = ask(
            "fields @timestamp, @logStream, @message, @log, @ingestionTime", line, name="kube-scheduler-abc/000000"
        )
        assert table.rows == (("2026-11-23 07:00:00.123", "kube-scheduler-abc", line[25:], None, None),)

    def test_the_log_group_of_a_subscription(self, ask: Ask) -> None:
        groups = ["/aws/eks/a/cluster", "/aws/eks/b/cluster"]
        records = [
            {"messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": group, "logStream": "kube-apiserver-1"}
            | {"logEvents": [{"id": "1", "timestamp": 1795413600000, "message": '{"kind":"Event","verb":"get"}'}]}
            for group in groups
        ]

        table = ask("stats count(*) as n by @log | sort @log", *records)

        assert table.rows == tuple((f"111122223333:{group}", 1) for group in groups)
        assert [note for note in table.notes if "@log" in note] == []

    @pytest.mark.parametrize(
        ("names", "rows", "notes"),
        [
            ([None], [(None, 2)], ["the log does not tell the log group: there @log is missing"]),
            (
                ["/g"],
                [("/g", 2)],
                ["the log does not tell the account: @log is the log group's name, not account:name"],
            ),
            (
                ["1:/g", None],
                [("1:/g", 2), (None, 2)],
                ["some of the logs do not tell the log group: there @log is missing"],
            ),
            (["1:/g", "1:/g"], [("1:/g", 4)], []),
        ],
    )
    def test_what_is_known_of_the_log_group(
        self, tmp_path: Path, names: list[str | None], rows: list[Any], notes: list[str]
    ) -> None:
        path = tmp_path / "audit.jsonl"
        path.write_text('{"kind":"Event"}\n' * 2)
        logs = [Fetched(path, name) for name in names]

        table = run("stats count(*) as n by @log", logs)

        assert sorted(table.rows, key=str) == sorted(rows, key=str)
        assert list(table.notes) == notes
        assert run("stats count(*) as n by @logStream", logs).notes == ()

    @pytest.mark.parametrize("shape", ["json", "text", "csv", "lines"])
    def test_when_cloudwatch_received_an_event(self, tmp_path: Path, shape: str) -> None:
        """Also of an event that does not say so, and next to one that DuckDB cannot read."""
        events = [
            {"timestamp": 1795413600000 + number, "message": message, "ingestionTime": 1795413605000 + number}
            for number, message in enumerate(
                ['{"kind":"Event","n":0}', '{"kind":"Event",\r"n":1}', '{"kind":"Event","n":2}']
            )
        ]
        del events[0]["ingestionTime"]
        written = {
            "json": json.dumps({"events": events}),
            "lines": "\n".join(map(json.dumps, events)),
            "csv": "timestamp,message,ingestionTime\n"
            + "\n".join(
                f'{e["timestamp"]},"{str(e["message"]).replace(chr(34), chr(34) * 2)}",{e.get("ingestionTime", "")}'
                for e in events
            ),
            "text": "\n".join(
                f"EVENTS\t{e.get('ingestionTime', 1795413605000)}\t{e['message']}\t{e['timestamp']}" for e in events
            ),
        }
        path = tmp_path / "log"
        path.write_text(written[shape], newline="")

        table = run("fields n, @ingestionTime, @timestamp | sort n", [path])

        first = None if shape != "text" else "2026-11-23 06:00:05.000"
        assert [row[1] for row in table.rows] == [first, "2026-11-23 06:00:05.001", "2026-11-23 06:00:05.002"]
        assert [row[2] for row in table.rows] == [f"2026-11-23 06:00:00.00{number}" for number in range(3)]
        assert run("filter @ingestionTime > 1795413605001 | fields n", [path]).matched == 1
        assert table.notes == ()

    def test_a_log_that_does_not_tell_when_it_was_received(self, ask: Ask) -> None:
        said = "the log does not tell when CloudWatch received an event: there @ingestionTime is missing"
        assert ask("fields @ingestionTime", *EVENTS).notes == (said,)
        assert ask("fields @timestamp", *EVENTS).notes == ()

    def test_events_without_a_time(self, ask: Ask) -> None:
        later = {"kind": "Event", "requestReceivedTimestamp": "2026-11-23T08:00:00+02:00"}
        table = ask("fields @timestamp as t, kind", later, {"kind": "Event", "stageTimestamp": "soon"}, "text")
        assert table.rows[0] == ("2026-11-23 06:00:00.000", "Event")
        assert {row[0] for row in table.rows[1:]} == {None}
        assert (table.scanned, table.unreadable, table.untimed) == (3, 1, 2)


class TestLogs:
    def test_lines_that_are_no_events_count(self, ask: Ask) -> None:
        table = ask("filter @message like 'denied' | fields verb", "access denied", "", "  ", "[1]", "{broken", *EVENTS)
        assert (table.rows, table.scanned, table.unreadable) == (((None,),), 7, 3)

    @pytest.mark.parametrize(
        "line",
        [b'{"kind":"Event",\r"verb":"odd"}', b'{"kind":"Event","verb":"odd","x":"\xff"}', b'{"x":"' + b"x" * 5_000_000],
        ids=["carriage return", "no UTF-8", "long"],
    )
    def test_a_line_that_duckdb_refuses(self, ask: Ask, line: bytes) -> None:
        table = ask("stats count(*) as n, max(strlen(@message)) as longest", line, *EVENTS)
        assert table.scanned == 5
        assert table.rows == ((5, max(len(line), *(len(written(event)) for event in EVENTS))),)

    def test_several_logs_of_all_kinds_are_one(self, tmp_path: Path) -> None:
        plain, packed, export = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", tmp_path / "c"
        plain.write_text('{"verb":"get"}\r\n{"verb":"list"}\n')
        packed.write_bytes(gzip.compress(b'{"verb":"get"}\n'))
        export.write_text('2026-11-23T07:00:00.123Z {"verb":"get"}\n')
        table = run("stats count(*) as n by verb | sort n desc", [tmp_path])
        assert (table.rows, table.scanned, table.untimed) == ((("get", 3), ("list", 1)), 4, 3)

    def test_a_damaged_file_is_said(self, tmp_path: Path) -> None:
        damaged = tmp_path / "cut.jsonl.gz"
        damaged.write_bytes(gzip.compress(b'{"verb":"get"}\n' * 10_000)[:-9])
        table = run("stats count(*)", [damaged])
        assert table.scanned < 10_000
        assert ["cut.jsonl.gz" in note for note in table.notes] == [True]

    def test_progress_is_told(self, real_logs: Path) -> None:
        shares: list[float] = []
        table = run("stats count(*)", [real_logs], progress=shares.append)
        assert table.scanned == table.matched > 500
        assert all(0 <= share <= 1 for share in shares)
