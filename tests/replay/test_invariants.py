"""What must not change a replay, or must change it in a known way."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eks_audit_constructs.replay import Transition, replay
from tests.depth import examples
from tests.replay.builders import alarm, event, metric_filter, write_log, write_template

Found = tuple[int, tuple[Transition, ...]]


def replayed(
    folder: Path, logs: Sequence[Sequence[str]], *, statistic: str = "Sum", threshold: float = 4, value: str = "$.n"
) -> Found:
    """How many events match, and what the alarm does."""
    template = write_template(
        folder,
        F=metric_filter('{ $.verb = "get" }', MetricValue=value, DefaultValue=0),
        A=alarm(Statistic=statistic, Threshold=threshold, Period=300, EvaluationPeriods=2, DatapointsToAlarm=1),
    )
    paths = [write_log(folder, *lines, name=f"{number}.jsonl") for number, lines in enumerate(logs)]
    result = replay(template, paths)
    return result.filters[0].matched, result.alarms[0].transitions


def lines_of(drawn: Sequence[tuple[int, str, int]], scale: int = 1) -> list[str]:
    return [event(f"06:{minute:02}:00", verb=verb, n=scale * number) for minute, verb, number in drawn]


EVENTS = st.lists(
    st.tuples(st.integers(0, 59), st.sampled_from(["get", "get", "list"]), st.integers(0, 4)), min_size=1, max_size=30
)
QUICK = settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(EVENTS, st.integers(0, 2**16))
def test_the_order_of_lines_does_not_matter(tmp_path: Path, drawn: list[tuple[int, str, int]], seed: int) -> None:
    lines = lines_of(drawn)
    other = random.Random(seed).sample(lines, len(lines))

    assert replayed(tmp_path, [other]) == replayed(tmp_path, [lines])


@QUICK
@given(EVENTS, st.integers(1, 5))
def test_how_a_log_is_split_into_files_does_not_matter(
    tmp_path: Path, drawn: list[tuple[int, str, int]], files: int
) -> None:
    lines = lines_of(drawn)

    assert replayed(tmp_path, [lines[number::files] for number in range(files)]) == replayed(tmp_path, [lines])


def states(found: Found) -> list[tuple[object, object]]:
    return [(change.at, change.state) for change in found[1]]


@QUICK
@given(EVENTS)
def test_twice_the_events_at_twice_the_threshold(tmp_path: Path, drawn: list[tuple[int, str, int]]) -> None:
    lines = lines_of(drawn)
    once, twice = replayed(tmp_path, [lines]), replayed(tmp_path, [lines, lines], threshold=8)

    assert (twice[0], states(twice)) == (2 * once[0], states(once))


@QUICK
@given(EVENTS, st.sampled_from(["Sum", "Average", "Minimum", "Maximum"]), st.sampled_from([2, 10, 1000]))
def test_all_values_and_the_threshold_scaled(
    tmp_path: Path, drawn: list[tuple[int, str, int]], statistic: str, scale: int
) -> None:
    plain = replayed(tmp_path, [lines_of(drawn)], statistic=statistic)
    scaled = replayed(tmp_path, [lines_of(drawn, scale)], statistic=statistic, threshold=4 * scale)

    assert (scaled[0], states(scaled)) == (plain[0], states(plain))


@pytest.mark.parametrize("value", ["1", "$.n"])
def test_they_would_differ(tmp_path: Path, value: str) -> None:
    lines = lines_of([(0, "get", 2), (1, "get", 3), (2, "get", 4), (3, "get", 1)])

    assert states(replayed(tmp_path, [lines], value=value)) != states(replayed(tmp_path, [lines], threshold=99))
