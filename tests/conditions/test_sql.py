"""SQL says what the expression means: DuckDB is asked, and Athena's text is read back."""

from __future__ import annotations

import json
from textwrap import dedent

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs import recordings
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    EVERYTHING,
    Comparison,
    Expression,
    NotExists,
    NumberGlob,
    Operator,
    Or,
    Path,
    Regex,
    Term,
    any_of,
    field,
    message_contains,
)
from eks_audit_constructs.conditions.sql import ATHENA, DUCKDB, Dialect, Fields, condition, render, select
from eks_audit_constructs.errors import AuditConfigurationError
from tests.conditions.strategies import expressions, lines
from tests.depth import examples

FORBIDDEN = (field("stage") == "ResponseComplete") & (field("responseStatus.code") == 403)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def matching(database: duckdb.DuckDBPyConnection, expression: Expression, log: list[str]) -> list[str]:
    where = render(expression, dialect=DUCKDB)
    rows = database.execute(f"SELECT message FROM (SELECT UNNEST(?::TEXT[]) AS message) WHERE {where}", [log])
    return [message for (message,) in rows.fetchall()]


def expected(expression: Expression, log: list[str]) -> list[str]:
    matches = predicate(expression)
    return [line for line in log if matches(line.encode(), parsed(line))]


def parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return MISSING


class TestDuckDB:
    @given(expression=expressions(terms=True), log=st.lists(lines(), min_size=5, max_size=15))
    @settings(max_examples=examples(200), deadline=None)
    def test_matches_what_the_expression_means(
        self, database: duckdb.DuckDBPyConnection, expression: Expression, log: list[str]
    ) -> None:
        assert matching(database, expression, log) == expected(expression, log)

    @pytest.mark.parametrize(
        "expression",
        [
            EVERYTHING,
            Or(()),
            FORBIDDEN,
            ~FORBIDDEN,
            field("user.username") == "*Developer*",
            field("user.username") != "system:*",
            field("user.groups[*]") == "system:masters",
            field("annotations['authorization.k8s.io/decision']") == "allow",
            field("user.extra['sigs.k8s.io/aws-iam-authenticator/principalId'][0]") == "AROA*",
            field("objectRef.resource").matches("^(cluster)?roles$|s$"),
            field("objectRef.subresource").exists(),
            NotExists(("user", "groups", ANY_ELEMENT)),
            message_contains('forbidden: User \\"'),
            ~message_contains("forbidden"),
            Term(Regex(r'"code":40[13]')),
        ],
        ids=repr,
    )
    def test_agrees_on_real_logs(self, database: duckdb.DuckDBPyConnection, expression: Expression) -> None:
        log = [line.decode() for name in recordings.scenarios() for line in recordings.lines(name)]

        assert len(log) > 500
        assert matching(database, expression, log) == expected(expression, log)

    @pytest.mark.parametrize(
        ("expression", "matched", "others"),
        [
            (field("a") == "403", ['{"a":"403"}', '{"a":"4\\u00303"}'], ['{"a":403}', '{"a":"403 "}', "{}"]),
            (field("a") == 403, ['{"a":403}', '{"a":403.0}', '{"a":4.03e2}'], ['{"a":"403"}', '{"a":true}', "[403]"]),
            (field("a") != 403, ['{"a":404}'], ['{"a":403}', '{"a":"x"}', '{"a":null}', '{"a":[1]}', "{}", "text"]),
            (
                field("a").matches_number("4*3"),
                ['{"a":403}', '{"a":43}', f'{{"a":4{"0" * 30}3}}'],
                ['{"a":"403"}', '{"a":-403}', '{"a":403.0}', '{"a":4.3e1}', '{"a":[403]}', '{"a":true}', "{}", "403"],
            ),
            (
                field("a") != NumberGlob("*3"),
                ['{"a":404}', '{"a":-4}'],
                ['{"a":403}', '{"a":-3}', '{"a":0.5}', '{"a":1e2}', '{"a":"4"}', '{"a":null}', '{"a":[4]}', "{}"],
            ),
            (field("a[*].b").matches_number("4*"), ['{"a":[{"b":5},{"b":4}]}'], ['{"a":[{"b":"4"}]}', '{"a":{"b":4}}']),
            (field("a") != "x", ['{"a":"y"}', '{"a":""}'], ['{"a":"x"}', '{"a":1}', '{"a":{"b":1}}', "{}", "text"]),
            (field("a") == "100%_*", ['{"a":"100%_"}', '{"a":"100%_x"}'], ['{"a":"1000x"}', '{"a":"100%"}']),
            (field("a") == "*", ['{"a":""}', '{"a":0}', '{"a":false}'], ['{"a":null}', '{"a":[]}', '{"a":{}}', "{}"]),
            (Comparison(("a",), Operator.NE, "*"), [], ['{"a":"x"}', '{"a":0}', "{}"]),
            (field("a").not_exists(), ["{}", '{"b":1}', ' {"b":1}'], ['{"a":null}', '{"a":[]}', "text", "[]"]),
            (field("a").is_null(), ['{"a":null}'], ["{}", '{"a":"null"}']),
            (field("a[*].b") != "x", ['{"a":[{"b":"x"},{"b":"y"}]}'], ['{"a":[{"b":"x"},{},1]}', '{"a":{"b":"y"}}']),
            (field("a[*]").is_null(), ['{"a":[1,null]}'], ['{"a":["null"]}', '{"a":null}', "{}"]),
            (NotExists(("a", ANY_ELEMENT, "b")), ['{"a":[{}]}', '{"a":1}', "{}"], ['{"a":[{},{"b":null}]}', "text"]),
            (field("A") == 1, ['{"A":1}'], ['{"a":1}']),
            (field("a") == "x\ny", ['{"a":"x\\ny"}', '{"a":"x\\u000ay"}'], ['{"a":"xny"}']),
        ],
        ids=str,
    )
    def test_types_and_missing_fields(
        self, database: duckdb.DuckDBPyConnection, expression: Expression, matched: list[str], others: list[str]
    ) -> None:
        assert matching(database, expression, matched + others) == matched
        assert expected(expression, matched + others) == matched

    def test_reads_values_from_where_it_is_told(self, database: duckdb.DuckDBPyConnection) -> None:
        class Columns(Fields):
            is_event = "event is not null"

            def json(self, path: Path) -> str:
                return "_".join(map(str, path))

            def string(self, path: Path) -> str:
                return self.json(path)

            def is_text(self, path: Path) -> bool:
                return path == ("verb",)

        expression = FORBIDDEN & (field("verb") == "get") & field("annotations").not_exists()
        where = condition(expression, Columns(DUCKDB, line="message", document=""))
        rows = """(VALUES ('{}'::JSON, '"ResponseComplete"'::JSON, 403, 'get', NULL::JSON),
                          ('{}', '"ResponseComplete"', 404, 'get', NULL),
                          ('{}', '"ResponseComplete"', 403, '"get"', NULL),
                          ('{}', '"ResponseComplete"', 403, 'get', '{}'),
                          (NULL, '"ResponseComplete"', 403, 'get', NULL)
                  ) AS t(event, stage, responseStatus_code, verb, annotations)"""

        found = database.execute(f"SELECT responseStatus_code FROM {rows} WHERE {where}")

        assert found.fetchall() == [(403,)]

    def test_the_whole_statement_runs(self, database: duckdb.DuckDBPyConnection) -> None:
        log = [line.decode() for line in recordings.lines("forbidden_spike")]
        database.execute("CREATE OR REPLACE TABLE audit_logs AS SELECT UNNEST(?::TEXT[]) AS line", [[*log, "no JSON"]])

        found = database.execute(select(FORBIDDEN, dialect=DUCKDB, table="audit_logs", message_column="line"))

        names = [column[0] for column in found.description or ()]
        assert names == ["time", "username", "sourceIPs", "verb", "resource", "namespace", "name", "code"]
        rows = found.fetchall()
        assert len(rows) == len(expected(FORBIDDEN, log)) > 0
        assert {row[-1] for row in rows} == {"403"}
        assert rows == sorted(rows, key=lambda row: row[0], reverse=True)


STATEMENT = """\
with events as (
  select message, {parsed} as event
  from audit_logs
)
select
  {string}(event, '$.stageTimestamp') as time,
  {string}(event, '$.user.username') as username,
  {ips} as sourceIPs,
  {string}(event, '$.verb') as verb,
  {string}(event, '$.objectRef.resource') as resource,
  {string}(event, '$.objectRef.namespace') as namespace,
  {string}(event, '$.objectRef.name') as name,
  {string}(event, '$.responseStatus.code') as code
from events
where
  {stage} = '"ResponseComplete"'
  and try_cast({code} as double) = 403
order by time desc nulls last
limit 100"""

MANY = any_of(field("verb") == f"a-verb-with-a-long-name-{number}" for number in range(3))
LAID_OUT = """\
where
  json_format(json_extract(event, '$.code')) = '"a"'
  and (
    json_format(json_extract(event, '$.verb')) = '"a-verb-with-a-long-name-0"'
    or json_format(json_extract(event, '$.verb')) = '"a-verb-with-a-long-name-1"'
    or json_format(json_extract(event, '$.verb')) = '"a-verb-with-a-long-name-2"'
  )
order by"""


class TestText:
    def test_one_statement_in_two_dialects(self) -> None:
        assert select(FORBIDDEN, dialect=DUCKDB, table="audit_logs") == STATEMENT.format(
            parsed="try_cast(message as json)",
            string="json_extract_string",
            ips="json_extract(event, '$.sourceIPs')::varchar",
            stage="json_extract(event, '$.stage')::varchar",
            code="json_extract(event, '$.responseStatus.code')::varchar",
        )
        assert select(FORBIDDEN, dialect=ATHENA, table="audit_logs") == STATEMENT.format(
            parsed="try(json_parse(message))",
            string="json_extract_scalar",
            ips="json_format(json_extract(event, '$.sourceIPs'))",
            stage="json_format(json_extract(event, '$.stage'))",
            code="json_format(json_extract(event, '$.responseStatus.code'))",
        )

    def test_long_conditions_are_laid_out(self) -> None:
        assert LAID_OUT in select((field("code") == "a") & MANY, dialect=ATHENA, table="audit_logs")
        assert "where\n  true\n" in select(EVERYTHING, dialect=ATHENA, table="audit_logs")

    @pytest.mark.parametrize(
        ("expression", "text"),
        [
            (field("verb") == 'a"b', """json_format(json_extract(message, '$.verb')) = '"a\\"b"'"""),
            (field("verb") == "get*", """starts_with(json_format(json_extract(message, '$.verb')), '"get')"""),
            (
                field("user.username") == "100%*x",
                """
                if(starts_with(json_format(json_extract(message, '$.user.username')), '"'),
                json_extract_scalar(json_extract(message, '$.user.username'), '$')) like '100\\%%x' escape '\\'
                """,
            ),
            (
                field("annotations['a.b/c']").matches("^it's"),
                """
                regexp_like(if(starts_with(json_format(json_extract(message, '$.annotations["a.b/c"]')), '"'),
                json_extract_scalar(json_extract(message, '$.annotations["a.b/c"]'), '$')), '^it''s')
                """,
            ),
            (
                field("code").matches_number("4*3"),
                """
                case when regexp_like(json_format(json_extract(message, '$.code')), '^-?[0-9]+$')
                then json_format(json_extract(message, '$.code')) end like '4%3'
                """,
            ),
            (
                field("items[*].kind") == 1,
                """
                any_match(try_cast(json_extract(message, '$.items') as array(json)), element ->
                try_cast(json_format(json_extract(element, '$.kind')) as double) = 1)
                """,
            ),
            (
                field("user").not_exists(),
                "(json_format(json_extract(message, '$')) like '{%' and json_extract(message, '$.user') is null)",
            ),
            (~message_contains("it's"), "not strpos(message, 'it''s') > 0"),
            (field("a") == 10**30, "try_cast(json_format(json_extract(message, '$.a')) as double) = 1e+30"),
            (EVERYTHING, "true"),
        ],
        ids=str,
    )
    def test_athena(self, expression: Expression, text: str) -> None:
        assert render(expression, dialect=ATHENA) == " ".join(dedent(text).split("\n")).strip()

    @given(expression=expressions(terms=True))
    @settings(max_examples=examples(100), deadline=None)
    def test_athena_can_be_parsed(self, expression: Expression) -> None:
        sqlglot.parse_one(select(expression, dialect=ATHENA, table="audit_logs"), dialect="athena")
        rendered = sqlglot.parse_one(f"select 1 from t where {render(expression, dialect=ATHENA)}", dialect="athena")
        assert rendered.args["where"] is not None


class TestRefusals:
    @pytest.mark.parametrize("dialect", [DUCKDB, ATHENA], ids=["duckdb", "athena"])
    @pytest.mark.parametrize(
        ("expression", "limit"),
        [
            (field("a[*].b[*]") == "x", "at most one"),
            (field("[0].a") == "x", "begins with a key"),
            (NotExists(('a"b',)), "JSON path"),
            (NotExists(("*",)), "JSON path"),
            (field("a") == "x\x00y", "character 0"),
            (field("a") == float("nan"), "no such number"),
            (field("a") < float("inf"), "no such number"),
            (field("a") < 10**400, "no such number"),
        ],
        ids=str,
    )
    def test_what_sql_cannot_say(self, expression: Expression, limit: str, dialect: Dialect) -> None:
        with pytest.raises(AuditConfigurationError, match=limit):
            render(expression, dialect=dialect)
