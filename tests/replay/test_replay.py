"""A template and a log in, the alarms' story out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eks_audit_constructs.replay import AlarmReplay, Replay, replay, replayed
from eks_audit_constructs.replay.matches import matches
from eks_audit_constructs.replay.report import as_json, print_report
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

GROUP = "/aws/eks/x/cluster"
FORBIDDEN = '{ $.responseStatus.code = 403 && $.stage = "ResponseComplete" }'


def story(item: AlarmReplay) -> list[tuple[str, str]]:
    return [(f"{change.at:%H:%M}", change.state.value) for change in item.transitions]


def only(result: Replay) -> AlarmReplay:
    [item] = result.alarms
    return item


INSIGHTS = {"Id": "q", "Expression": "SELECT SUM(x) FROM y", "Period": 60}
"""A metric that is not evaluated."""


class TestMetrics:
    LOG = (
        event("06:00:10", verb="get", ms=5, user={"username": "ann"}, code=1),
        event("06:00:20", verb="get", ms=9, user={"username": "bob"}, code=2),
        event("06:00:30", verb="get", user={"username": "ann"}, code=1),
        event("06:01:30", verb="list", user={"username": "ann"}),
        event("06:05:30", verb="list"),
    )
    GET = '{ $.verb = "get" }'

    def run(self, folder: Path, **resources: Any) -> Replay:
        return replay(write_template(folder, **resources), [write_log(folder, *self.LOG)])

    @pytest.mark.parametrize(
        ("pattern", "matched"),
        [('{ $.* = "get" }', 2), ('{ $.user.* = "get" }', 0), ('{ $.user.* = "eve" }', 1), ('{ $.* = "eve" }', 0)],
    )
    def test_any_field(self, tmp_path: Path, pattern: str, matched: int) -> None:
        log = write_log(
            tmp_path,
            event("06:00:00", verb="get", user={"username": "eve"}),
            event("06:00:00", other="get"),
            event("06:00:00", verb="list"),
            "not JSON",
        )
        template = write_template(tmp_path, F=metric_filter(pattern), Plain=metric_filter('{ $.verb = "list" }'))

        with replayed(template, [log]) as (result, found):
            shown = matches(result.template.conditions(), found)

        assert [item.matched for item in result.filters] == [matched, 1]
        assert [item.total for item in shown.values()] == [matched, 1]
        assert "how deep" in result.filters[0].filter.caveats[0]

    def test_what_matches_no_audit_event_is_in_doubt(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:00:00", verb="delete"))
        template = write_template(
            tmp_path,
            F=metric_filter('{ $.verb = "deleted" }'),
            G=metric_filter('{ $.verb = "delete" }'),
            H=metric_filter('{ $.verb = "deleted" }', group="/ecs/shop"),
        )

        with replayed(template, [log]) as (result, _):
            caveats = {item.filter.logical_id: item.filter.caveats for item in result.filters}

        assert caveats["F"] == ('$.verb = "deleted" never matches: no audit event has it. Did you mean "delete"?',)
        assert caveats["G"] == caveats["H"] == ()

    def test_a_value_of_several_fields_is_refused(self, tmp_path: Path) -> None:
        value = metric_filter('{ $.verb = "get" }', MetricValue="$.*")
        dimension = metric_filter('{ $.verb = "get" }', Dimensions=[{"Key": "Who", "Value": "$.user.*"}])
        who = alarm(Dimensions=[{"Name": "Who", "Value": "eve"}])
        template = write_template(tmp_path, Value=value, Dimension=dimension, Who=who)

        result = replay(template, [write_log(tmp_path, event("06:00:00", verb="get", size=3))])

        said = "may select several values, and AWS does not say which one it takes"
        assert [item.error for item in result.filters] == [None, f"$.* {said}"]
        assert result.alarms[0].error == f"$.user.* {said}"

    def test_counts_matches(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, F=metric_filter(self.GET), A=alarm())

        assert result.filters[0].matched == 3
        assert story(only(result))[0] == ("06:01", "ALARM")
        assert only(result).transitions[0].reason == "3 ≥ 2 in 1 min"

    def test_a_value_other_than_one(self, tmp_path: Path) -> None:
        properties = {"Threshold": 9, "ComparisonOperator": "GreaterThanOrEqualToThreshold"}
        result = self.run(tmp_path, F=metric_filter(self.GET, MetricValue="3"), A=alarm(**properties))

        assert only(result).alarmed

    def test_the_number_in_the_event(self, tmp_path: Path) -> None:
        value = metric_filter(self.GET, MetricValue="$.ms")

        assert only(self.run(tmp_path, F=value, A=alarm(Threshold=7, Statistic="Average"))).alarmed
        assert not only(self.run(tmp_path, F=value, A=alarm(Threshold=8, Statistic="Average"))).alarmed
        assert self.run(tmp_path, F=value).filters[0].matched == 3

    def test_the_default_value_stands_for_minutes_with_other_lines(self, tmp_path: Path) -> None:
        low = alarm(Threshold=1, ComparisonOperator="LessThanThreshold", TreatMissingData="ignore")

        with_default = self.run(tmp_path, F=metric_filter(self.GET, DefaultValue=0), A=low)
        without = self.run(tmp_path, F=metric_filter(self.GET), A=low)

        assert story(only(with_default)) == [("06:01", "OK"), ("06:02", "ALARM")]
        assert not only(without).alarmed

    def test_a_dimension_makes_a_metric_for_each_value(self, tmp_path: Path) -> None:
        filters = metric_filter(self.GET, Dimensions=[{"Key": "User", "Value": "$.user.username"}])
        result = self.run(
            tmp_path,
            F=filters,
            Ann=alarm(Dimensions=[{"Name": "User", "Value": "ann"}]),
            Bob=alarm(Dimensions=[{"Name": "User", "Value": "bob"}]),
            None_=alarm(),
            Open=alarm(Dimensions=[{"Name": "User", "Value": {"Ref": "AWS::Region"}}]),
        )

        found = {item.alarm.logical_id: item for item in result.alarms}
        assert (found["Ann"].alarmed, found["Bob"].alarmed) == (True, False)
        never = "no metric filter of this template writes its metric Audit/Hits, so it never gets data"
        assert found["None_"].error == never
        assert found["Open"].error == "needs AWS::Region, which has no value here"

    def test_a_dimension_of_numbers(self, tmp_path: Path) -> None:
        filters = metric_filter(self.GET, Dimensions=[{"Key": "Code", "Value": "$.code"}])
        wanted = alarm(Dimensions=[{"Name": "Code", "Value": "1"}])

        assert only(self.run(tmp_path, F=filters, A=wanted)).alarmed

    def test_two_filters_may_write_one_metric(self, tmp_path: Path) -> None:
        lists = metric_filter('{ $.verb = "list" }')
        result = self.run(tmp_path, F=metric_filter(self.GET), G=lists, A=alarm(Threshold=4, Period=120))

        assert story(only(result))[:2] == [("06:01", "OK"), ("06:02", "ALARM")]

    def test_a_unit_nobody_writes(self, tmp_path: Path) -> None:
        assert "unit Count" in (only(self.run(tmp_path, F=metric_filter(self.GET), A=alarm(Unit="Count"))).error or "")
        written = metric_filter(self.GET, Unit="Count")
        assert only(self.run(tmp_path, F=written, A=alarm(Unit="Count"))).alarmed

    def test_an_alarm_on_a_wrong_filter_is_not_evaluated(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, F=metric_filter("[a, b]"), A=alarm())

        assert result.filters[0].error
        assert (only(result).error or "").startswith("its metric filter cannot be evaluated: F (this is a pattern")

    @pytest.mark.parametrize("value", ["many", "$.", "${Value}"])
    def test_a_value_that_is_none(self, tmp_path: Path, value: str) -> None:
        assert self.run(tmp_path, F=metric_filter(self.GET, MetricValue=value)).filters[0].error


class TestSilence:
    @staticmethod
    def silence(group: Any = GROUP, **properties: Any) -> dict[str, Any]:
        return alarm(
            Namespace="AWS/Logs",
            MetricName="IncomingLogEvents",
            Dimensions=[{"Name": "LogGroupName", "Value": group}],
            Period=300,
            Threshold=1,
            ComparisonOperator="LessThanThreshold",
            TreatMissingData="breaching",
            **properties,
        )

    def test_counts_all_lines(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:00:00"), "no JSON", event("07:00:00"))
        template = write_template(tmp_path, F=metric_filter("ERROR"), A=self.silence())

        assert story(only(replay(template, [log]))) == [("06:01", "OK"), ("06:16", "ALARM"), ("07:01", "OK")]

    def test_on_another_log_group_is_not_evaluated(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:00:00"))
        template = write_template(tmp_path, F=metric_filter("ERROR"), A=self.silence("/aws/lambda/other"))

        assert "log group /aws/lambda/other" in (only(replay(template, [log])).error or "")

    def test_a_statistic_logs_do_not_tell(self, tmp_path: Path) -> None:
        log = write_log(tmp_path, event("06:00:00"))
        silence = self.silence()
        silence["Properties"]["Statistic"] = "SampleCount"

        assert only(replay(write_template(tmp_path, A=silence), [log])).error


class TestRealLogs:
    @pytest.fixture
    def template(self, tmp_path: Path) -> Path:
        rate = {"Period": 300, "Threshold": 10}
        return write_template(
            tmp_path,
            Filter403=metric_filter(FORBIDDEN, MetricName="403"),
            Filter401=metric_filter("{ $.responseStatus.code = 401 }", MetricName="401"),
            Alarm403=alarm(MetricName="403", AlarmName="forbidden", **rate),
            Alarm401=alarm(MetricName="401", AlarmName="unauthorized", **rate),
        )

    @pytest.mark.parametrize(
        ("scenario", "alarmed"),
        [
            ("unauthorized_spike", ["unauthorized"]),
            ("forbidden_spike", ["forbidden"]),
            ("benign_day", []),
        ],
    )
    def test_which_alarm_goes_off(self, template: Path, real_logs: Path, scenario: str, alarmed: list[str]) -> None:
        result = replay(template, [real_logs / f"{scenario}.jsonl"])

        assert [item.alarm.alarm_name for item in result.alarms if item.alarmed] == alarmed

    def test_json_has_the_documented_shape(self, template: Path, real_logs: Path) -> None:
        document = json.loads(as_json(replay(template, [real_logs / "unauthorized_spike.jsonl"])))

        assert list(document["filters"][0]) == ["template", "logical_id", "filter_name", "pattern", "matched"]
        assert [item["logical_id"] for item in document["filters"]] == ["Filter401", "Filter403"]
        assert (document["events"], document["unreadable"], document["filters"][0]["matched"]) == (46, 0, 46)
        quiet = {"logical_id": "Alarm403", "alarm_name": "forbidden", "metric": "Audit/403", "alarmed": False}
        assert document["alarms"][0] == {
            "template": "template.json",
            "logical_id": "Alarm401",
            "alarm_name": "unauthorized",
            "metric": "Audit/401",
            "transitions": [
                {"at": "2026-11-23T06:03:00Z", "state": "ALARM", "reason": "46 ≥ 10 in 5 min"},
                {"at": "2026-11-23T06:18:00Z", "state": "OK", "reason": "no data for 5 min"},
            ],
            "alarmed": True,
        }
        assert {key: document["alarms"][1][key] for key in quiet} == quiet


class TestReport:
    @staticmethod
    def printed(result: Replay, width: int = 80) -> str:
        console = Console(width=width, highlight=False)
        with console.capture() as capture:
            print_report(result, console)
        return capture.get()

    def test_tells_what_went_off_what_did_not_and_what_it_cannot_tell(self, tmp_path: Path) -> None:
        template = write_template(
            tmp_path,
            F=metric_filter('{ $.verb = "get" }'),
            Wrong=metric_filter("[a]", MetricName="Other"),
            Loud=alarm(AlarmName="loud", AlarmDescription="Look into **Team/Who reads**."),
            Who={"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "Team/Who reads", "QueryString": "x"}},
            Why={"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "Team/Why", "QueryString": "x"}},
            Topic={"Type": "AWS::SNS::Topic"},
            Still=alarm(AlarmName="still", Threshold=99),
            Math=alarm(AlarmName="math", Metrics=[INSIGHTS]),
        )
        log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 3, "no JSON [bold]")

        text = self.printed(replay(template, [log]))

        assert "2 metric filters, 3 alarms, 2 saved queries" in text
        assert "Beside them: 1 SNS::Topic" in text
        assert "1 line is not a JSON object" in text
        assert "1 event has no usable time: counted" in text
        assert "11-23 06:01  ALARM  loud   3 ≥ 2 in 1 min" in text
        assert "loud   Team/Who reads" in text
        assert "Team/Why" not in text
        assert "Quiet: still" in text
        assert "math: Metrics Insights queries are not evaluated" in text
        assert "Wrong: this is a pattern for space-delimited" in text

    def test_says_that_nothing_went_off(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter("ERROR"), A=alarm())

        assert "No alarm went off." in self.printed(replay(template, [write_log(tmp_path, event("06:00:00"))]))

    def test_fits_the_width_and_takes_names_as_they_are(self, tmp_path: Path) -> None:
        name = "eks-audit/[red]production-cluster-with-a-long-name/clusterrolebinding-changes"
        template = write_template(tmp_path, F=metric_filter('{ $.verb = "get" }'), A=alarm(AlarmName=name))
        log = write_log(tmp_path, *[event("06:00:00", verb="get")] * 3)

        text = self.printed(replay(template, [log]))

        assert max(map(len, text.splitlines())) <= 80
        assert "[red]" in text

    def test_a_log_without_times(self, tmp_path: Path) -> None:
        template = write_template(tmp_path, F=metric_filter("denied"), A=alarm())

        result = replay(template, [write_log(tmp_path, "denied", "denied")])

        assert result.filters[0].matched == 2
        assert only(result).error == "no event in the logs has a usable time"
        assert "2 events have no usable time, like all events of the same log" in self.printed(result)


class TestUnjudged:
    GET = event("06:00:00", verb="get")

    def run(self, tmp_path: Path, *lines: str, **resources: dict[str, Any]) -> Replay:
        return replay(write_template(tmp_path, **resources), [write_log(tmp_path, *lines)])

    def test_quiet_alarms_that_were_judged(self, tmp_path: Path) -> None:
        result = self.run(tmp_path, self.GET, F=metric_filter("ERROR"), A=alarm(), B=alarm(Metrics=[INSIGHTS]))

        assert result.unjudged is None
        assert "unjudged" not in json.loads(as_json(result))
        assert "No alarm that was evaluated went off. 1 alarm could not be" in TestReport.printed(result)

    @pytest.mark.parametrize(
        ("lines", "resources", "reason"),
        [
            ([], {"F": metric_filter("ERROR"), "A": alarm()}, "no audit event was read: the logs are empty"),
            (["no JSON"], {"F": metric_filter("{ $.a = 1 }"), "A": alarm()}, "none of the events is a JSON object"),
            ([GET], {"F": metric_filter("ERROR")}, "the template has no alarm"),
            ([GET], {"A": alarm(Metrics=[INSIGHTS])}, "Metrics Insights queries are not evaluated"),
            (["{}"], {"F": metric_filter("ERROR"), "A": alarm()}, "none of the events has the kind Event"),
            (["ERROR"], {"F": metric_filter("ERROR"), "A": alarm()}, "no event in the logs has a usable time"),
        ],
    )
    def test_nothing_could_be_judged(
        self, tmp_path: Path, lines: list[str], resources: dict[str, Any], reason: str
    ) -> None:
        result = self.run(tmp_path, *lines, **resources)

        assert reason in (result.unjudged or "")
        assert json.loads(as_json(result))["unjudged"] == result.unjudged
        assert "Nothing could be judged: " in TestReport.printed(result)
        assert "No alarm went off." not in TestReport.printed(result)

    def test_a_text_pattern_judges_text(self, tmp_path: Path) -> None:
        timed = "2026-11-23T06:00:00.000Z denied"
        assert self.run(tmp_path, timed, F=metric_filter("denied"), A=alarm()).unjudged is None
