"""A series answers as if there were a sample for each minute."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.replay.counting.counts import MINUTE, Coverage, Sample
from eks_audit_constructs.replay.series import Series, added_up, total
from tests.replay.plain import statistic_of

START = 1_795_420_800
SAMPLES = st.builds(
    lambda count, value: Sample(count, count * value, value - 1, value + 1),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.1, -2.0, 5.0, 1e18]),
)
LINES = st.dictionaries(st.integers(0, 40), st.integers(1, 3), min_size=1)
WINDOWS = st.tuples(st.integers(-5, 45), st.integers(1, 30))
STATISTICS = st.sampled_from(["Sum", "Average", "Minimum", "Maximum", "SampleCount"])


def at(minute: int) -> int:
    return START + minute * MINUTE


def plain(lines: dict[int, int], written: dict[int, Sample], default: Sample | None) -> dict[int, Sample]:
    return {at(minute): sample for minute in lines if (sample := written.get(minute, default)) is not None}


@given(LINES, st.data(), st.sampled_from([None, Sample(1, 0, 0, 0), Sample(1, 0.1, 0.1, 0.1)]), WINDOWS, STATISTICS)
def test_a_series_is_its_minutes(
    lines: dict[int, int], data: st.DataObject, default: Sample | None, window: tuple[int, int], statistic: str
) -> None:
    written = data.draw(st.dictionaries(st.sampled_from(sorted(lines)), SAMPLES))
    coverage = Coverage({at(minute): number for minute, number in lines.items()})
    series = Series.written(coverage, {at(minute): sample for minute, sample in written.items()}, default)
    samples = plain(lines, written, default)
    start, end = at(window[0]), at(window[0] + window[1])

    inside = [samples[minute] for minute in sorted(samples) if start <= minute < end]
    for each in (series, series.spelled_out()):
        assert each.value(statistic, start, end) == statistic_of(inside, statistic)
        assert all(each.at(minute) == samples.get(minute) for minute in map(at, range(-2, 45)))


@given(LINES, st.data(), WINDOWS, STATISTICS)
def test_writers_add_up(lines: dict[int, int], data: st.DataObject, window: tuple[int, int], statistic: str) -> None:
    coverage = Coverage({at(minute): number for minute, number in lines.items()})
    writers, samples = [], dict[int, list[Sample]]()
    for _ in range(data.draw(st.integers(1, 3))):
        written = data.draw(st.dictionaries(st.sampled_from(sorted(lines)), SAMPLES))
        default = data.draw(st.sampled_from([None, Sample(1, 0, 0, 0)]))
        writers.append(Series.written(coverage, {at(minute): each for minute, each in written.items()}, default))
        for minute, sample in plain(lines, written, default).items():
            samples.setdefault(minute, []).append(sample)
    start, end = at(window[0]), at(window[0] + window[1])

    inside = [each for minute in sorted(samples) if start <= minute < end for each in samples[minute]]
    value, wanted = added_up(writers).value(statistic, start, end), statistic_of(inside, statistic)
    assert value == wanted or (value is not None and wanted is not None and math.isclose(value, wanted))


@given(LINES, WINDOWS)
def test_a_number_for_each_minute(lines: dict[int, int], window: tuple[int, int]) -> None:
    values = {at(minute): number for minute, number in lines.items()}
    start, end = at(window[0]), at(window[0] + window[1])

    inside = [number for minute, number in values.items() if start <= minute < end]
    assert Series.numbers(Coverage(values), values).value("Sum", start, end) == (sum(inside) if inside else None)


def test_what_is_usual_is_not_stored() -> None:
    coverage = Coverage(dict.fromkeys(map(at, range(1000)), 1))

    assert Series.written(coverage, {at(7): Sample(1, 1, 1, 1)}, Sample(1, 0, 0, 0)).minutes == [at(7)]
    assert Series.numbers(coverage, coverage.lines).minutes == []


def test_a_log_of_decades_is_not_enumerated() -> None:
    coverage = Coverage({0: 1, at(0): 1})

    assert Series.written(coverage, {}, Sample(1, 0, 0, 0)).minutes == [0, at(0)]


@pytest.mark.parametrize(
    ("values", "sum_"), [([1e18, 1, -1e18], 1), ([0.1] * 10, 1), ([1e308, 1e308], math.inf), ([], 0)]
)
def test_sums_are_exact(values: list[float], sum_: float) -> None:
    assert total(values) == sum_
