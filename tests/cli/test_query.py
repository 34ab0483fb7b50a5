"""eks-audit query and queries: what can be asked, and asking it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eks_audit_constructs import catalog, demo
from tests.cli.conftest import Run
from tests.replay.builders import event, write_log, write_template


@pytest.fixture
def template(tmp_path: Path) -> Path:
    query = {"Name": "team/Who reads", "QueryString": "filter verb = 'get' | fields verb"}
    return write_template(tmp_path, Reads={"Type": "AWS::Logs::QueryDefinition", "Properties": query})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(tmp_path, event("06:00:00", verb="get"), event("06:00:01", verb="list"))


@pytest.mark.parametrize("name", ["forbidden-who", "403 - who, from where, with what"])
def test_a_query_of_the_catalogue(run: Run, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert run("query", name, demo.ATTACK, "--json") == 0

    assert json.loads(capsys.readouterr().out)["matched"] == 37


def test_a_query_of_a_template(run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path) -> None:
    assert run("query", "Who reads", log, log, "--template", template) == 0

    assert "2 of 4 events matched, 2 rows" in capsys.readouterr().out


def test_with_a_text_all_arguments_are_logs(run: Run, capsys: pytest.CaptureFixture[str], log: Path) -> None:
    assert run("query", log, log, "--text", "filter verb = 'list'") == 0

    assert "2 of 4 events matched" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["TEMPLATE", "LOG", "Who reads"], "Give it as --template"),
        (["LOG", "Who reads"], "name the query first"),
        (["forbidden-whom", "LOG"], "forbidden-who"),
        (["forbidden-who"], "at least one log"),
        (["forbidden-who", "TEMPLATE"], "Give it as --template"),
        (["TEMPLATE", "--text", "fields verb"], "Give it as --template"),
        ([], "no query is named"),
        (["LOG", "--text", "fields verb", "--template", "TEMPLATE"], "one or the other"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    run: Run, capsys: pytest.CaptureFixture[str], template: Path, log: Path, arguments: list[str], said: str
) -> None:
    paths = {"TEMPLATE": str(template), "LOG": str(log)}

    assert run("query", *(paths.get(one, one) for one in arguments)) == 2

    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


@pytest.fixture(autouse=True)
def nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_the_queries_of_the_catalogue(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("queries", "--json") == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [query.id for query in catalog.QUERIES]

    assert run("queries") == 0
    out = capsys.readouterr().out
    assert all(query.title in out and query.answers in out for query in catalog.QUERIES)


def test_the_queries_of_a_template(run: Run, capsys: pytest.CaptureFixture[str], template: Path) -> None:
    assert run("queries", "--template", template) == 0

    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["Query", "Title", "What", "it", "answers"]
    assert row.split() == ["Reads", "Who", "reads"]
