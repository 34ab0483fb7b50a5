"""A saved query is found by whatever people call it, and its answer printed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.insights import Table, choose, find, run
from eks_audit_constructs.insights.show import as_json, print_answer
from eks_audit_constructs.templates.template import Template, read_template
from tests.replay.builders import event, write_log, write_template

QUERIES = {
    "AuditQueriesForbiddenWho1A2B3C4D": ("EKS audit/demo/403 - who", "stats count(*) as n by verb | sort n desc"),
    "AuditQueriesSecretsWho5E6F7A8B": ("EKS audit/demo/Secrets - who", "filter verb = 'get' | fields verb"),
    "Other": ("team/403 - who", "fields verb | nosuch"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    resources = {
        id: {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": name, "QueryString": text}}
        for id, (name, text) in QUERIES.items()
    }
    return write_template(tmp_path, **resources)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_log(
        tmp_path, event("06:00:00", verb="get"), event("06:00:01", verb="get"), event("06:00:02", verb="x")
    )


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("EKS audit/demo/403 - who", "AuditQueriesForbiddenWho1A2B3C4D"),
        ("team/403 - who", "Other"),
        ("secrets - WHO", "AuditQueriesSecretsWho5E6F7A8B"),
        ("AuditQueriesForbiddenWho1A2B3C4D", "AuditQueriesForbiddenWho1A2B3C4D"),
        ("forbidden-who", "AuditQueriesForbiddenWho1A2B3C4D"),
        ("other", "Other"),
    ],
)
def test_is_found(path: Path, name: str, id: str) -> None:
    assert find(read_template(path), name).logical_id == id


@pytest.mark.parametrize(
    ("name", "limit", "way_out"),
    [
        ("403 - who", "2 of its 3", "EKS audit/demo/403 - who; team/403 - who"),
        ("403 - whom", "none of its 3", "403 - who"),
        ("who", "2 of its 3", "Secrets - who"),
        ("", "none of its 3", "Secrets - who"),
    ],
)
def test_near_names_are_listed(path: Path, name: str, limit: str, way_out: str) -> None:
    with pytest.raises(QueryError, match=limit) as refusal:
        find(read_template(path), name)
    assert way_out in refusal.value.way_out


def test_a_template_without_queries_says_so() -> None:
    template = Template(name="x", filters=(), alarms=(), queries=(), resources={})
    with pytest.raises(QueryError, match="has saved queries"):
        find(template, "a")


def answered(*arguments: str | Path, text: str | None = None) -> Table:
    where, query, logs = choose(list(map(str, arguments)), text)
    return run(query, logs, where=where)


def printed(table: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=300)
    print_answer(table, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_answer_as_a_table(path: Path, log: Path) -> None:
    header, first, second, _, counts = printed(answered(path, log, "forbidden-who"))

    assert (header.split(), first.split(), second.split()) == (["verb", "n"], ["get", "2"], ["x", "1"])
    assert counts == "3 of 3 events matched, 2 rows"


def test_the_answer_as_json(path: Path, log: Path) -> None:
    assert json.loads(as_json(answered(path, log, log, "Secrets - who"))) == {
        "scanned": 6,
        "matched": 4,
        "unreadable": 0,
        "rows": [{"verb": "get"}] * 4,
    }


def test_numbers_and_signs_are_printed_as_they_are(tmp_path: Path) -> None:
    log = write_log(tmp_path, event("06:00:00", verb="[bold]"))
    header, row, *_ = printed(answered(log, text="fields verb, 1234567 as many, 1 / 3 as third, missing"))
    assert header.split() == ["verb", "many", "third", "missing"]
    assert row.split() == ["[bold]", "1,234,567", "0.333333"]


def test_what_is_wrong_with_the_logs_is_said(tmp_path: Path) -> None:
    write_log(tmp_path, "no JSON", event("06:00:00", verb="get"))
    (tmp_path / "aws-logs-write-test").write_text("")
    table = answered(tmp_path, text="filter verb = 'no'")

    counts, unreadable, untimed, note = printed(table)
    assert counts == "0 of 2 events matched, 0 rows"
    assert unreadable.startswith("  1 of them are no JSON object")
    assert untimed.startswith("  1 of them have no time")
    assert "aws-logs-write-test: left out" in note
    document = json.loads(as_json(table))
    assert (document["untimed"], len(document["notes"])) == (1, 1)


def test_an_error_names_the_query_and_the_place(path: Path, log: Path) -> None:
    with pytest.raises(QueryError, match="team/403 - who, line 1, column 15: 'nosuch'"):
        answered(path, log, "Other")


@pytest.mark.parametrize("arguments", [[], ["template.json"]])
def test_a_template_and_a_name_are_wanted(arguments: list[str]) -> None:
    with pytest.raises(QueryError, match="a template and the name"):
        choose(arguments, None)


def test_logs_may_be_elsewhere(path: Path) -> None:
    assert choose([str(path), "forbidden-who"], None)[2] == []
    assert choose([], "fields verb") == ("--text", "fields verb", [])
