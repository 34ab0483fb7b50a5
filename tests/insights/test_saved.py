"""A saved query is found by whatever people call it, and its answer printed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import ClassVar

import pytest
from rich.console import Console

from eks_audit_constructs import catalog
from eks_audit_constructs.errors import QueryError
from eks_audit_constructs.insights import Table, choose, find, run
from eks_audit_constructs.insights.placeholders import filled
from eks_audit_constructs.insights.saved import offers, saved
from eks_audit_constructs.insights.show import as_json, offers_as_json, print_answer, print_offers
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


def answered(*logs: Path, name: str | None = None, text: str | None = None, template: Path | None = None) -> Table:
    where, query = choose(name, text=text, template=template)
    return run(query, logs, where=where)


def printed(table: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=300)
    print_answer(table, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_answer_as_a_table(path: Path, log: Path) -> None:
    header, first, second, _, counts = printed(answered(log, name="forbidden-who", template=path))

    assert (header.split(), first.split(), second.split()) == (["verb", "n"], ["get", "2"], ["x", "1"])
    assert counts == "3 of 3 events matched, 2 rows"


def test_the_answer_as_json(path: Path, log: Path) -> None:
    assert json.loads(as_json(answered(log, log, name="Secrets - who", template=path))) == {
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
    assert unreadable.startswith("  1 line is not a JSON object")
    assert untimed.startswith("  1 event has no usable time")
    assert "aws-logs-write-test: left out" in note
    document = json.loads(as_json(table))
    assert (document["untimed"], len(document["notes"])) == (1, 1)


def test_an_error_names_the_query_and_the_place(path: Path, log: Path) -> None:
    with pytest.raises(QueryError, match="team/403 - who, line 1, column 15: 'nosuch'"):
        answered(log, name="Other", template=path)


class TestChoose:
    def test_a_query_of_the_catalogue_by_id_or_title(self) -> None:
        query = next(query for query in catalog.QUERIES if query.id == "forbidden-who")
        for name in ("forbidden-who", query.title, query.title.upper()):
            assert choose(name, text=None, template=None) == (query.title, query.text)

    def test_any_other_query_by_its_text(self) -> None:
        assert choose(None, text="fields verb", template=None) == ("--text", "fields verb")

    def test_a_query_that_the_template_lacks_is_not_taken_from_the_catalogue(self, path: Path) -> None:
        assert choose("aws-auth-changed", text=None, template=None)
        with pytest.raises(QueryError, match="none of its 3"):
            choose("aws-auth-changed", text=None, template=path)

    def test_none_is_named(self) -> None:
        with pytest.raises(QueryError, match="no query is named"):
            choose(None, text=None, template=None)

    def test_a_text_and_a_template(self, path: Path) -> None:
        with pytest.raises(QueryError, match="one or the other"):
            choose(None, text="fields verb", template=path)

    def test_a_file_in_the_place_of_the_name(self, log: Path) -> None:
        with pytest.raises(QueryError, match="name the query first"):
            choose(str(log), text=None, template=None)

    def test_a_text_in_the_place_of_the_name(self) -> None:
        with pytest.raises(QueryError, match="as --text"):
            choose("fields verb | limit 5" * 50, text=None, template=None)


class TestLanguages:
    WHO: ClassVar = {"Name": "who", "DefaultValue": "kubernetes-admin"}

    @pytest.fixture
    def languages(self, tmp_path: Path) -> Path:
        def definition(kind: str = "QueryDefinition", **properties: object) -> dict[str, object]:
            return {"Type": f"AWS::Logs::{kind}", "Properties": properties}

        by_user = "filter user.username = {{who}} | stats count(*) by verb"
        return write_template(
            tmp_path,
            Sql=definition(Name="a/sql", QueryLanguage="SQL", QueryString="SELECT verb FROM `x`"),
            Ppl=definition(Name="a/ppl", QueryLanguage="PPL", QueryString="fields verb | stats count() by verb"),
            ByUser=definition(Name="a/by user", Parameters=[self.WHO], QueryString=by_user),
            Bare=definition(Name="a/bare", Parameters=[{"Name": "who"}], QueryString=by_user),
            Nightly=definition("ScheduledQuery", Name="nightly", QueryLanguage="CWLI", QueryString="stats count(*)"),
        )

    @pytest.mark.parametrize("language", ["SQL", "PPL"])
    def test_another_language_is_refused_by_name(self, languages: Path, language: str) -> None:
        with pytest.raises(QueryError, match=f"a/{language.lower()}: '{language}': this query is not in the Logs"):
            choose(language, text=None, template=languages)

    def test_a_scheduled_query_is_found(self, languages: Path) -> None:
        assert choose("nightly", text=None, template=languages) == ("nightly", "stats count(*)")

    def test_a_parameter_takes_its_default(self, languages: Path, tmp_path: Path) -> None:
        users = [{"username": "kubernetes-admin"}, {"username": "kubernetes"}]
        log = write_log(tmp_path, *(event("06:00:00", verb="get", user=user) for user in users))
        assert answered(log, name="by user", template=languages).rows == (("get", 1),)

    def test_a_parameter_without_a_default_is_said(self, languages: Path) -> None:
        with pytest.raises(QueryError, match=r"{{who}}.*has no default"):
            choose("bare", text=None, template=languages)


@pytest.mark.parametrize(
    ("query", "written"),
    [
        ("limit {{ n }}", "limit 5"),
        ("filter a = {{who}}", 'filter a = "o\'\\"x\\\\"'),
        ("filter a = {{quoted}}", "filter a = 'x y'"),
        ("filter a like {{regex}}", "filter a like /x{2}/"),
        ("filter a = '{{n}}-{{n}}'", "filter a = '5-5'"),
        ("fields `{{n}}.a` # {{nosuch}}", "fields `5.a` # {{nosuch}}"),
        ("fields a | parse /{{n}}(?<b>x)/", "fields a | parse /5(?<b>x)/"),
    ],
)
def test_how_a_default_is_put_in(query: str, written: str) -> None:
    defaults = {"n": "5", "who": "o'\"x\\", "quoted": "'x y'", "regex": "/x{2}/"}
    assert filled(query, defaults, where="q") == written


def test_a_parameter_that_is_not_declared() -> None:
    with pytest.raises(QueryError, match="does not declare it"):
        filled("limit {{m}}", {"n": "5"}, where="q")


class TestOffers:
    def test_each_query_of_the_catalogue(self) -> None:
        listed = offers(saved(None))
        assert [(one.id, one.title, one.answers, one.query) for one in listed] == [
            (query.id, query.title, query.answers, query.text) for query in catalog.QUERIES
        ]

    def test_ours_in_a_template_have_the_catalogues_ids_and_others_their_logical_ids(self, tmp_path: Path) -> None:
        ours = next(query for query in catalog.QUERIES if query.id == "forbidden-who")
        names = {"Mine": "team/Mine", "AuditQueriesForbiddenWho1A2B3C4D": f"EKS audit/demo/{ours.title}"}
        template = read_template(
            write_template(
                tmp_path,
                **{
                    id: {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": name, "QueryString": "fields x"}}
                    for id, name in names.items()
                },
            )
        )
        listed = offers(template)
        assert [(one.id, one.title, one.answers) for one in listed] == [
            ("Mine", "Mine", None),
            ("forbidden-who", ours.title, ours.answers),
        ]
        for one in listed:
            assert find(template, one.id).name == one.name, "what is listed can be named"

    @pytest.mark.parametrize("width", [60, 300])
    def test_printed(self, path: Path, width: int) -> None:
        console = Console(file=io.StringIO(), width=width)
        print_offers(offers(saved(None)), console)
        assert isinstance(console.file, io.StringIO)
        lines = console.file.getvalue().splitlines()
        text = " ".join(console.file.getvalue().split())
        assert ("What it answers" in lines[0]) is (width == 300), "a table where there is room"
        for query in catalog.QUERIES:
            assert f"{query.id} {query.title} {query.answers}" in text

    def test_as_json(self, path: Path) -> None:
        [first, *_] = json.loads(offers_as_json(offers(read_template(path))))
        assert first == {
            "id": "AuditQueriesForbiddenWho1A2B3C4D",
            "title": "403 - who",
            "answers": None,
            "name": "EKS audit/demo/403 - who",
            "query": "stats count(*) as n by verb | sort n desc",
        }
