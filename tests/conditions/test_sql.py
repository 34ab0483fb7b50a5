"""SQL says what the expression means: DuckDB is asked, and Athena's text is read back."""

from __future__ import annotations

import json
from textwrap import dedent

import duckdb
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from eks_audit_constructs import recordings
from eks_audit_constructs.conditions.evaluation import MISSING, predicate
from eks_audit_constructs.conditions.expression import (
    ANY_ELEMENT,
    EVERYTHING,
    Comparison,
    Expression,
    NotExists,
    Operator,
    Or,
    Path,
    Regex,
    Term,
    field,
    message_contains,
)
from eks_audit_constructs.conditions.sql import Dialect, condition, render, select
from eks_audit_constructs.errors import AuditConfigurationError
from tests.conditions.strategies import expressions, lines

FORBIDDEN = (field("stage") == "ResponseComplete") & (field("responseStatus.code") == 403)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def matching(database: duckdb.DuckDBPyConnection, expression: Expression, log: list[str]) -> list[str]:
    where = render(expression, dialect="duckdb")
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
    @settings(max_examples=200, deadline=None)
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
        ],
        ids=str,
    )
    def test_types_and_missing_fields(
        self, database: duckdb.DuckDBPyConnection, expression: Expression, matched: list[str], others: list[str]
    ) -> None:
        assert matching(database, expression, matched + others) == matched
        assert expected(expression, matched + others) == matched

    def test_reads_values_from_where_it_is_told(self, database: duckdb.DuckDBPyConnection) -> None:
        def column(path: Path) -> exp.Expr:
            return exp.column("_".join(str(segment) for segment in path) or "event")

        expression = FORBIDDEN & field("annotations").not_exists()
        where = condition(expression, dialect="duckdb", value=column).sql(dialect="duckdb")
        rows = """(VALUES ('{}'::JSON, '"ResponseComplete"'::JSON, '403'::JSON, NULL::JSON),
                          ('{}', '"ResponseComplete"', '"403"', NULL),
                          ('{}', '"ResponseComplete"', '403', '{}'),
                          (NULL, '"ResponseComplete"', '403', NULL)
                  ) AS t(event, stage, responseStatus_code, annotations)"""

        found = database.execute(f"SELECT responseStatus_code FROM {rows} WHERE {where}")

        assert found.fetchall() == [("403",)]

    def test_the_whole_statement_runs(self, database: duckdb.DuckDBPyConnection) -> None:
        log = [line.decode() for line in recordings.lines("forbidden_spike")]
        database.execute("CREATE OR REPLACE TABLE audit_logs AS SELECT UNNEST(?::TEXT[]) AS line", [[*log, "no JSON"]])

        found = database.execute(select(FORBIDDEN, dialect="duckdb", table="audit_logs", message_column="line"))

        names = [column[0] for column in found.description or ()]
        assert names == ["time", "username", "sourceIPs", "verb", "resource", "namespace", "name", "code"]
        rows = found.fetchall()
        assert len(rows) == len(expected(FORBIDDEN, log)) > 0
        assert {row[-1] for row in rows} == {"403"}
        assert rows == sorted(rows, key=lambda row: row[0], reverse=True)


STATEMENT = """\
WITH events AS (
  SELECT
    message,
    {parsed} AS event
  FROM audit_logs
)
SELECT
  {string}(event, '$.stageTimestamp') AS time,
  {string}(event, '$.user.username') AS username,
  {ips} AS sourceIPs,
  {string}(event, '$.verb') AS verb,
  {string}(event, '$.objectRef.resource') AS resource,
  {string}(event, '$.objectRef.namespace') AS namespace,
  {string}(event, '$.objectRef.name') AS name,
  {string}(event, '$.responseStatus.code') AS code
FROM events
WHERE
  {stage} = '"ResponseComplete"'
  AND TRY_CAST({code} AS DOUBLE) = 403
ORDER BY
  time DESC
LIMIT 100"""


class TestText:
    def test_one_statement_in_two_dialects(self) -> None:
        assert select(FORBIDDEN, dialect="duckdb", table="audit_logs") == STATEMENT.format(
            parsed="TRY_CAST(message AS JSON)",
            string="JSON_EXTRACT_STRING",
            ips="CAST(JSON_EXTRACT(event, '$.sourceIPs') AS TEXT)",
            stage="CAST(JSON_EXTRACT(event, '$.stage') AS TEXT)",
            code="CAST(JSON_EXTRACT(event, '$.responseStatus.code') AS TEXT)",
        )
        assert select(FORBIDDEN, dialect="athena", table="audit_logs") == STATEMENT.format(
            parsed="TRY(JSON_PARSE(message))",
            string="JSON_EXTRACT_SCALAR",
            ips="JSON_FORMAT(JSON_EXTRACT(event, '$.sourceIPs'))",
            stage="JSON_FORMAT(JSON_EXTRACT(event, '$.stage'))",
            code="JSON_FORMAT(JSON_EXTRACT(event, '$.responseStatus.code'))",
        )

    @pytest.mark.parametrize(
        ("expression", "text"),
        [
            (field("verb") == 'a"b', """JSON_FORMAT(JSON_EXTRACT(message, '$.verb')) = '"a\\"b"'"""),
            (
                field("user.username") == "100%*",
                """
                JSON_FORMAT(JSON_EXTRACT(message, '$.user.username')) LIKE '"%' AND
                JSON_EXTRACT_SCALAR(message, '$.user.username') LIKE '100\\%%' ESCAPE '\\'
                """,
            ),
            (
                field("annotations['a.b/c']").matches("^it's"),
                """
                JSON_FORMAT(JSON_EXTRACT(message, '$.annotations["a.b/c"]')) LIKE '"%' AND
                REGEXP_LIKE(JSON_EXTRACT_SCALAR(message, '$.annotations["a.b/c"]'), '^it''s')
                """,
            ),
            (
                field("items[*].kind") == 1,
                """
                ANY_MATCH(TRY_CAST(JSON_EXTRACT(message, '$.items') AS ARRAY(JSON)), element ->
                TRY_CAST(JSON_FORMAT(JSON_EXTRACT(element, '$.kind')) AS DOUBLE) = 1)
                """,
            ),
            (
                field("user").not_exists(),
                "JSON_FORMAT(JSON_EXTRACT(message, '$')) LIKE '{%' AND JSON_EXTRACT(message, '$.user') IS NULL",
            ),
            (~message_contains("it's"), "STRPOS(message, 'it''s') = 0"),
            (field("a") == 10**30, "TRY_CAST(JSON_FORMAT(JSON_EXTRACT(message, '$.a')) AS DOUBLE) = 1e+30"),
            (EVERYTHING, "TRUE"),
        ],
        ids=str,
    )
    def test_athena(self, expression: Expression, text: str) -> None:
        assert render(expression, dialect="athena") == " ".join(dedent(text).split("\n")).strip()

    @given(expression=expressions(terms=True))
    @settings(max_examples=100, deadline=None)
    def test_athena_reads_as_written(self, expression: Expression) -> None:
        statement = select(expression, dialect="athena", table="audit_logs")

        assert sqlglot.parse_one(statement, dialect="athena").sql(dialect="athena", pretty=True) == statement


class TestRefusals:
    @pytest.mark.parametrize("dialect", ["duckdb", "athena"])
    @pytest.mark.parametrize(
        ("expression", "limit"),
        [
            (field("a[*].b[*]") == "x", "at most one"),
            (field("[0].a") == "x", "begins with a key"),
            (NotExists(('a"b',)), "JSON path"),
            (NotExists(("*",)), "JSON path"),
            (field("a") == "x\ny", "control character"),
            (field("a") == float("nan"), "no such number"),
            (field("a") < float("inf"), "no such number"),
            (field("a") < 10**400, "no such number"),
        ],
        ids=str,
    )
    def test_what_sql_cannot_say(self, expression: Expression, limit: str, dialect: Dialect) -> None:
        with pytest.raises(AuditConfigurationError, match=limit):
            render(expression, dialect=dialect)
