"""Alarms go to the states CloudWatch's documentation says they go to."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eks_audit_constructs.replay.alarms import Datapoint, State, Transition, judge, transitions
from eks_audit_constructs.replay.counting.counts import Coverage, Sample
from eks_audit_constructs.replay.data import Data
from eks_audit_constructs.replay.series import Series
from eks_audit_constructs.templates.items import COMPARISONS, Alarm, Metric, Watched
from tests.depth import examples
from tests.replay.plain import PlainData, every_moment

KEPT = "kept"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html, both tables
THREE_OF_THREE = [
    ("0 - X - X", "OK OK OK OK"),
    ("0 - - - -", "OK OK OK OK"),
    ("- - - - -", "INSUFFICIENT_DATA kept ALARM OK"),
    ("0 X X - X", "ALARM ALARM ALARM ALARM"),
    ("- - X - -", "ALARM kept ALARM OK"),
]
TWO_OF_THREE = [
    ("0 - X - X", "ALARM ALARM ALARM ALARM"),
    ("0 0 X 0 X", "ALARM ALARM ALARM ALARM"),
    ("0 - X - -", "OK OK ALARM OK"),
    ("- - - - 0", "OK OK ALARM OK"),
    ("- - - X -", "ALARM kept ALARM OK"),
]


@pytest.mark.parametrize(
    ("to_alarm", "points", "states"),
    [(3, *row) for row in THREE_OF_THREE] + [(2, *row) for row in TWO_OF_THREE],
)
def test_missing_data_as_documented(to_alarm: int, points: str, states: str) -> None:
    datapoints = [Datapoint(sign) for sign in points.split()]

    for current in State:
        judged = [
            judge(datapoints, periods=3, to_alarm=to_alarm, missing=missing, current=current) for missing in TREATMENTS
        ]
        assert judged == [current if state == KEPT else State(state) for state in states.split()]


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_does_not_alarm_before_the_data_are_old_enough(points: str) -> None:
    datapoints = [Datapoint(sign) for sign in points.split()]

    assert judge(datapoints, periods=3, to_alarm=3, missing="missing", current=State.OK) is State.OK


MINUTE = 60
EIGHT = 1_795_420_800  # 2026-11-23T08:00:00Z


def changes(values: dict[int, float], *, until: int, **settings: Any) -> list[Transition]:
    defaults: dict[str, Any] = {
        "logical_id": "A",
        "alarm_name": "a",
        "period": 60,
        "evaluation_periods": 1,
        "threshold": 10,
        "comparison": "GreaterThanOrEqualToThreshold",
        "missing_data": "notBreaching",
    }
    chosen = defaults | settings
    chosen["watched"] = (Watched(metric=Metric(namespace="n", name="m"), statistic=chosen.pop("statistic", "Sum")),)
    alarm = Alarm(**{"datapoints_to_alarm": chosen["evaluation_periods"], **chosen})
    series = {EIGHT + minute * MINUTE: Sample(1, value, value, value) for minute, value in values.items()}
    lines = {EIGHT: 1, EIGHT + until * MINUTE: 1}
    return list(transitions(alarm, Data(alarm, {"": Series(Coverage(lines), None, series)})))


def run(values: dict[int, float], *, until: int, **settings: Any) -> list[tuple[int, str]]:
    """An alarm's states, each with the minute after 8:00 in which it was entered."""
    found = changes(values, until=until, **settings)
    return [((int(change.at.timestamp()) - EIGHT) // MINUTE, change.state.value) for change in found]


class TestWindow:
    def test_slides_minute_by_minute(self) -> None:
        # 6 in minute 3 and 6 in minute 6 are in no 5-minute slot of the clock together, but in one window.
        assert run({3: 6, 6: 6}, until=30, period=300)[:2] == [(1, "OK"), (7, "ALARM")]

    def test_does_not_reach_further_than_its_period(self) -> None:
        assert run({3: 6, 8: 6}, until=30, period=300) == [(1, "OK")]

    def test_an_old_breach_holds_while_no_newer_data_come(self) -> None:
        assert run({0: 12}, until=30) == [(1, "ALARM"), (4, "OK")]

    def test_newer_data_end_a_breach_at_once(self) -> None:
        assert run({0: 12, 1: 0, 2: 0}, until=30) == [(1, "ALARM"), (2, "OK")]

    def test_m_of_n(self) -> None:
        values = {minute: 12.0 if minute in (1, 3) else 0.0 for minute in range(10)}
        settings = {"evaluation_periods": 3}

        assert (4, "ALARM") in run(values, until=9, datapoints_to_alarm=2, **settings)
        assert (4, "ALARM") not in run(values, until=9, datapoints_to_alarm=3, **settings)

    @pytest.mark.parametrize(
        ("statistic", "threshold", "alarmed"),
        [
            ("Average", 5, True),
            ("Average", 6, False),
            ("Minimum", 2, True),
            ("Minimum", 3, False),
            ("Maximum", 8, True),
            ("Maximum", 9, False),
            ("SampleCount", 2, True),
            ("SampleCount", 3, False),
        ],
    )
    def test_statistics(self, statistic: str, threshold: float, alarmed: bool) -> None:
        found = run({0: 2, 1: 8}, until=1, period=120, statistic=statistic, threshold=threshold)

        assert ([state for at, state in found if at <= 2][-1] == "ALARM") is alarmed

    @pytest.mark.parametrize(
        ("comparison", "alarmed"),
        [
            ("GreaterThanThreshold", False),
            ("GreaterThanOrEqualToThreshold", True),
            ("LessThanThreshold", False),
            ("LessThanOrEqualToThreshold", True),
        ],
    )
    def test_comparisons_at_the_threshold(self, comparison: str, alarmed: bool) -> None:
        found = run(dict.fromkeys(range(5), 10.0), until=4, comparison=comparison)

        assert ("ALARM" in [state for _, state in found]) is alarmed

    def test_a_period_below_a_minute_sees_one_data_point_a_minute(self) -> None:
        assert run({0: 12, 1: 0}, until=5, period=10)[0] == (1, "ALARM")

    def test_a_multi_day_alarm_is_evaluated_on_the_hour(self) -> None:
        assert run({5: 12}, until=300, period=86_400, evaluation_periods=2, datapoints_to_alarm=1)[0] == (60, "ALARM")

    def test_years_between_events_take_no_time(self) -> None:
        year = 365 * 24 * 60

        assert run({0: 12, 20 * year: 12}, until=20 * year) == [
            (1, "ALARM"),
            (4, "OK"),
            (20 * year + 1, "ALARM"),
            (20 * year + 4, "OK"),
        ]


class TestSilence:
    SETTINGS: ClassVar[dict[str, Any]] = {
        "comparison": "LessThanThreshold",
        "threshold": 1,
        "missing_data": "breaching",
        "period": 300,
    }

    def test_a_gap_in_the_log_alarms(self) -> None:
        values = dict.fromkeys((*range(10), *range(60, 70)), 5.0)

        # Two real data points beyond the evaluated ones come before missing ones: 10 + 3 * 5 minutes.
        assert run(values, until=69, **self.SETTINGS) == [(1, "OK"), (25, "ALARM"), (61, "OK")]

    def test_a_short_gap_does_not(self) -> None:
        values = dict.fromkeys((*range(10), *range(20, 30)), 5.0)

        assert run(values, until=29, **self.SETTINGS) == [(1, "OK")]

    @pytest.mark.parametrize("minutes", [1, 3, 17])
    @pytest.mark.parametrize("periods", [1, 3])
    def test_neither_the_beginning_nor_the_end_of_a_log_is_silence(self, minutes: int, periods: int) -> None:
        values = dict.fromkeys(range(minutes), 5.0)

        assert run(values, until=minutes - 1, **self.SETTINGS, evaluation_periods=periods) == [(1, "OK")]

    def test_a_period_cut_by_the_log_does_not_have_too_little(self) -> None:
        values = dict.fromkeys(range(90), 1.0)
        settings = self.SETTINGS | {"period": 3600, "threshold": 30}

        assert "ALARM" not in [state for _, state in run(values, until=89, **settings)]

    def test_a_whole_period_may_have_too_little(self) -> None:
        values = dict.fromkeys(range(90), 1.0)
        settings = self.SETTINGS | {"period": 3600, "threshold": 61}

        assert (60, "ALARM") in run(values, until=89, **settings)


@pytest.mark.parametrize(
    ("missing", "end"),
    [("notBreaching", ["ALARM", "OK"]), ("missing", ["ALARM", "INSUFFICIENT_DATA"]), ("ignore", ["ALARM"])],
)
def test_how_a_breach_ends_without_data(missing: str, end: list[str]) -> None:
    found = run({0: 12}, until=30, missing_data=missing)

    assert [state for _, state in found] == end


def test_the_end_of_the_log_brings_no_old_event_back() -> None:
    # At 8:10 the newest period would be missing, and the one before breaching; but nothing is known of the newest.
    values = dict.fromkeys(range(5), 3.0)

    assert run(values, until=4, period=300, threshold=5) == [(1, "OK"), (2, "ALARM"), (9, "OK")]


def test_the_end_of_the_log_leaves_no_alarm_without_data() -> None:
    assert run({0: 12}, until=0, missing_data="missing") == [(1, "ALARM")]


SPARSE = {0: 1.0, 2: 0.0, 7: 0.0}
"""One event, and few other data."""


class TestReason:
    def reasons(self, values: dict[int, float], **settings: Any) -> list[str]:
        return [change.reason for change in changes(values, until=max(values), **settings)]

    def test_the_newest_period_needs_no_name(self) -> None:
        assert self.reasons({0: 0, 1: 12})[1] == "12 ≥ 10 in 1 min"

    def test_an_older_period_is_named(self) -> None:
        found = changes(SPARSE, until=40, period=300, threshold=1, evaluation_periods=2, datapoints_to_alarm=1)

        assert [change.reason for change in found if change.state is State.ALARM] == [
            "1 ≥ 1 in 5 min",
            "1 ≥ 1 from 07:58 to 08:03",
            "1 ≥ 1 from 07:58 to 08:03",
        ]

    def test_several_periods_are_named(self) -> None:
        found = self.reasons({0: 12, 1: 0, 2: 13, 3: 0}, evaluation_periods=3, datapoints_to_alarm=2)

        assert "2 of 3 periods: 12 (08:00), 13 (08:02) ≥ 10 in 1 min" in found


class TestOneEvent:
    """One event sets off an alarm once, as `EksAudit` makes it, whatever else the log holds."""

    @given(st.sets(st.integers(1, 60)))
    def test_rings_once(self, others: set[int]) -> None:
        found = run(
            {0: 1, **dict.fromkeys(others, 0.0)},
            until=max(others, default=1),
            threshold=1,
            evaluation_periods=10,
            datapoints_to_alarm=1,
        )

        assert [state for _, state in found].count("ALARM") == 1

    def test_with_longer_periods_it_may_ring_again(self) -> None:
        found = run(SPARSE, until=40, period=300, threshold=1, evaluation_periods=2, datapoints_to_alarm=1)

        assert [state for _, state in found].count("ALARM") > 1


STATISTICS = ["Sum", "Average", "Minimum", "Maximum", "SampleCount"]


@st.composite
def alarms(draw: st.DrawFn) -> Alarm:
    period = draw(st.sampled_from([10, 30, 60, 60, 120, 300, 300, 3600, 86_400]))
    periods = draw(st.integers(1, 4))
    return Alarm(
        logical_id="A",
        alarm_name="a",
        watched=(Watched(metric=Metric(namespace="n", name="m"), statistic=draw(st.sampled_from(STATISTICS))),),
        period=period,
        evaluation_periods=periods,
        datapoints_to_alarm=draw(st.integers(1, periods)),
        threshold=draw(st.sampled_from([-1, 0, 1, 3, 0.3])),
        comparison=draw(st.sampled_from(sorted(COMPARISONS))),
        missing_data=draw(st.sampled_from(TREATMENTS)),
    )


SAMPLES = st.sampled_from([Sample(1, 0, 0, 0), Sample(1, 0.1, 0.1, 0.1), Sample(3, 5, 1, 3), Sample(2, -4, -3, -1)])


@settings(max_examples=examples(60))
@given(
    alarms(),
    st.dictionaries(st.integers(0, 180), st.tuples(st.booleans(), SAMPLES), min_size=1),
    st.sampled_from([None, Sample(1, 0, 0, 0), Sample(1, 2, 2, 2)]),
    st.booleans(),
)
def test_no_moment_that_is_skipped_would_have_changed_the_state(
    alarm: Alarm, drawn: dict[int, tuple[bool, Sample]], default: Sample | None, dense: bool
) -> None:
    minutes = range(min(drawn), max(drawn) + 1) if dense else drawn
    lines = dict.fromkeys((EIGHT + minute * MINUTE for minute in minutes), 1)
    samples = {EIGHT + minute * MINUTE: sample for minute, (written, sample) in drawn.items() if written}
    series = Series.written(Coverage(lines), samples, default)
    plain = {minute: sample for minute in lines if (sample := samples.get(minute, default)) is not None}

    found = list(transitions(alarm, Data(alarm, {"": series})))

    assert found == list(every_moment(alarm, PlainData(alarm, plain, Coverage(lines))))
