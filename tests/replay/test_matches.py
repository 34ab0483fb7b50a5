"""The second pass finds the events that the counts count, and says what it leaves out."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.conditions import pattern_parser
from eks_audit_constructs.conditions.expression import EVERYTHING, Comparison, Expression, Operator
from eks_audit_constructs.replay import replay
from eks_audit_constructs.replay.counting import reference
from eks_audit_constructs.replay.counting.counts import Question
from eks_audit_constructs.replay.matches import Matches, Top, matches
from eks_audit_constructs.replay.matching_rows import KEPT
from eks_audit_constructs.templates.template import Key, read_template
from tests.conditions.strategies import expressions, lines
from tests.depth import examples
from tests.replay.builders import event, metric_filter, write_log, write_template

FORBIDDEN = '{ $.responseStatus.code = 403 && $.stage = "ResponseComplete" }'


def condition(pattern: str) -> Expression:
    return pattern_parser.parse(pattern, where="test")


def collected(pattern: str, *paths: Path, **limits: int) -> Matches:
    with logs.opened(paths) as found:
        return matches({"it": condition(pattern)}, found, **limits)["it"]


def get(clock: str, user: str | None, address: str = "10.0.0.1") -> str:
    return event(clock, verb="get", user={"username": user} if user else {}, sourceIPs=["1.1.1.1", address])


class TestEvents:
    def test_tells_who_did_what_from_where(self, real_logs: Path) -> None:
        found = collected(FORBIDDEN, real_logs / "forbidden_spike.jsonl")

        first = found.events[0]
        assert found.total == len(found.events) > 10
        assert first.principal == "arn:aws:sts::111122223333:assumed-role/Developer/raj"
        assert (first.verb, first.resource, first.namespace, first.code) == ("list", "secrets", "payments", "403")
        assert json.loads(first.message)["verb"] == "list"
        assert [item.at for item in found.events if item.at] == sorted(item.at for item in found.events if item.at)

    def test_keeps_the_first_and_the_latest(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, *[get(f"06:00:{second:02}", "ann") for second in reversed(range(20))])

        found = collected('{ $.verb = "get" }', log, events=5)

        assert found.total == 20
        assert [item.at.second for item in found.events if item.at] == [0, 1, 2, 18, 19]

    def test_without_a_time_comes_last(self, tmp_path: Path) -> None:
        found = collected("get", write_log(tmp_path, "get: klog", get("06:00:00", "ann")))

        assert [item.principal for item in found.events] == ["ann", None]
        assert found.events[1].message == "get: klog"

    def test_keeps_the_beginning_of_a_long_line(self, tmp_path: Path) -> None:
        line = event("06:00:00", verb="get", body="é" * 20_000)

        [item] = collected('{ $.verb = "get" }', write_log(tmp_path, line)).events

        assert (len(item.message), item.length) == (KEPT, len(line))

    def test_the_time_of_an_export(self, tmp_path: Path) -> None:
        [item] = collected("denied", write_log(tmp_path, "2026-11-23T06:00:01.250Z access denied")).events

        assert item.at is not None
        assert (item.at.isoformat(), item.message) == ("2026-11-23T06:00:01.250000+00:00", "access denied")

    def test_reads_gzip_and_many_files_as_one(self, tmp_path: Path) -> None:
        plain = write_log(tmp_path, get("06:00:00", "ann"))
        packed = tmp_path / "more.jsonl.gz"
        packed.write_bytes(gzip.compress(get("06:00:01", "bob").encode()))

        found = collected('{ $.verb = "get" }', plain, packed)

        assert [item.principal for item in found.events] == ["ann", "bob"]


class TestTop:
    def test_counts_all_and_says_what_it_leaves_out(self, tmp_path: Path) -> None:
        users = ["ann"] * 4 + ["bob"] * 3 + [None] * 2 + ["cyd"]
        log = write_log(tmp_path, *[get("06:00:00", user) for user in users])

        found = collected('{ $.verb = "get" }', log, events=2, top=2)

        assert found.by_principal == Top(rows=(("ann", 4), ("bob", 3)), distinct=4, others=3)
        assert found.by_agent == Top(rows=((None, 10),), distinct=1, others=0)

    def test_takes_the_address_no_client_can_choose(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, get("06:00:00", "ann", "10.0.0.9"))

        assert collected('{ $.verb = "get" }', log).by_address.rows == (("10.0.0.9", 1),)

    def test_nothing_matches(self, tmp_path: Path) -> None:
        assert collected('{ $.verb = "list" }', write_log(tmp_path, get("06:00:00", "ann"))) == Matches()


class TestTemplate:
    def test_has_each_filter_that_can_be_evaluated(self, tmp_path: Path) -> None:
        template = write_template(
            tmp_path, F=metric_filter('{ $.verb = "get" }'), G=metric_filter("ann"), Wrong=metric_filter("[a]")
        )
        with logs.opened([write_log(tmp_path, get("06:00:00", "ann"), get("06:00:00", "bob"))]) as found:
            every = matches(read_template(template).conditions(), found)
            one = matches(read_template(template).conditions({Key("template.json", "G")}), found)

        assert {key.logical_id: item.total for key, item in every.items()} == {"F": 2, "G": 1}
        assert {key.logical_id: item.total for key, item in one.items()} == {"G": 1}

    def test_agrees_with_the_counts_on_all_real_logs(
        self, default_template: dict[str, object], real_logs: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "t.json"
        path.write_text(json.dumps(default_template))
        recordings = sorted(real_logs.glob("*.jsonl"))
        counted = replay(path, recordings)
        with logs.opened(recordings) as found:
            matched = matches(counted.template.conditions(), found)

        totals = {item.filter.key: item.matched for item in counted.filters}
        assert {name: item.total for name, item in matched.items()} == totals
        assert sum(totals.values()) > 100


class TestWhatDuckdbRefuses:
    """Such files are read in Python, to the same rows."""

    @pytest.mark.parametrize("odd", [b"caf\xe9 get", b"a\rget", b"get " + b"x" * 5_000_000])
    def test_loses_no_event(self, tmp_path: Path, odd: bytes) -> None:
        lines = [get("06:00:00", "ann"), event("06:00:01", verb="get", objectRef={"resource": "pods", "name": "p"})]
        clean = collected("get", write_log(tmp_path, *lines, name="clean.jsonl"))

        found = collected("get", write_log(tmp_path, *lines, odd, name="odd.jsonl"))

        assert found.total == 3
        assert found.events[:2] == clean.events
        assert (found.events[2].at, found.events[2].principal) == (None, None)

    def test_a_damaged_file_is_read_up_to_the_damage(self, tmp_path: Path) -> None:
        packed = tmp_path / "cut.jsonl.gz"
        packed.write_bytes(gzip.compress("\n".join([get("06:00:00", "ann")] * 10_000).encode())[:-200])

        found = collected('{ $.verb = "get" }', packed)

        with logs.opened([packed]) as opened:
            [expected] = reference.count(opened[0], [Question(condition=condition('{ $.verb = "get" }'))]).answers
        assert 0 < found.total < 10_000
        assert found.total == expected.matched

    def test_a_condition_sql_cannot_say(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:00:00", **{"a\\b": "x"}), event("06:00:00", a="x"))

        with logs.opened([log]) as found:
            matched = matches({"odd": Comparison(("a\\b",), Operator.EQ, "x")}, found)

        assert matched["odd"].total == 1


@settings(max_examples=examples(40))
@given(st.lists(expressions(terms=True), min_size=1, max_size=4), st.lists(lines(), min_size=1, max_size=6))
def test_matches_what_the_reference_matches(conditions: list[Expression], written: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = write_log(Path(folder), *written)
        with logs.opened([log]) as found:
            matched = matches({str(index): item for index, item in enumerate(conditions)}, found)
            expected = reference.count(found[0], [Question(condition=item) for item in conditions]).answers

    assert [item.total for item in matched.values()] == [answer.matched for answer in expected]


def test_the_empty_pattern_matches_every_line(tmp_path: Path) -> None:
    log = write_log(tmp_path, event("06:02:30", verb="get"), "no JSON")
    with logs.opened([log]) as found:
        assert matches({"all": EVERYTHING}, found)["all"].total == 2
