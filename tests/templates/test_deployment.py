"""What the template says is exact; what only a deployment knows is named, and can be given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs.errors import AuditConfigurationError, QueryError
from eks_audit_constructs.insights.saved import choose
from eks_audit_constructs.replay import replay
from eks_audit_constructs.templates.deployment import Deployment, Open, in_words, needs_of
from eks_audit_constructs.templates.intrinsics import Resolver
from eks_audit_constructs.templates.template import read_template
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

GET = '{ $.verb = "get" }'


def resolver(given: dict[str, str] | None = None, **sections: Any) -> Resolver:
    parameters = {
        "Who": {"Type": "String"},
        "Names": {"Type": "CommaDelimitedList", "Default": "a,b"},
        "Key": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a/b"},
    }
    return Resolver({"Parameters": parameters, "Resources": {}, **sections}, Deployment(given))


class TestExact:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"Fn::ToJsonString": {"a": [1, {"Ref": "Names"}]}}, '{"a":[1,["a","b"]]}'),
            ({"Fn::Length": {"Ref": "Names"}}, 2),
            ({"Fn::Base64": "hi"}, "aGk="),
            ({"Fn::FindInMap": ["M", "x", "y", {"DefaultValue": 7}]}, 7),
            ({"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": 7}]}, 1),
            ({"Ref": "F"}, "named"),
            ({"Ref": "Cluster"}, "prod"),
            ({"Fn::GetAtt": ["Stored", "Value"]}, "v"),
            ({"Fn::If": ["Unknown", "same", "same"]}, "same"),
            ({"a": 1, "Fn::ForEach::L": ["X", ["p", "q"], {"k${X}": "${X}"}]}, {"a": 1, "kp": "p", "kq": "q"}),
        ],
    )
    def test_what_the_template_says(self, value: Any, expected: Any) -> None:
        found = resolver(
            Mappings={"M": {"a": {"b": 1}}},
            Conditions={"Unknown": {"Fn::Equals": [{"Ref": "Who"}, "x"]}},
            Resources={
                "F": {"Type": "AWS::Logs::MetricFilter", "Properties": {"FilterName": "named"}},
                "Cluster": {"Type": "AWS::EKS::Cluster", "Properties": {"Name": "prod"}},
                "Stored": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": "v"}},
            },
        ).value(value)

        assert found == expected
        assert not needs_of(found)

    def test_for_each_makes_resources(self, tmp_path: Path) -> None:
        loop = ["Verb", ["get", "list"], {"F${Verb}": metric_filter('{ $.verb = "${Verb}" }', MetricName="${Verb}")}]
        path = write_template(tmp_path, **{"Fn::ForEach::Verbs": loop, "Aget": alarm(MetricName="get")})
        result = replay(path, [write_log(tmp_path, *[event("06:00:00", verb="get")] * 2)])

        assert {item.filter.logical_id: item.matched for item in result.filters} == {"Fget": 2, "Flist": 0}
        assert result.alarms[0].alarmed

    def test_exports_of_the_same_assembly(self, tmp_path: Path) -> None:
        output = {"O": {"Value": "/aws/eks/x/cluster", "Export": {"Name": {"Fn::Sub": "group"}}}}
        (tmp_path / "a.template.json").write_text(json.dumps({"Resources": {}, "Outputs": output}))
        resources = {"F": metric_filter("x", group={"Fn::ImportValue": "group"})}
        (tmp_path / "b.template.json").write_text(json.dumps({"Resources": resources}))

        assert read_template(tmp_path).filters[0].log_group == "/aws/eks/x/cluster"

    def test_outputs_of_nested_stacks(self, tmp_path: Path) -> None:
        (tmp_path / "i.json").write_text(json.dumps({"Resources": {}, "Outputs": {"O": {"Value": GET}}}))
        nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "i.json"}}
        pattern: Any = {"Fn::GetAtt": ["N", "Outputs.O"]}

        assert read_template(write_template(tmp_path, N=nested, F=metric_filter(pattern))).filters[0].pattern == GET


class TestUnknown:
    @pytest.mark.parametrize(
        ("value", "needs"),
        [
            ({"Ref": "Who"}, {"Who"}),
            ({"Ref": "Key"}, {"Key"}),
            ({"Fn::Sub": "${Who}-${AWS::Region}"}, {"Who", "AWS::Region"}),
            ({"Fn::Join": ["-", ["a", {"Ref": "Who"}]]}, {"Who"}),
            ({"Fn::Join": ["", ["{{resolve:ssm:", "/x}}"]]}, {"{{resolve:ssm:/x}}"}),
            ("a {{resolve:secretsmanager:s:SecretString:k}}", {"{{resolve:secretsmanager:s:SecretString:k}}"}),
            ({"Fn::ImportValue": "shared"}, {"shared"}),
            ({"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "Who"}]}]}, {"Who"}),
            ({"Fn::ToJsonString": {"a": {"Ref": "Who"}}}, {"Who"}),
            ({"Fn::GetAtt": ["Group", "Arn"]}, {"Group.Arn"}),
            ({"Fn::Cidr": ["10.0.0.0/8", 1]}, {"Fn::Cidr"}),
        ],
    )
    def test_is_named(self, value: Any, needs: set[str]) -> None:
        found = resolver().value(value)

        assert isinstance(found, Open)
        assert found.needs == needs
        given = resolver(dict.fromkeys(needs, "g")).value(value)
        assert not needs_of(given) or needs == {"Fn::Cidr"}

    def test_in_words(self) -> None:
        assert in_words({"b", "a", "c"}) == "needs a, b and c, which have no value here"

    def test_a_literal_is_no_unknown(self) -> None:
        assert not needs_of(resolver().value({"Fn::Sub": "${!Who}"}))

    @pytest.mark.parametrize(
        "resources",
        [
            {"F": metric_filter("x", MetricValue={"Ref": "AWS::Region"}), "A": alarm()},
            {"F": metric_filter("x", DefaultValue={"Ref": "AWS::Region"}), "A": alarm()},
            {"F": metric_filter("x", MetricName={"Fn::Sub": "Hi${AWS::Region}"}), "A": alarm()},
            {"F": metric_filter("x"), "A": alarm(MetricName={"Fn::Sub": "Hi${AWS::Region}"})},
            {"F": metric_filter("x"), "A": alarm(TreatMissingData={"Ref": "AWS::Region"})},
            {"F": metric_filter("x"), "A": alarm(Statistic={"Ref": "AWS::Region"})},
            {"F": metric_filter("x"), "A": alarm(Unit={"Ref": "AWS::Region"})},
            {"F": metric_filter("x"), "A": alarm(ComparisonOperator={"Ref": "AWS::Region"})},
        ],
    )
    def test_keeps_an_alarm_from_being_evaluated(self, tmp_path: Path, resources: dict[str, Any]) -> None:
        result = replay(write_template(tmp_path, **resources), [write_log(tmp_path, event("06:00:00"))])

        assert "needs AWS::Region, which has no value here" in (result.alarms[0].error or "")

    def test_equal_unknown_names_are_one_metric(self, tmp_path: Path) -> None:
        name = {"Fn::Sub": "m-${AWS::Region}"}
        log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 2)

        path = write_template(tmp_path, F=metric_filter(GET, MetricName=name), A=alarm(MetricName=name))
        assert replay(path, [log]).alarms[0].alarmed

    def test_what_may_also_write_the_metric_is_a_doubt(self, tmp_path: Path) -> None:
        other = metric_filter(GET, MetricName={"Fn::Sub": "H${AWS::Region}"})
        log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 2)

        [found] = replay(write_template(tmp_path, F=metric_filter(GET), G=other, A=alarm()), [log]).alarms

        assert found.alarmed
        assert "G may also write its metric: that needs AWS::Region" in found.caveats[0]


class TestGiven:
    def test_a_misspelt_parameter_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(AuditConfigurationError, match="Regio"):
            read_template(write_template(tmp_path, F=metric_filter("x")), {"AWS::Regio": "eu-west-1"})

    def test_a_query_that_needs_a_value(self, tmp_path: Path) -> None:
        text = {"Fn::Sub": "filter user = '${AWS::AccountId}'"}
        query = {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "q", "QueryString": text}}
        path = write_template(tmp_path, Q=query)

        with pytest.raises(QueryError, match="needs AWS::AccountId"):
            choose("q", text=None, template=path)
        assert choose("q", text=None, template=path, parameters={"AWS::AccountId": "1"})[1] == "filter user = '1'"
