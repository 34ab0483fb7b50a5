"""Events that came more than once are told, whichever way their files are read, and each is counted."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections import Counter
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from eks_audit_constructs.conditions.expression import EVERYTHING, Expression, field
from eks_audit_constructs.replay import Replay, replay
from eks_audit_constructs.replay.counting.counts import LogCounts, Question, Tally
from eks_audit_constructs.replay.report import as_json, print_report
from eks_audit_constructs.tuning import report, tune
from eks_audit_constructs.tuning.report import print_tuning
from eks_audit_constructs.tuning.subjects import of_template
from tests.depth import examples
from tests.replay.builders import event, metric_filter, write_log, write_template
from tests.replay.counting.engines import COMPARISONS, QUESTIONS, assert_agree, by_engine

ID, OTHER = "0a1b2c3d-0000-4000-8000-00000000000a", "1e5b2c3d-0000-4000-8000-00000000000b"
FORMS = ["lines", "export", "gzip", "returns"]
"""Ways of a file to the counts: the JSON reader's, that of raw lines, and plain Python's."""
IDS = [
    ID,
    OTHER,
    "mine",
    "12",
    "null",
    "true",
    "[1]",
    "",
    'a"b',
    "\\",
    "a\x00b",
    "zażółć",
    12,
    1.5,
    True,
    None,
    [1],
    {},
]
STAGES = ["ResponseComplete", "RequestReceived", "true", "5", "", 5, True, None, ["Panic"]]


def write(folder: Path, lines: list[str], form: str, name: str = "log") -> Path:
    text = "".join(f"{line}\n" for line in lines)
    if form == "export":
        text = "".join(f"2026-11-23T06:02:00.000Z {line}\n" for line in lines)
    if form == "returns":
        text = text.replace(", ", ",\r ")
    content = text.encode()
    path = folder / name
    path.write_bytes(gzip.compress(content, 1) if form == "gzip" else content)
    return path


def both(path: Path) -> list[LogCounts]:
    """With sizes and without, which are different ways."""
    return [by_engine([path], COMPARISONS), by_engine([path], COMPARISONS, sizes=False)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("other", FORMS)
def test_are_told_across_files_of_any_form(tmp_path: Path, form: str, other: str) -> None:
    log = [event("06:02:00", auditID=one, stage="ResponseComplete") for one in (ID, OTHER, "mine")]
    paths = [write(tmp_path, log, form, "a"), write(tmp_path, log[1:], other, "b")]

    counted = by_engine(paths, sizes=False)

    assert (counted.events, counted.duplicates, counted.duplicates_estimated) == (5, 2, False)
    assert counted.answers[8].matched == 5


@pytest.mark.parametrize("form", FORMS)
def test_another_stage_is_another_event(tmp_path: Path, form: str) -> None:
    log = [event("06:02:00", auditID=ID, stage=stage) for stage in ("RequestReceived", "ResponseComplete")]

    assert [counted.duplicates for counted in both(write(tmp_path, log, form))] == [0, 0]


@pytest.mark.parametrize("form", ["lines", "returns"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"auditID": ID},
        {"stage": "Panic"},
        {"auditID": 5, "stage": "Panic"},
        {"auditID": ID, "stage": 5},
        {"auditID": 10**35, "stage": "Panic"},
        {"auditID": -(10**34), "stage": "Panic"},
    ],
)
def test_without_both_texts_nothing_is_the_same(tmp_path: Path, form: str, fields: dict[str, Any]) -> None:
    log = [event("06:02:00", **fields)] * 2

    assert [counted.duplicates for counted in both(write(tmp_path, log, form))] == [0, 0]


def test_no_copy_in_the_real_logs_until_one_is_given_twice(real_logs: Path) -> None:
    once = by_engine([real_logs])
    twice = by_engine([real_logs, real_logs / "quota_denials.jsonl"])

    assert (once.events, once.duplicates) == (594, 0)
    assert (twice.events, twice.duplicates) == (594 + 91, 91)


@given(
    log=st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(STAGES)), max_size=12),
    form=st.sampled_from(FORMS),
    condition=st.sampled_from(
        [
            EVERYTHING,
            field("auditID") == "mine",
            field("auditID") == 12,
            field("auditID[0]") == 1,
            field("auditid") == "mine",
            field("stage").is_null() | (field("stage") == "*"),
            (field("stage") == "ResponseComplete") | (field("stage.x") == "Panic"),
        ]
    ),
)
@settings(max_examples=examples(25))
def test_their_number_is_right(log: list[tuple[Any, Any]], form: str, condition: Expression) -> None:
    texts = Counter(pair for pair in log if all(isinstance(part, str) for part in pair))
    lines = [event("06:02:00", auditID=one, stage=stage) for one, stage in log]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), lines, form)

        assert_agree([path], [Question(condition=condition)])
        assert by_engine([path], [Question(condition=condition)], sizes=False).duplicates == sum(
            number - 1 for number in texts.values()
        )


def test_copies_in_different_logs_add_up() -> None:
    total, other = Tally(0), Tally(0)
    total.add_events(None, 5, 0)
    total.identities.update({4: 2, 8: 1})
    other.add_events(None, 9, 0)
    other.identities.update({8: 1, 12: 2})

    total += other

    counted = total.result(one_in=4)
    assert counted.identities == {4: 2, 8: 2, 12: 2}
    assert (counted.duplicates, counted.duplicates_estimated) == (12, True)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 70 MB: 14,000 events, and 4,000 of them again in a file that DuckDB refuses."""
    folder = tmp_path_factory.mktemp("large")
    random, padding = Random(1), "x" * 5000
    ids = [str(UUID(int=random.getrandbits(128))) for _ in range(14_000)]
    log = [event("06:02:00", auditID=one, stage="Panic", verb="get", padding=padding) for one in ids]
    write(folder, log, "lines", "all")
    write(folder, [event("06:02:00", auditID=one, stage="Panic", verb="get") for one in ids[:4000]], "returns", "b")
    return folder


class TestLargeLogs:
    @pytest.mark.parametrize("sizes", [False, True])
    def test_are_estimated(self, large: Path, sizes: bool) -> None:
        counted = by_engine([large], QUESTIONS[8:], sizes=sizes)

        assert counted.events == counted.answers[0].matched == 18_000
        assert counted.duplicates_estimated
        assert 3_000 < counted.duplicates < 5_000
        assert len(counted.identities) < 4_000

    def test_without_a_copy_there_is_none(self, large: Path) -> None:
        counted = by_engine([large / "all"], QUESTIONS[8:], sizes=False)

        assert (counted.one_in > 1, counted.duplicates, counted.duplicates_estimated) == (True, 0, False)

    def test_the_report_says_about(self, large: Path, tmp_path: Path) -> None:
        result = replay(write_template(tmp_path, F=metric_filter('{ $.verb = "get" }')), [large])

        assert result.filters[0].matched == 18_000
        assert json.loads(as_json(result))["duplicates_estimated"] is True
        assert "  about " in printed(result)
        assert "00 duplicates" in printed(result)


class TestReport:
    def run(self, folder: Path, *lines: str) -> Replay:
        return replay(write_template(folder, F=metric_filter('{ $.verb = "get" }')), [write_log(folder, *lines)])

    def test_says_how_many(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, *[event("06:02:00", auditID=ID, stage="Panic", verb="get")] * 1235)

        assert result.filters[0].matched == 1235
        assert "  1,234 duplicates (same auditID and stage): each is counted\n" in printed(result)
        assert json.loads(as_json(result))["duplicates"] == 1234
        assert "duplicates_estimated" not in json.loads(as_json(result))

    def test_says_so_when_it_tunes(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, *[event("06:02:00", auditID=ID, stage="Panic", verb="get")] * 3)
        tuning = tune(of_template(result.template), [tmp_path / "audit.jsonl"])
        console = Console(file=StringIO(), width=200)

        print_tuning(tuning, console)

        assert isinstance(console.file, StringIO)
        assert "2 duplicates (same auditID and stage)" in console.file.getvalue()
        assert json.loads(report.as_json(tuning))["duplicates"] == 2

    def test_is_silent_where_there_are_none(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, *[event("06:02:00", auditID=one, stage="Panic") for one in (ID, OTHER)])

        assert "duplicate" not in printed(result)
        assert "duplicates" not in json.loads(as_json(result))


def printed(result: Replay) -> str:
    console = Console(file=StringIO(), width=200)
    print_report(result, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
