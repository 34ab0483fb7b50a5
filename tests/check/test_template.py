"""Templates: every metric filter on audit events, with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eks_audit_constructs import TemplateError
from eks_audit_constructs.audit_events.findings import Rule
from eks_audit_constructs.check import check
from tests.replay.builders import metric_filter, write_template

SNAPSHOTS = Path(__file__).parents[1] / "cdk" / "__snapshots__"
[DEFAULT] = (SNAPSHOTS / "test_app").glob("test_the_default_template*.json")
FINE = metric_filter('{ $.verb = "delete" }')
DEAD = metric_filter('{ $.verb = "deleted" }')
LIKELY = metric_filter('{ $.objectRef.resource = "pod" }')


def test_faults_have_the_line_of_their_resource(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    resources = {"A": FINE, "B": DEAD, "C": LIKELY, "D": metric_filter("{ $.verb = }")}
    path.write_text(json.dumps({"Resources": resources}, indent=1), encoding="utf-8")
    lines = path.read_text().splitlines()
    result = check(path)
    assert result.asked == 4
    assert [(fault.rule, lines[fault.line - 1].strip()) for fault in result.faults] == [
        (Rule.NEVER, '"B": {'),
        (Rule.DOUBT, '"C": {'),
        (Rule.REFUSED, '"D": {'),
    ]
    assert "AWS rejects it: invalid from character" in result.faults[2].error.limit


def test_yaml(tmp_path: Path) -> None:
    path = tmp_path / "stack.yaml"
    path.write_text(
        """\
Parameters:
  Mine: {Type: String}
Resources:
  Other: {Type: 'AWS::SNS::Topic'}
  Mine2:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Sub /aws/eks/${Mine}/cluster
      FilterPattern: '{ $.user.name = "a" }'
      MetricTransformations: [{MetricName: a, MetricNamespace: b, MetricValue: '1'}]
""",
        encoding="utf-8",
    )
    [fault] = check(path).faults
    assert (fault.rule, fault.line) == (Rule.NEVER, 5)


def test_one_line(tmp_path: Path) -> None:
    assert [fault.line for fault in check(write_template(tmp_path, A=DEAD)).faults] == [1]


@pytest.mark.parametrize(
    ("pattern", "group", "asked"),
    [
        ('{ $.objectRef.resource = "pod" }', {"Ref": "Group"}, True),
        ('{ $.verb = "GET" }', {"Ref": "Group"}, False),
        ("{ $.responseStatus = 500 }", {"Ref": "Group"}, False),
        ('{ $.verb = "deleted" }', "/ecs/shop", False),
        ('{ $.objectRef.resource = "pod" }', "/security/audit-copies", True),
        ('{ $.level = "error" }', {"Ref": "Group"}, False),
        ('{ $.level = "error" }', "/aws/eks/x/cluster", True),
        ('{ $.level = "error" && $.requestURI = "/api*" }', {"Fn::ImportValue": "Group"}, True),
    ],
)
def test_filters_on_other_logs_are_not_asked(tmp_path: Path, pattern: str, group: object, asked: bool) -> None:
    path = write_template(tmp_path, F=FINE, G=metric_filter(pattern, group=group))
    result = check(path, {} if asked else None)
    assert bool(result.faults) is asked
    assert bool(result.unchecked) is not asked


def test_what_needs_a_value_is_not_checked_and_said(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    unknown = metric_filter("x")
    unknown["Properties"]["FilterPattern"] = {"Fn::Sub": '{ $.verb = "${Who}" }'}
    body = {"Parameters": {"Who": {"Type": "String"}}, "Resources": {"A": FINE, "B": unknown}}
    path.write_text(json.dumps(body), encoding="utf-8")
    result = check(path)
    assert (result.faults, result.asked) == ((), 1)
    assert result.unchecked == ("metric filter 'B': needs Who, which has no value here",)
    assert [fault.rule for fault in check(path, {"Who": "deleted"}).faults] == [Rule.NEVER]


def test_a_folder_names_the_file_of_each_fault(tmp_path: Path) -> None:
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        write_template(folder, F=DEAD if name == "b" else FINE).rename(tmp_path / f"{name}.template.json")
    [fault] = check(tmp_path).faults
    assert fault.file == tmp_path / "b.template.json"
    assert fault.error.where == "metric filter 'F (b)'"


def test_our_own_template_has_no_faults() -> None:
    result = check(DEFAULT)
    assert (result.faults, result.unchecked) == ((), ())
    assert result.asked > 10


@pytest.mark.parametrize("resources", [{}, {"G": metric_filter("[ip, user]")}, {"G": metric_filter("x", group="/x")}])
def test_a_template_with_nothing_to_check_is_refused(tmp_path: Path, resources: dict[str, object]) -> None:
    with pytest.raises(TemplateError, match="no metric filter that can be checked"):
        check(write_template(tmp_path, **resources))
