"""Charts show what the alarm saw, whatever the length of the log."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import demo
from eks_audit_constructs.replay import Replay, State, replay
from eks_audit_constructs.replay.html.chart import Axis, Chart, axis, chart, spans
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template
from tests.replay.html.pages import GET

NINE = int(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp())


def attacked(folder: Path, **properties: Any) -> Replay:
    template = write_template(
        folder,
        F=metric_filter("{ $.responseStatus.code = 401 }", DefaultValue=0),
        A=alarm(**({"Period": 300, "Threshold": 10} | properties)),
    )
    return replay(template, [demo.ATTACK])


def drawn(result: Replay) -> Chart:
    whole = axis(result)
    assert whole is not None
    watched = result.alarms[0].alarm
    return chart(watched, result.planned.alarms[watched.key].data(result.counted), whole)


class TestAxis:
    def test_goes_from_the_first_minute_to_the_last_change(self, tmp_path: Path) -> None:
        whole = axis(attacked(tmp_path))

        assert whole is not None
        assert whole.start == NINE
        assert whole.start < whole.log_end <= whole.end
        assert (whole.x(whole.start), whole.x(whole.end), whole.x(whole.end + 1)) == (0, 100, 100)

    def test_none_without_times(self, tmp_path: Path) -> None:
        result = replay(write_template(tmp_path, F=metric_filter("denied")), [write_log(tmp_path, "denied")])

        assert axis(result) is None

    @pytest.mark.parametrize("minutes", [1, 5, 42, 600, 1440, 10_080, 525_600, 5_256_000])
    def test_has_a_few_marks_at_any_length(self, minutes: int) -> None:
        whole = Axis(start=NINE, log_end=NINE + minutes * 60, end=NINE + minutes * 60)

        places = [place for place, _ in whole.ticks]
        assert places == sorted(set(places))
        assert (minutes == 1 and not places) or 1 <= len(places) <= 6


class TestChart:
    def test_each_minute_and_what_the_alarm_compared(self, tmp_path: Path) -> None:
        shown = drawn(attacked(tmp_path))

        assert shown.minutes == 1
        assert [(bucket.minute, bucket.compared) for bucket in shown.buckets[:6]] == [
            (46, 46),
            *[(None, 46)] * 4,
            (None, None),
        ]
        assert shown.worst == 46
        assert 0 < shown.threshold < 100

    def test_a_line_ends_where_there_are_no_data(self, tmp_path: Path) -> None:
        shown = drawn(attacked(tmp_path))

        assert shown.line.count("M") == 4
        assert shown.bars.count("M") == 1

    def test_an_alarm_on_too_little_shows_the_least(self, tmp_path: Path) -> None:
        shown = drawn(attacked(tmp_path, ComparisonOperator="LessThanThreshold"))

        assert shown.worst == 0

    @pytest.mark.parametrize(
        ("statistic", "worst"), [("Average", 2), ("Minimum", 1), ("Maximum", 3), ("SampleCount", 2), ("Sum", 4)]
    )
    def test_every_statistic(self, tmp_path: Path, statistic: str, worst: float) -> None:
        template = write_template(tmp_path, F=metric_filter(GET, MetricValue="$.ms"), A=alarm(Statistic=statistic))
        log = write_log(tmp_path, event("06:00:00", verb="get", ms=1), event("06:00:01", verb="get", ms=3))

        assert drawn(replay(template, [log])).worst == worst

    def test_a_long_log_has_no_more_columns_than_a_phone_shows(self, tmp_path: Path) -> None:
        lines = [event("06:00:00", verb="get"), event("06:00:30", verb="get")]
        lines += [line.replace("2026-11-23", "2026-12-23") for line in lines]
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm())

        shown = drawn(replay(template, [write_log(tmp_path, *lines)]))

        assert len(shown.buckets) <= 240
        assert [bucket.minute for bucket in shown.buckets if bucket.minute] == [2, 2]
        assert shown.minutes == 360

    def test_clocks_far_apart_cost_nothing(self, tmp_path: Path) -> None:
        old = event("06:00:00", verb="get").replace("2026-11-23", "1970-01-01")
        template = write_template(tmp_path, F=metric_filter(GET), A=alarm())

        shown = drawn(replay(template, [write_log(tmp_path, old, event("06:00:00", verb="get"))]))

        assert len(shown.buckets) <= 240
        assert (shown.buckets[0].minute, shown.buckets[-1].compared) == (1, 1)

    @pytest.mark.parametrize("value", ["-5", "0", "0.001", "1e300", "1e-300"])
    def test_odd_values_stay_in_the_picture(self, tmp_path: Path, value: str) -> None:
        template = write_template(tmp_path, F=metric_filter(GET, MetricValue=value), A=alarm(Threshold=0))

        shown = drawn(replay(template, [write_log(tmp_path, event("06:00:00", verb="get"))]))

        heights = [
            float(number)
            for number in re.findall(r"V([-\d.e+]+)|M[\d.]+ ([-\d.e+]+)", shown.bars)
            for number in number
            if number
        ]
        assert all(0 <= height <= 100 for height in [*heights, shown.threshold])


class TestSpans:
    def test_states_follow_each_other(self, tmp_path: Path) -> None:
        result = attacked(tmp_path)
        whole = axis(result)
        assert whole is not None

        found = spans(result.alarms[0], whole)

        assert [span.state for span in found][:2] == [State.ALARM, State.OK]
        assert found[0].start == NINE + 60
        assert found[0].end == found[1].start
        assert found[-1].end is None
        assert found[0].width > 0
        assert found[-1].x + found[-1].width == pytest.approx(100)
