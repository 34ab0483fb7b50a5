"""DuckDB and plain Python count the same: logs as they are, their times, and many files."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from eks_audit_constructs.audit_logs.logs import Log, opened
from eks_audit_constructs.conditions.expression import EVERYTHING, Comparison, Operator, all_of, field, message_contains
from eks_audit_constructs.replay.counting import engine, reference
from eks_audit_constructs.replay.counting.counts import Question, Sample, Tally
from tests.replay.builders import event, write_log
from tests.replay.counting.engines import COMPARISONS, assert_agree, by_engine, by_reference

SIX_TWO = 1_795_413_720  # 2026-11-23T06:02:00Z


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


UNSAID = Comparison(('quo"te',), Operator.EQ, "a")
"""A condition that SQL cannot say."""


class TestWhatSqlCannotSay:
    @pytest.fixture
    def asked_in_python(self, monkeypatch: pytest.MonkeyPatch) -> list[Question]:
        """The questions that are answered in plain Python, as they are asked."""
        asked: list[Question] = []
        count = reference.count

        def observed(log: Log, questions: Sequence[Question], one_in: int = 1) -> Tally:
            asked.extend(questions)
            return count(log, questions, one_in)

        monkeypatch.setattr(reference, "count", observed)
        return asked

    @pytest.mark.parametrize("place", [0, 1, 2])
    @pytest.mark.parametrize("sizes", [False, True])
    def test_is_counted_apart(self, tmp_path: Path, asked_in_python: list[Question], place: int, sizes: bool) -> None:
        log = write_log(tmp_path, *(event(f"06:0{n}:00", verb="get", **{'quo"te': "ab"[n > 2]}) for n in range(1, 7)))
        questions = [Question(condition=field("verb") == "get"), Question(condition=message_contains(":04:"))]
        questions.insert(place, Question(condition=UNSAID))

        counted = by_engine([log], questions, sizes=sizes)

        assert asked_in_python == [questions[place]]
        matched = [6, 1]
        matched.insert(place, 2)
        assert [answer.matched for answer in counted.answers] == matched
        assert counted.events == 6

    def test_may_be_a_number_to_add_up(self, tmp_path: Path, asked_in_python: list[Question]) -> None:
        log = write_log(tmp_path, event("06:02:00", **{'quo"te': 3}), event("06:02:30", **{'quo"te': 4}))

        counted = by_engine([log], [Question(condition=EVERYTHING, value=('quo"te',))], sizes=False)

        assert counted.answers[0].minutes == {SIX_TWO: Sample(2, 7, 3, 4)}
        assert counted.events == 2

    def test_makes_nothing_else_slow(self, tmp_path: Path, asked_in_python: list[Question]) -> None:
        log = write_log(tmp_path, event("06:02:00", verb="get"))

        by_engine([log], sizes=False)

        assert asked_in_python == []

    def test_is_counted_in_each_log_of_a_batch(self, tmp_path: Path) -> None:
        logs = [[event("06:02:00", **{'quo"te': one})] for one in "ab"]
        logs.append([event("06:03:00", **{'quo"te': "a"}), "one\rtwo"])  # which DuckDB refuses
        paths = [write_log(tmp_path, *log, name=f"{number}.jsonl") for number, log in enumerate(logs)]

        counted = by_engine(paths, [Question(condition=UNSAID), Question(condition=EVERYTHING)])

        assert counted == by_reference(paths, [Question(condition=UNSAID), Question(condition=EVERYTHING)])
        assert [answer.matched for answer in counted.answers] == [2, 4]
