"""Any CloudFormation template is read: JSON or YAML, with names that only a deployment knows."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from eks_audit_constructs.conditions.expression import field
from eks_audit_constructs.errors import TemplateError
from eks_audit_constructs.templates.intrinsics import Resolver
from eks_audit_constructs.templates.template import Metric, read_template
from tests.replay.builders import alarm, metric_filter, write_template

FOREIGN_YAML = """
    AWSTemplateFormatVersion: 2010-09-09
    Parameters:
      Cluster: {Type: String, Default: prod}
      Threshold: {Type: Number, Default: 7}
      Environment: {Type: String}
    Conditions:
      Never: !Equals [!Ref Cluster, test]
      Unknown: !Equals [!Ref Environment, test]
    Resources:
      Group:
        Type: AWS::Logs::LogGroup
        Properties: {LogGroupName: !Sub "/aws/eks/${Cluster}/cluster"}
      Denied:
        Type: AWS::Logs::MetricFilter
        Properties:
          LogGroupName: !Ref Group
          FilterPattern: '{ $.responseStatus.code = 403 }'
          MetricTransformations:
            - MetricNamespace: !Join ["/", [Audit, !Ref "AWS::Region"]]
              MetricName: !Sub "${Environment}-${Label}-denied"
              MetricValue: 1
              DefaultValue: 0
      DeniedAlarm:
        Type: AWS::CloudWatch::Alarm
        Properties:
          AlarmName: !Sub ["${Name}-denied", {Name: !Ref Cluster}]
          Namespace: !Sub "Audit/${AWS::Region}"
          MetricName: !Join ["", [!Ref Environment, "-${Label}-denied"]]
          Statistic: Sum
          Period: "300"
          EvaluationPeriods: 1
          Threshold: !Ref Threshold
          ComparisonOperator: GreaterThanThreshold
          Tags: [{Key: Severity, Value: high}]
      Absent:
        Type: AWS::CloudWatch::Alarm
        Condition: Never
        Properties: {AlarmName: absent}
      Perhaps:
        Type: AWS::Logs::MetricFilter
        Condition: Unknown
        Properties:
          LogGroupName: !Ref Group
          FilterPattern: "ERROR"
          MetricTransformations: [{MetricNamespace: N, MetricName: M, MetricValue: "1"}]
      Query:
        Type: AWS::Logs::QueryDefinition
        Properties: {Name: !Sub "${Cluster}/denied", QueryString: "fields @timestamp"}
      Fn::ForEach::Groups: [Name, !Split [",", !Ref Environment], {}]
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "foreign.yaml"
    path.write_text(dedent(FOREIGN_YAML))
    return path


class TestForeignYaml:
    def test_filters(self, foreign: Path) -> None:
        denied, perhaps = read_template(foreign).filters

        assert denied.condition is not None
        assert repr(denied.condition) == repr(field("responseStatus.code") == 403)
        assert (denied.log_group, denied.value, denied.default) == ("/aws/eks/prod/cluster", "1", 0)
        assert perhaps.error == "needs Environment, which has no value here", "its condition"

    def test_alarms(self, foreign: Path) -> None:
        absent, denied = read_template(foreign).alarms

        assert (denied.alarm_name, denied.threshold, denied.period) == ("prod-denied", 7, 300)
        assert (denied.missing_data, denied.datapoints_to_alarm) == ("missing", 1)
        assert absent.error == "its condition Never does not hold with the template's defaults"

    def test_equal_intrinsics_are_one_metric(self, foreign: Path) -> None:
        template = read_template(foreign)

        metric = Metric(namespace="Audit/${AWS::Region}", name="${Environment}-${Label}-denied")
        assert template.filters[0].metric == template.alarms[1].metric == metric

    def test_the_rest(self, foreign: Path) -> None:
        template = read_template(foreign)

        assert [(query.name, query.query) for query in template.queries] == [("prod/denied", "fields @timestamp")]
        assert template.skipped == ("Fn::ForEach::Groups",)
        assert template.resources["AWS::Logs::MetricFilter"] == 2


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Named"}, "the-name"),
        ({"Ref": "Unnamed"}, "${Unnamed}"),
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Fn::GetAtt": ["Unnamed", "Arn"]}, "${Unnamed.Arn}"),
        ({"Fn::GetAtt": "Unnamed.Arn"}, "${Unnamed.Arn}"),
        ({"Fn::Sub": "${Named}/${Unnamed.Arn}/${!Literal}"}, "the-name/${Unnamed.Arn}/${Literal}"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "a/b/c"]}]}, "b"),
        ({"Fn::Select": ["0", {"Ref": "List"}]}, "a"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]}, "a-${AWS::Region}"),
        ({"Fn::FindInMap": ["Sizes", "small", "limit"]}, 5),
        ({"Fn::If": ["Small", "yes", "no"]}, "yes"),
        ({"Fn::If": ["NotSmall", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, '${{"Fn::If": ["Both", "yes", "no"]}}'),
        ({"Fn::ImportValue": {"Fn::Sub": "${Named}-x"}}, '${{"Fn::ImportValue": "the-name-x"}}'),
        ({"Ref": "Loop"}, "${Loop}"),
        ({"plain": [{"Ref": "Named"}, {"Ref": "AWS::NoValue"}]}, {"plain": ["the-name"]}),
        ({"Fn::Join": "nonsense"}, '${{"Fn::Join": "nonsense"}}'),
        ({"Fn::Sub": ["no variables"]}, '${{"Fn::Sub": ["no variables"]}}'),
        ({"Fn::Select": [7, ["a"]]}, '${{"Fn::Select": [7, ["a"]]}}'),
    ],
)
def test_intrinsics(value: Any, resolved: Any) -> None:
    resolver = Resolver(
        {
            "Parameters": {
                "List": {"Type": "CommaDelimitedList", "Default": "a, b"},
                "Size": {"Type": "String", "Default": "small"},
                "Open": {"Type": "String"},
            },
            "Mappings": {"Sizes": {"small": {"limit": 5}}},
            "Conditions": {
                "Small": {"Fn::Equals": [{"Ref": "Size"}, "small"]},
                "NotSmall": {"Fn::Not": [{"Condition": "Small"}]},
                "IsOpen": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
                "Either": {"Fn::Or": [{"Condition": "IsOpen"}, {"Condition": "Small"}]},
                "Both": {"Fn::And": [{"Condition": "IsOpen"}, {"Condition": "Small"}]},
            },
            "Resources": {
                "Named": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "the-name"}},
                "Unnamed": {"Type": "AWS::Logs::LogGroup"},
                "Loop": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Loop"}}},
            },
        }
    )

    assert resolver.value(value) == resolved


MATH = {
    "Id": "b",
    "ReturnData": False,
    "MetricStat": {"Metric": {"Namespace": "Audit", "MetricName": "Hits"}, "Period": 60, "Stat": "Sum"},
}


class TestNotEvaluable:
    @pytest.mark.parametrize(
        ("properties", "reason"),
        [
            ({"Metrics": [{"Id": "a", "Expression": "RATE(b)"}, MATH]}, "its function RATE is not evaluated"),
            ({"Statistic": None, "ExtendedStatistic": "p99"}, "p99"),
            ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "GreaterThanUpperThreshold"),
            ({"Period": {"Ref": "Unknown"}}, "needs Unknown, which has no value here"),
            ({"Threshold": None}, "AWS rejects it: Threshold is required"),
            ({"EvaluationWindow": {"WallClockWindow": {}}}, "wall clock"),
        ],
    )
    def test_alarms_say_why(self, tmp_path: Path, properties: dict[str, Any], reason: str) -> None:
        [found] = read_template(write_template(tmp_path, A=alarm(**properties))).alarms

        assert found.error is not None
        assert reason in found.error

    @pytest.mark.parametrize("kind", ["CompositeAlarm", "LogAlarm", "AnomalyDetector"])
    def test_other_kinds_of_alarms_are_named(self, tmp_path: Path, kind: str) -> None:
        resource = {"Type": f"AWS::CloudWatch::{kind}", "Properties": {"AlarmName": "x"}}

        [found] = read_template(write_template(tmp_path, A=resource)).alarms

        assert found.error

    @pytest.mark.parametrize("pattern", ["[ip, user]", "{ $.a == 1 }", "{ $.a = }", "{ $.a NOT IN 3 }"])
    def test_wrong_patterns_say_why(self, tmp_path: Path, pattern: str) -> None:
        [found] = read_template(write_template(tmp_path, F=metric_filter(pattern))).filters

        assert found.condition is None
        assert found.error
        assert found.pattern == pattern

    def test_a_single_metric_in_a_list_is_no_math(self, tmp_path: Path) -> None:
        metric = {"Namespace": "Audit", "MetricName": "Hits", "Dimensions": [{"Name": "a", "Value": "b"}]}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        properties = {"Metrics": [{"Id": "m", "MetricStat": stat}], "MetricName": None, "Namespace": None}

        [found] = read_template(write_template(tmp_path, A=alarm(**properties))).alarms

        assert found.error is None
        assert found.metric == Metric(namespace="Audit", name="Hits", dimensions=(("a", "b"),))


class TestFiles:
    def test_a_cdk_out_folder(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            resources = {f"Filter{name}": metric_filter("ERROR")}
            (tmp_path / f"{name}.template.json").write_text(json.dumps({"Resources": resources}))
        (tmp_path / "manifest.json").write_text("{}")

        assert [item.logical_id for item in read_template(tmp_path).filters] == ["Filtera", "Filterb"]

    @pytest.mark.parametrize(
        "content",
        [b"", b"just text", b"[1, 2]", b'{"Resources": []}', b"{}", b"a: b: c", b"\xff\xfe", b"a: !Sub {"],
    )
    def test_what_is_no_template_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "x.template"
        path.write_bytes(content)

        with pytest.raises(TemplateError, match=r"x\.template"):
            read_template(path)

    def test_what_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(TemplateError, match="No such file"):
            read_template(tmp_path / "none.json")
        with pytest.raises(TemplateError, match="cdk synth"):
            read_template(tmp_path)

    def test_the_yaml_reader_leaves_others_alone(self, foreign: Path) -> None:
        import yaml

        read_template(foreign)

        with pytest.raises(yaml.YAMLError):
            yaml.safe_load("!Ref x")
        assert not isinstance(yaml.safe_load("2010-09-09"), str)
