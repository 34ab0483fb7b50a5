"""DuckDB's JSON reader: what it reads as text, and when that does not suffice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eks_audit_constructs import catalog
from eks_audit_constructs.conditions.expression import EVERYTHING, Expression, field
from eks_audit_constructs.replay.counting import engine
from eks_audit_constructs.replay.counting.counts import Question
from tests.replay.builders import event, write_log
from tests.replay.counting.engines import assert_agree, by_engine

PLAIN = [
    "get",
    "nodes",
    "{x",
    "[x",
    "-",
    "12-a",
    "trueish",
    "null-a",
    "nanny",
    '"',
    "g\\e",
    'g"e',
    "zażółć 😀",
    " ",
    "",
]
"""Texts that no other JSON value is written like."""
JSON_LIKE = ["12", "-1.5e3", "true", "false", "null", "{}", '{"get":1}', "[]", '["get"]', '"get"']
"""Texts that another JSON value may be written like."""
VERB = field("verb")
ASKED: dict[str, list[Expression]] = {
    "strings": [VERB == "get", VERB != "get", VERB == "g*", VERB == "*e*", VERB.matches("^g"), VERB.not_exists()],
    "any": [VERB == "*", VERB != "get"],
    "constants": [VERB.is_true(), VERB == "true", VERB.is_null()],
    "numbers": [VERB == 12, VERB != "12", VERB > 0],
    "inside": [field("verb.get") == 1, VERB != "get"],
}


@pytest.fixture
def reads_lines(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The batches that are read as raw lines."""
    read: list[int] = []
    read_lines = engine._Counter._read_lines

    def observed(counter: engine._Counter, database: object, batch: object) -> object:
        read.append(1)
        return read_lines(counter, database, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(engine._Counter, "_read_lines", observed)
    return read


def write_value(folder: Path, value: str) -> Path:
    """Write a log in which a field has a value, given as JSON."""
    return write_log(folder, f'{event("06:02:00")[:-1]},"verb":{value}}}')


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("value", [json.dumps(text) for text in PLAIN + JSON_LIKE] + [*JSON_LIKE, "1e400", "{ }"])
def test_a_value_alone_is_what_it_is(tmp_path: Path, value: str, asked: str) -> None:
    assert_agree([write_value(tmp_path, value)], [Question(condition=condition) for condition in ASKED[asked]])


@pytest.mark.parametrize("text", PLAIN)
def test_most_texts_are_certain(tmp_path: Path, text: str, reads_lines: list[int]) -> None:
    by_engine([write_value(tmp_path, json.dumps(text))], [Question(condition=VERB != "get")], sizes=False)

    assert reads_lines == []


@pytest.mark.parametrize("value", ["12", '"12"', "true", '"true"', "{}", '"{}"'])
def test_a_text_that_is_itself_json_is_not(tmp_path: Path, value: str, reads_lines: list[int]) -> None:
    by_engine([write_value(tmp_path, value)], [Question(condition=VERB != "get")], sizes=False)

    assert reads_lines == [1]


@pytest.mark.parametrize("value", ["12", "true", "{}", '"12"'])
def test_where_it_does_not_matter_nobody_asks(tmp_path: Path, value: str, reads_lines: list[int]) -> None:
    log = write_value(tmp_path, value)

    by_engine([log], [Question(condition=EVERYTHING)], sizes=False)
    by_engine([log], [Question(condition=VERB != "get"), Question(condition=VERB > 0)], sizes=False)
    by_engine([log], [Question(condition=VERB.is_true() | (VERB == "get"))], sizes=False)

    assert reads_lines == []


def test_real_logs_need_no_raw_lines(real_logs: Path, reads_lines: list[int]) -> None:
    conditions = [one.condition for one in catalog.ALL if isinstance(one.condition, Expression)]

    by_engine([real_logs], [Question(condition=condition) for condition in conditions], sizes=False)

    assert reads_lines == []
