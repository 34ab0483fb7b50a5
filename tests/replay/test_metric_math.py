"""Metric math is calculated as CloudWatch's documentation says, and alarms on it are evaluated like others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.replay import Replay, replay
from eks_audit_constructs.replay.metric_math import calculated
from eks_audit_constructs.templates.metric_math import Kind, UnsupportedError, Variable, formulas, kind
from tests.depth import examples
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

METRICS = ["m1", "m2", "m3"]


def points(expression: str, **series: str) -> str:
    """The values of an expression at each point, `-` where there is none."""
    formula = formulas({"e": expression}, METRICS, where="A")["e"]
    columns = {id: [None if point == "-" else float(point) for point in series.get(id, "").split()] for id in METRICS}
    length = max(map(len, columns.values()))
    found = [
        calculated(formula, {id: column[place] if column else None for id, column in columns.items()})
        for place in range(length)
    ]
    return " ".join("-" if value is None else f"{value:g}" for value in found)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html, comparison operators
        ("m1 < m2", "0 0 1 0"),
        ("m1 >= 30", "1 0 0 0"),
        ("m1 > 15 AND m2 > 15", "1 0 0 0"),
        ("m1 > 15 && m2 > 15", "1 0 0 0"),
        ("m1 > 25 OR m2 > 15", "1 0 1 0"),
        # Arithmetic: a missing value is 0, and a division by zero leaves no data point.
        ("m1 + m2", "50 20 20 0"),
        ("m1 - m2 * 2", "-10 20 -40 0"),
        ("(m1 - m2) * 2", "20 40 -40 0"),
        ("m1 / m2", "1.5 - 0 -"),
        ("-m1", "-30 -20 0 0"),
        ("m2 ^ 2", "400 - 400 -"),
        ("2 * m2", "40 - 40 -"),
        ("SUM([m1, m2])", "50 20 20 0"),
        ("AVG([m1, m2])", "25 10 10 0"),
        ("MAX([m1, m2])", "30 20 20 0"),
        ("MIN([m1, m2])", "20 20 0 0"),
        ('SUM(METRICS("m"))', "50 20 20 0"),
        ("SUM(METRICS() * 2)", "100 40 40 0"),
        ("SUM(100 / [m1, m2])", "8.33333 5 5 -"),
        ("FILL(m2, 7)", "20 7 20 7"),
        ("FILL(m2, m1)", "20 20 20 0"),
        ("ABS(m2 - m1)", "10 20 20 0"),
        ("CEIL(m1 / 7)", "5 3 0 0"),
        ("FLOOR(m1 / 7)", "4 2 0 0"),
    ],
)
def test_operators_and_functions(expression: str, result: str) -> None:
    assert points(expression, m1="30 20 0 0", m2="20 - 20 -") == result


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        # The same page, IF expressions.
        ("IF(m1, m2, m3)", "30 0 20 - -"),
        ("IF(m1, 5, m3)", "5 5 20 - -"),
        ("IF(m1, m2, 5)", "30 0 5 5 -"),
        ("IF(m1, m2)", "30 0 - - -"),
        ("IF(m1 == 0, 10, 2)", "2 2 10 10 -"),
    ],
)
def test_if(expression: str, result: str) -> None:
    assert points(expression, m1="1 1 0 0 -", m2="30 - 0 0 30", m3="0 0 20 - 20") == result


def test_expressions_use_each_other() -> None:
    found = formulas({"rate": "100 * part / total", "part": "m1", "total": "m1 + m2"}, METRICS, where="A")

    assert calculated(found["rate"], {"m1": 1.0, "m2": 3.0, "m3": None}) == 25


LEAVES = st.sampled_from(["m1", "m2", "1", "2.5", "0", "METRICS()", 'METRICS("1")', "[m1, m2]"])
SIGNS = st.sampled_from(["+", "-", "*", "/", "^", "==", "<", ">=", "AND", "||"])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds("({} {} {})".format, parts, SIGNS, parts),
        st.builds("-{}".format, parts),
        st.builds("IF({}, {}, {})".format, parts, parts, parts),
        st.builds("FILL({}, {})".format, parts, parts),
        st.builds("{}({})".format, st.sampled_from(["ABS", "CEIL", "FLOOR", "SUM", "AVG", "MIN", "MAX"]), parts),
        st.builds("[{}, {}]".format, parts, parts),
    ),
    max_leaves=8,
)
VALUES = st.one_of(st.none(), st.floats(allow_nan=False))


@settings(max_examples=examples(200), deadline=None)
@given(EXPRESSIONS, VALUES, VALUES)
def test_every_expression_has_a_value_or_a_reason(expression: str, first: float | None, second: float | None) -> None:
    try:
        formula = formulas({"e": expression}, METRICS, where="A")["e"]
    except (TemplateError, UnsupportedError):
        return
    if kind(formula) is Kind.SERIES:
        value = calculated(formula, {"m1": first, "m2": second, "m3": None})
        assert value is None or isinstance(value, float)


def stat(id: str, name: str, **changes: Any) -> dict[str, Any]:
    metric = {"Namespace": "Audit", "MetricName": name}
    return {"Id": id, "ReturnData": False, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"} | changes}


def replayed(folder: Path, *lines: str, expression: str = "100 * bad / all", **properties: Any) -> Replay:
    metrics = [{"Id": "e", "Expression": expression}, stat("bad", "Refused"), stat("all", "All")]
    template = write_template(
        folder,
        Refused=metric_filter("{ $.responseStatus.code = 403 }", MetricName="Refused", DefaultValue=0),
        All=metric_filter("{ $.verb = * }", MetricName="All", DefaultValue=0),
        A=alarm(Metrics=metrics, Threshold=50, **properties),
    )
    return replay(template, [write_log(folder, *lines)])


def requests(clock: str, *codes: int) -> list[str]:
    return [event(clock, verb="get", responseStatus={"code": code}) for code in codes]


class TestAlarm:
    LINES = (*requests("06:00:00", 200, 200, 403), *requests("06:01:00", 403, 200), *requests("06:02:00", 200))

    def test_a_share_of_two_metrics(self, tmp_path: Path) -> None:
        [found] = replayed(tmp_path, *self.LINES).alarms

        assert found.error is None
        changes = [(f"{change.at:%H:%M} {change.state.value}", change.reason) for change in found.transitions]
        assert changes[:3] == [
            ("06:01 OK", "33.3333: not ≥ 50 in 1 min"),
            ("06:02 ALARM", "50 ≥ 50 in 1 min"),
            ("06:03 OK", "0: not ≥ 50 in 1 min"),
        ]

    def test_below_the_threshold(self, tmp_path: Path) -> None:
        assert not replayed(tmp_path, *self.LINES, expression="49 * bad / all").alarms[0].alarmed

    def test_one_metric_by_itself_is_that_metric(self, tmp_path: Path) -> None:
        lines = requests("06:00:00", *[403] * 60)

        [by_math] = replayed(tmp_path, *lines, expression="bad").alarms
        single = write_template(
            tmp_path,
            Refused=metric_filter("{ $.responseStatus.code = 403 }", DefaultValue=0),
            A=alarm(Threshold=50),
        )
        [plain] = replay(single, [write_log(tmp_path, *lines)]).alarms
        assert by_math.transitions == plain.transitions
        assert by_math.alarmed

    def test_nothing_is_filled_where_there_is_no_log(self, tmp_path: Path) -> None:
        [found] = replayed(tmp_path, *requests("06:00:00", 200), expression="FILL(all, 99)").alarms

        assert not found.alarmed

    def test_a_metric_that_nothing_writes(self, tmp_path: Path) -> None:
        result = replayed(tmp_path, *self.LINES)
        template = write_template(
            tmp_path,
            All=metric_filter("{ $.verb = * }", MetricName="All"),
            A=alarm(Metrics=[{"Id": "e", "Expression": "bad / all"}, stat("bad", "Refused"), stat("all", "All")]),
        )
        [found] = replay(template, [write_log(tmp_path, *self.LINES)]).alarms

        assert "Refused, so it never gets data" in (found.error or "")
        assert result.alarms[0].error is None


def test_the_formula_is_variables_and_numbers() -> None:
    assert formulas({}, ["m1"], where="A") == {"m1": Variable("m1")}
