"""DuckDB and plain Python count the same, whatever the log holds."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs.conditions.expression import (
    EVERYTHING,
    Expression,
    NotExists,
    all_of,
    field,
    message_contains,
)
from eks_audit_constructs.replay import counts, engine, reference
from eks_audit_constructs.replay.counts import LogCounts, Question, Sample
from eks_audit_constructs.replay.logs import opened
from tests.conditions.strategies import expressions, lines
from tests.replay.builders import event, write_log

QUESTIONS = [
    Question(condition=(field("responseStatus.code") == 403) & (field("stage") == "ResponseComplete")),
    Question(condition=field("responseStatus.code") >= 400, value=("responseStatus", "code")),
    Question(condition=field("user.username").not_exists()),
    Question(condition=field("stage").not_exists()),
    Question(condition=field("sourceIPs[*]") == "127.*"),
    Question(condition=field("user.groups[*]") == "system:masters"),
    Question(condition=message_contains("denied")),
    Question(condition=~message_contains("Event")),
    Question(condition=EVERYTHING),
]
COMPARISONS = [
    *(QUESTIONS[number] for number in (0, 1, 4, 5, 8)),
    Question(condition=field("sourceIPs[0]") == "127.*"),
    Question(condition=field("objectRef.resource") != "pods", value=("responseStatus", "code")),
    Question(condition=(field("stage") == "ResponseComplete") & (field("objectRef.resource") == "*e*")),
    Question(condition=(field("user.username") != "system:*") & field("objectRef.subresource").not_exists()),
    Question(condition=field("objectRef").not_exists() | (field("requestObject") == "*")),
    Question(condition=message_contains("denied") | message_contains("zażółć")),
]
"""What DuckDB's JSON reader can answer."""
SIX_TWO = 1_795_413_720  # 2026-11-23T06:02:00Z


def by_engine(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS) -> LogCounts:
    with opened(paths) as logs:
        return engine.count(logs, questions)


def assert_agree(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS) -> None:
    expected = by_reference(paths, questions)
    assert by_engine(paths, questions) == expected
    with opened(paths) as logs:
        without_sizes = engine.count(logs, questions, sizes=False)
    assert replace(without_sizes, sizes={}) == replace(expected, sizes={})


def by_reference(paths: Sequence[Path], questions: Sequence[Question] = QUESTIONS) -> LogCounts:
    with opened(paths) as logs:
        return counts.add([reference.count(log, questions) for log in logs], len(questions))


def test_agree_on_real_logs(real_logs: Path) -> None:
    paths = sorted(real_logs.glob("*.jsonl"))

    counted = by_engine(paths)

    assert_agree(paths)
    assert_agree(paths, COMPARISONS)
    assert counted.events == 594
    assert counted.answers[0].matched == 85
    assert counted.answers[1].minutes[SIX_TWO].low == 400 <= counted.answers[1].minutes[SIX_TWO].high < 600


@pytest.mark.parametrize("packed", [False, True])
def test_agree_on_a_file_large_enough_for_a_query_of_its_own(tmp_path: Path, real_logs: Path, packed: bool) -> None:
    content = b"".join(path.read_bytes() for path in sorted(real_logs.glob("*.jsonl"))) * 4
    path = tmp_path / "large.log"
    path.write_bytes(gzip.compress(content, 1) if packed else content)

    assert_agree([path])
    assert_agree([path], COMPARISONS)


NASTY: list[bytes] = [
    b'{"stage":"ResponseComplete","responseStatus":{"code":403}}',
    b'{"stage":null,"user":null}',
    b"{}",
    b"[1,2]",
    b'"text"',
    b"3",
    b"null",
    b"level=warning access denied",
    b'{"stage":"Resp',
    b'{"stage":"x"} and more }',
    b'{"a":1}{"a":2}',
    b"",
    b" \t ",
    b'  {"stage":"indented"}  ',
    b'{"stage":"\\ud83d"}',
    b'{"stage":"\\u0000"}',
    b'{"STAGE":"caps"}',
    b'{"responseStatus":{"code":1e400}}',
    b'{"responseStatus":{"code":"403"}}',
    b'{"responseStatus":{"code":true}}',
    b'{"responseStatus":[403]}',
    b'{"sourceIPs":["10.0.0.1","127.0.0.1"]}',
    '{"user":{"username":"zażółć 😀"}}'.encode(),
    b'{"stageTimestamp":"2026-11-23T08:02:30+02:00"}',
    b'{"stageTimestamp":"2026-02-30T00:00:00Z","requestReceivedTimestamp":"2026-11-23T06:02:10.5Z"}',
    b'{"stageTimestamp":1795413720}',
    b'{"stageTimestamp":"yesterday"}',
    b"}{",
    b"#, \"quoted\" 'quoted' \x01 \\",
]
ODD: list[bytes] = [
    b'{"responseStatus":{"code":%s},"user":{"username":%s},"verb":%s,"flag":%s,"sourceIPs":[%s,[%s]],"items":[{"kind":%s}]}'
    % ((value,) * 7)
    for value in (
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"-0",
        b"-0.0",
        b"403.0",
        b"4.03e2",
        b"9223372036854775808",
        b"-9223372036854775809",
        b"18446744073709551616",
        b"1" * 400,
        b"0.1",
        b'"403"',
        b'"-1"',
        b'"true"',
        b'"{}"',
        b'"[1"',
        b'"\\u0067et"',
        b'"get\\n"',
        b'"\\\\get"',
        b'"ge\\u0000t"',
        b'"\\ud83d\\ude00"',
        b'"\\ud83d"',
        '"zażółć 😀"'.encode(),
        b"true",
        b"null",
        b"[]",
        b"{}",
        b'{"code":403}',
        b'["get",403,null]',
        b"[" * 100 + b"]" * 100,
        b'{"kind":' * 100 + b"1" + b"}" * 100,
    )
]
"""Events with values that few write."""
REFUSED_BY_DUCKDB = {
    "no UTF-8": b'{"stage":"\xff"}',
    "a carriage return in a line": b"one\rtwo",
    "a zero byte": b"a\x00b",
    "a line over 1 MiB": b'{"stage":"' + b"x" * 2_000_000 + b'"}',
    "a line over 4 MiB": b'{"stage":"' + b"x" * 5_000_000 + b'"}',
}


class TestNastyLines:
    def test_agree(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, *NASTY)

        counted = by_engine([path])

        assert counted == by_reference([path])
        assert counted.events == len(NASTY) - 2
        assert counted.unreadable == 11

    @pytest.mark.parametrize("line", REFUSED_BY_DUCKDB.values(), ids=REFUSED_BY_DUCKDB)
    def test_agree_on_what_duckdb_refuses(self, tmp_path: Path, line: bytes) -> None:
        plain = write_log(tmp_path, event("06:02:30"), name="plain.jsonl")
        path = write_log(tmp_path, event("06:02:00"), line, event("06:03:00"))

        counted = by_engine([plain, path])

        assert counted == by_reference([plain, path])
        assert counted.events == 4

    @given(
        log=st.lists(st.one_of(lines(), st.sampled_from(NASTY).map(lambda line: line.decode())), max_size=12),
        conditions=st.lists(expressions(terms=True), min_size=1, max_size=3),
    )
    @settings(max_examples=60)
    def test_agree_on_any_log(self, log: list[str], conditions: list[Expression]) -> None:
        questions = [replace(QUESTIONS[0], condition=condition) for condition in conditions]
        with tempfile.TemporaryDirectory() as folder:
            path = write_log(Path(folder), *log)

            assert_agree([path], questions)

    @given(
        log=st.lists(st.one_of(lines(), st.sampled_from(ODD).map(lambda line: line.decode())), max_size=8),
        conditions=st.lists(st.one_of(expressions(), expressions(terms=True)), min_size=1, max_size=4),
    )
    @settings(max_examples=100)
    def test_agree_on_events_with_times(self, log: list[str], conditions: list[Expression]) -> None:
        questions = [replace(QUESTIONS[0], condition=condition) for condition in conditions]
        timed = ['{"stageTimestamp":"2026-11-23T06:02:30.000000Z",' + line[1:] for line in log if line[:2] == '{"']
        with tempfile.TemporaryDirectory() as folder:
            assert_agree([write_log(Path(folder), *timed)], questions)

    def test_the_json_reader_sees_what_it_cannot_tell(self, tmp_path: Path) -> None:
        for number, line in enumerate([*NASTY, *REFUSED_BY_DUCKDB.values()]):
            path = write_log(tmp_path, event("06:02:00", stage="a"), line, event("06:03:00"), name=f"{number}.jsonl")

            assert_agree([path], COMPARISONS)
            assert_agree([path], [QUESTIONS[8]])

    @pytest.mark.parametrize(
        "wanted", ["get", "GET", "/get", 'g"e', "g\\e", "zażółć", "true", "nan", "12", '{"get":1}', ""]
    )
    def test_a_text_is_told_from_what_is_written_like_it(self, tmp_path: Path, wanted: str) -> None:
        texts = [
            "get",
            "/get",
            'g"e',
            "g\\e",
            "zażółć",
            "true",
            "null",
            "nan",
            "12",
            '{"get":1}',
            '["get"]',
            '"get"',
            "",
        ]
        written = [json.dumps(text) for text in texts]
        values = ['"\\u0067et"', "true", "null", "12", "1e400", '{"get":1}', '["get"]', "{}", *written]
        lines = [event("06:02:00")[:-1] + f',"verb":{value},"user":{{"username":{value}}}}}' for value in values]
        path = write_log(tmp_path, *lines)
        verb, user = field("verb"), field("user.username")

        assert_agree([path], [Question(condition=verb == wanted), Question(condition=user == wanted)])
        assert_agree([path], [Question(condition=verb == wanted), Question(condition=verb != wanted)])
        assert_agree([path], [Question(condition=(verb == wanted) | (verb == 12) | (user == "*"))])
        assert_agree([path], [Question(condition=(verb == wanted) | (user == wanted), value=("verb",))])

    @pytest.mark.parametrize(
        "condition",
        [
            *(
                field("verb") == wanted
                for wanted in ("get", "get*", "*e*", "*", "403", '*"*', "\\get", "zażółć*", "{*")
            ),
            *(field("user.username") != wanted for wanted in ("get", "*et", "*", "true", "403", "[*")),
            *(field("responseStatus.code") == number for number in (403, 0, 2**63, 10**30, 0.1)),
            field("responseStatus.code") != 403,
            field("responseStatus.code") > 2**63,
            field("responseStatus.code") <= -1,
            field("sourceIPs[*]") == "get*",
            field("sourceIPs[0]") != "get",
            field("items[*].kind") == "zażółć 😀",
            field("items[*].kind").is_true(),
            field("items[*].kind").not_exists(),
            field("flag").is_true(),
            field("flag").is_null(),
            field("flag").not_exists(),
            field("user.username").not_exists(),
        ],
        ids=repr,
    )
    def test_agree_on_odd_values(self, tmp_path: Path, condition: Expression) -> None:
        timed = [b'{"stageTimestamp":"2026-11-23T06:02:30.000000Z",' + line[1:] for line in ODD]
        readable = [line for line in timed if b'"\\ud83d"' not in line]

        assert_agree([write_log(tmp_path, *timed)], [Question(condition=condition)])
        assert_agree([write_log(tmp_path, *readable)], [Question(condition=condition)])
        assert_agree([write_log(tmp_path, *readable)], [Question(condition=condition), Question(condition=EVERYTHING)])

    @pytest.mark.parametrize(
        "rest", ['"userAgent":null', '"user\\u0041gent" : null', '"x":{"userAgent":null}', '"x":1']
    )
    def test_null_is_told_from_missing(self, tmp_path: Path, rest: str) -> None:
        path = write_log(tmp_path, f"{event('06:02:00')[:-1]},{rest}}}")
        agent = field("userAgent")

        assert_agree([path], [Question(condition=agent.not_exists()), Question(condition=agent.is_null())])

    @pytest.mark.parametrize(
        "question",
        [
            Question(condition=field("stageTimestamp") == "2026*"),
            Question(condition=field("stageTimestamp.x") == "2026*"),
            Question(condition=EVERYTHING, value=(0,)),
            Question(condition=(field("user") == "a") | (field("user.username") == "a")),
            Question(condition=(field("stage") == "a") | (field("Stage") == "a")),
        ],
    )
    def test_fields_that_the_json_reader_would_need_twice(self, tmp_path: Path, question: Question) -> None:
        user = {"username": "a"}
        path = write_log(tmp_path, event("06:02:00", stage="a"), event("06:02:00", Stage="a", user=user))

        assert_agree([path], [question])

    def test_what_sql_cannot_say_is_counted_all_the_same(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, json.dumps({'quo"te': 1}), json.dumps({"quote": 1}))
        questions = [Question(condition=NotExists(('quo"te',)))]

        assert by_engine([path], questions).answers[0].matched == 1


class TestTimes:
    def test_an_event_without_a_time_counts_in_the_minute_of_the_one_before(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, "denied 0", event("06:02:59"), "denied 1", event("06:04:00"), "denied 2")

        counted = by_engine([path])

        assert counted == by_reference([path])
        assert (counted.untimed, counted.undated) == (3, 0)
        assert counted.lines == {SIX_TWO: 3, SIX_TWO + 120: 2}
        assert counted.answers[6].minutes == {SIX_TWO: Sample(2, 2, 1, 1), SIX_TWO + 120: Sample(1, 1, 1, 1)}

    def test_the_event_before_is_one_of_the_same_log(self, tmp_path: Path) -> None:
        early = write_log(tmp_path, event("06:02:00"), name="a.jsonl")
        late = write_log(tmp_path, "denied", event("06:05:00"), name="b.jsonl")

        counted = by_engine([early, late])

        assert counted == by_reference([early, late])
        assert counted.lines == {SIX_TWO: 1, SIX_TWO + 180: 2}

    def test_a_log_without_any_time_is_in_no_minute(self, tmp_path: Path) -> None:
        timeless = write_log(tmp_path, "denied", "{}", name="a.jsonl")
        timed = write_log(tmp_path, event("06:02:00"), name="b.jsonl")

        counted = by_engine([timeless, timed])

        assert counted == by_reference([timeless, timed])
        assert (counted.events, counted.undated, counted.lines) == (3, 2, {SIX_TWO: 1})

    def test_clocks_out_of_order(self, tmp_path: Path) -> None:
        path = write_log(tmp_path, event("06:05:00"), event("06:02:00"), event("06:03:00"))

        counted = by_engine([path])

        assert counted == by_reference([path])
        assert counted.first and counted.last
        assert (counted.first.minute, counted.last.minute) == (2, 5)


def test_an_empty_log(tmp_path: Path) -> None:
    counted = by_engine([write_log(tmp_path, "", "  ")])

    assert (counted.events, counted.first, counted.lines) == (0, None, {})


def test_many_small_files_count_as_one(tmp_path: Path, real_logs: Path) -> None:
    log = (real_logs / "benign_day.jsonl").read_text().splitlines()
    for number, line in enumerate(log):
        (tmp_path / f"{number}.gz").write_bytes(gzip.compress(line.encode()))

    assert by_engine([tmp_path]) == by_engine([real_logs / "benign_day.jsonl"])


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    told: list[float] = []
    paths = [write_log(tmp_path, event("06:02:00"), name=f"{name}.jsonl") for name in "ab"]

    with opened(paths) as logs:
        engine.count(logs, [Question(condition=all_of([]))], progress=told.append)

    assert told == sorted(told)
    assert told[-1] == 1
