"""DuckDB and plain Python count the same, whatever the log holds."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs.conditions.expression import EVERYTHING, Expression, NotExists, field, message_contains
from eks_audit_constructs.replay.counting.counts import Question
from tests.conditions.strategies import expressions, lines
from tests.depth import examples
from tests.replay.builders import event, write_log
from tests.replay.counting.engines import COMPARISONS, QUESTIONS, assert_agree, by_engine, by_reference

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
    @settings(max_examples=examples(25))
    def test_agree_on_any_log(self, log: list[str], conditions: list[Expression]) -> None:
        questions = [replace(QUESTIONS[0], condition=condition) for condition in conditions]
        with tempfile.TemporaryDirectory() as folder:
            path = write_log(Path(folder), *log)

            assert_agree([path], questions)

    @given(
        log=st.lists(st.one_of(lines(), st.sampled_from(ODD).map(lambda line: line.decode())), max_size=8),
        conditions=st.lists(st.one_of(expressions(), expressions(terms=True)), min_size=1, max_size=4),
    )
    @settings(max_examples=examples(40))
    def test_agree_on_events_with_times(self, log: list[str], conditions: list[Expression]) -> None:
        questions = [replace(QUESTIONS[0], condition=condition) for condition in conditions]
        timed = ['{"stageTimestamp":"2026-11-23T06:02:30.000000Z",' + line[1:] for line in log if line[:2] == '{"']
        with tempfile.TemporaryDirectory() as folder:
            assert_agree([write_log(Path(folder), *timed)], questions)

    def test_the_json_reader_sees_what_it_cannot_tell(self, tmp_path: Path) -> None:
        for number, line in enumerate([*NASTY, *REFUSED_BY_DUCKDB.values()]):
            path = write_log(tmp_path, event("06:02:00", stage="a"), line, event("06:03:00"), name=f"{number}.jsonl")

            for questions in (COMPARISONS, [QUESTIONS[8]]):
                counted = by_engine([path], questions, sizes=False)
                assert replace(counted, sizes={}) == replace(by_reference([path], questions), sizes={})

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
        assert_agree([write_log(tmp_path, *readable)], [Question(condition=condition), Question(condition=EVERYTHING)])

    def test_agree_on_the_numbers_among_odd_values(self, tmp_path: Path) -> None:
        readable = [line for line in ODD if b'"\\ud83d"' not in line]
        timed = [event(f"06:{minute:02}:00")[:-1].encode() + b"," + line[1:] for minute, line in enumerate(readable)]
        paths: list[tuple[str | int, ...]] = [("responseStatus", "code"), ("verb",), ("sourceIPs", 0)]
        questions = [Question(condition=EVERYTHING, value=path) for path in paths]
        path = write_log(tmp_path, *timed)

        assert_agree([path], questions)
        assert_agree([path], questions[:1])
        numbers = by_reference([path], questions).answers[0].minutes
        assert {sample.total for sample in numbers.values()} >= {0, 403, 0.1, 2.0**63}
        assert len(numbers) < len(readable)

    @pytest.mark.parametrize(
        "rest",
        ['"userAgent":null', '"userAge\\u006Et":null', '"user\\u0041gent" : null', '"x":{"userAgent":null}', '"x":1'],
    )
    def test_null_is_told_from_missing(self, tmp_path: Path, rest: str) -> None:
        path = write_log(tmp_path, f"{event('06:02:00')[:-1]},{rest}}}")
        agent = field("userAgent")

        assert_agree([path], [Question(condition=agent.not_exists()), Question(condition=agent.is_null())])

    def test_texts_keep_their_answers_where_nulls_are_looked_for(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:02:00", verb="denied"), event("06:03:00", verb="get"))
        texts = [Question(condition=message_contains(word)) for word in ("denied", "get")]

        assert_agree([log], [texts[0], Question(condition=field("userAgent").not_exists()), texts[1]])

    @pytest.mark.parametrize(
        "username", ['"username":null', '"user\\u006eame" : null', '"username":"a"', '"groups":[]']
    )
    def test_null_is_told_from_missing_where_that_is_one_of_several_ways_to_match(
        self, tmp_path: Path, username: str
    ) -> None:
        lines = [f'{event("06:02:00", verb=verb)[:-1]},"user":{{{username}}}}}' for verb in ("get", "list")]
        nobody = (field("user.username") != "a") | field("user.username").not_exists()
        get = field("verb") == "get"

        assert_agree([write_log(tmp_path, *lines)], [Question(condition=nobody), Question(condition=get & nobody)])
        assert_agree(
            [write_log(tmp_path, *lines)], [Question(condition=get & (field("user.username").is_null() | nobody))]
        )

    @pytest.mark.parametrize(
        "event_fields", [{}, {"userAgent": None}, {"flag": None}, {"userAgent": None, "flag": None}]
    )
    def test_nulls_of_two_fields_that_only_matter_together(
        self, tmp_path: Path, event_fields: dict[str, object]
    ) -> None:
        log = write_log(tmp_path, event("06:02:00", verb="get", **event_fields))
        agent, flag, get = field("userAgent"), field("flag"), field("verb") == "get"

        for one in (agent.is_null(), agent.not_exists()):
            for other in (flag.is_null(), flag.not_exists(), flag.is_null() | (field("verb") == "list")):
                assert_agree([log], [Question(condition=one & other), Question(condition=get & (one | other))])

    @pytest.mark.parametrize("verb", ["get", "list"])
    @pytest.mark.parametrize("event_fields", [{}, {"userAgent": None}])
    def test_nulls_that_matter_in_one_of_several_ways_to_match(
        self, tmp_path: Path, verb: str, event_fields: dict[str, object]
    ) -> None:
        log = write_log(tmp_path, event("06:02:00", verb=verb, **event_fields))
        agent, get, listed = field("userAgent"), field("verb") == "get", field("verb") == "list"

        assert_agree([log], [Question(condition=(agent.not_exists() & get) | (agent.not_exists() & listed))])
        assert_agree([log], [Question(condition=(agent.is_null() & get) | (agent.is_null() & listed))])

    def test_the_end_of_a_regular_expression_is_the_end_of_the_text(self, tmp_path: Path) -> None:
        lines = [event("06:02:00", verb=verb, name="a$") for verb in ("get", "get\n", "widget", "$get")]
        log = write_log(tmp_path, *lines)
        ends = [field("verb").matches(source) for source in ("get$", "^get$", "[$]get$", r"\$", "[t$]$")]

        assert_agree([log], [Question(condition=end) for end in ends])
        counts = [by_reference([log], [Question(condition=end)]).answers[0].matched for end in ends]
        assert counts == [3, 1, 1, 1, 3]

    def test_strings_are_told_apart_however_they_are_written(self, tmp_path: Path) -> None:
        characters = [chr(code) for code in (*range(1, 0x180), 0x2028, 0xE000, 0xFFFD, 0x1F600)]
        lines = [
            event("06:02:00", objectRef={"name": f"a{one}b", "uid": one}, userAgent=f"{one}a") for one in characters
        ]
        plain = [one for one in characters if one != "*"]
        name, agent = field("objectRef.name"), field("userAgent")

        assert_agree([write_log(tmp_path, *lines)], [Question(condition=name == f"a{one}b") for one in plain])
        assert_agree([write_log(tmp_path, *lines)], [Question(condition=name == f"a{one}*") for one in plain])
        assert_agree([write_log(tmp_path, *lines)], [Question(condition=agent != f"{one}*") for one in plain])
        assert_agree([write_log(tmp_path, *lines)], [Question(condition=name != f"*{one}*") for one in plain[::7]])

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
