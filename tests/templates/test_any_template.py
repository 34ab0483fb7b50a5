"""Whatever a template has anywhere: the answer is a report, or an error that says what is wrong."""

from __future__ import annotations

import io
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from eks_audit_constructs.audit_logs import logs
from eks_audit_constructs.errors import AuditConfigurationError, TemplateError
from eks_audit_constructs.replay import replayed
from eks_audit_constructs.replay.html import write
from eks_audit_constructs.replay.report import as_json, print_report
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.tuning import tune
from eks_audit_constructs.tuning.report import print_tuning
from eks_audit_constructs.tuning.subjects import of_template
from eks_audit_constructs.verify import checks
from tests.depth import examples
from tests.replay.builders import alarm, event, metric_filter, write_log

NAMES = st.sampled_from(["P", "L", "F", "A", "G", "N", "C", "D", "AWS::Region", "AWS::NoValue", "nowhere", "", "[/x]"])
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 400),
    st.floats(),
    st.sampled_from([10**400, -(10**30), 1e308, float("inf"), float("nan")]),
    st.sampled_from(
        ["", "NaN", "1e999", "-1", "60", "Sum", "[bold]", "[/x]", "${P}", "${", "{{resolve:ssm:/x}}", "$.a"]
    ),
    st.text(max_size=4),
    NAMES,
)


def intrinsics(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    functions = "GetAtt Sub Join Select Split FindInMap If ImportValue ToJsonString Length Base64 GetAZs ForEach::L And"
    return st.one_of(
        st.fixed_dictionaries({"Ref": st.one_of(NAMES, children)}),
        st.builds(
            lambda name, argument: {f"Fn::{name}": argument},
            st.sampled_from(functions.split()),
            st.one_of(children, st.lists(children, max_size=4), st.tuples(NAMES, children, children).map(list)),
        ),
    )


VALUES = st.recursive(
    ODD,
    lambda children: st.one_of(
        intrinsics(children),
        st.lists(children, max_size=3),
        st.dictionaries(st.one_of(NAMES, st.sampled_from(["Key", "Value", "Name"])), children, max_size=3),
    ),
    max_leaves=6,
)
CONDITIONS = st.recursive(
    VALUES,
    lambda children: st.one_of(
        st.builds(lambda name: {"Condition": name}, NAMES),
        st.builds(
            lambda name, terms: {f"Fn::{name}": terms},
            st.sampled_from(["Equals", "Not", "And", "Or"]),
            st.lists(children, max_size=3),
        ),
    ),
    max_leaves=4,
)


@st.composite
def bent(draw: st.DrawFn, resource: dict[str, Any]) -> dict[str, Any]:
    """A resource in which some values are others."""
    made: dict[str, Any] = json.loads(json.dumps(resource))

    def bend(value: Any) -> Any:
        if draw(st.integers(0, 7)) == 0:
            return draw(VALUES)
        if isinstance(value, dict):
            return {name: bend(item) for name, item in value.items()}
        return [bend(item) for item in value] if isinstance(value, list) else value

    made["Properties"] = bend(made["Properties"])
    if draw(st.integers(0, 3)) == 0:
        made["Condition"] = draw(st.one_of(NAMES, VALUES))
    return made


STAT = {"Metric": {"Namespace": "Audit", "MetricName": "Hits"}, "Period": 60, "Stat": "Sum"}
FILTER = metric_filter('{ $.verb = "get" }', DefaultValue=0, Dimensions=[{"Key": "V", "Value": "$.verb"}], Unit="Count")
NESTED = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "t.json", "Parameters": {"P": "x"}}}
RESOURCES: dict[str, Any] = {
    "F": FILTER,
    "G": metric_filter("get"),
    "A": alarm(AlarmName="a", Dimensions=[{"Name": "V", "Value": "get"}], DatapointsToAlarm=1),
    "B": alarm(AlarmDescription="q"),
    "M": alarm(Metrics=[{"Id": "m", "MetricStat": STAT}]),
    "E": alarm(
        Metrics=[
            {"Id": "e", "Expression": "IF(m > n, FILL(m, 0) / n, SUM(METRICS()))"},
            {"Id": "m", "MetricStat": STAT, "ReturnData": False},
            {"Id": "n", "MetricStat": STAT | {"Stat": "Maximum"}, "ReturnData": False},
        ]
    ),
    "S": alarm(
        Namespace="AWS/Logs",
        MetricName="IncomingLogEvents",
        Dimensions=[{"Name": "LogGroupName", "Value": "/aws/eks/x/cluster"}],
    ),
    "L": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "g", "LogGroupClass": "STANDARD"}},
    "Q": {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "q", "QueryString": "fields x"}},
    "K": {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmName": "k"}},
    "N": NESTED,
    "Fn::ForEach::R": ["X", ["a", "b"], {"R${X}": metric_filter("${X}")}],
}


@st.composite
def templates(draw: st.DrawFn) -> Any:
    resources: dict[str, Any] = {}
    for name, resource in RESOURCES.items():
        if draw(st.booleans()):
            whole = draw(st.integers(0, 9)) == 0 or not isinstance(resource, dict)
            resources[name] = draw(st.one_of(VALUES, st.just(resource))) if whole else draw(bent(resource))
    template: dict[str, Any] = {"Resources": resources}
    parameter = {
        "Type": st.one_of(st.sampled_from(["String", "List<Number>", "AWS::SSM::Parameter::Value<String>"]), ODD)
    }
    for section, held in {
        "Parameters": st.dictionaries(
            NAMES, st.one_of(st.fixed_dictionaries(parameter, optional={"Default": VALUES}), ODD)
        ),
        "Conditions": st.dictionaries(NAMES, CONDITIONS, max_size=3),
        "Mappings": VALUES,
        "Outputs": st.dictionaries(NAMES, VALUES, max_size=2),
    }.items():
        if draw(st.booleans()):
            template[section] = draw(st.one_of(held, VALUES) if draw(st.integers(0, 4)) == 0 else held)
    return template


def answer(path: Path, log: Path, folder: Path) -> None:
    """Do all that can be done with a template."""
    template = read_template(path)
    assert all(item.error or not item.absent for item in template.filters)
    assert all(item.error or not item.absent for item in template.alarms)
    with replayed(template, [log]) as (result, found):
        json.loads(as_json(result))
        print_report(result, Console(file=io.StringIO(), width=80))
        write(result, found, folder / "page.html")
    print_tuning(tune(of_template(template), [log]), Console(file=io.StringIO(), width=80))
    for check in checks.of_template(template, []):
        check.expected()
    checks.skipped(template)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(templates())
def test_is_answered(template: Any) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "t.json").write_text(json.dumps(template))
        (folder / "logs").mkdir()
        log = write_log(folder / "logs", event("06:00:00", verb="get"), event("06:05:00", verb="list"))
        with suppress(TemplateError, AuditConfigurationError):
            answer(folder / "t.json", log, folder)


@pytest.mark.parametrize(
    "text",
    [
        '{"Resources": ' + '{"a": ' * 900 + "1" + "}" * 901,
        '{"Resources": {"F": {"Type": "AWS::Logs::MetricFilter", "Properties": ' + '{"a": ' * 800 + "1" + "}" * 803,
        "Resources: &r\n  A: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmName: *r}}\n",
        "Resources: {F: {Type: AWS::Logs::MetricFilter, Properties: {FilterPattern: !!binary aGk=}}}",
        "Resources: {F: {Type: AWS::Logs::MetricFilter, Properties: !!set {a, b}}}",
        "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {Period: .inf, Threshold: .nan, 1: 2, ? [a] : b}}}",
        "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {Period: 0x" + "f" * 9000 + "}}}",
        "Resources: {A: {Type: AWS::CloudWatch::Alarm, Properties: {Period: " + "9" * 9000 + "}}}",
    ],
)
def test_odd_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(text)
    (tmp_path / "logs").mkdir()
    log = write_log(tmp_path / "logs", event("06:00:00", verb="get"))
    with logs.opened([log]):
        try:
            answer(path, log, tmp_path)
        except TemplateError as error:
            assert "t.yaml" in str(error)
