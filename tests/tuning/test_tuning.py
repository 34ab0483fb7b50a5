"""What each threshold would have meant, on logs made of recorded events with shifted times."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from eks_audit_constructs import catalog, recordings
from eks_audit_constructs.cdk.settings import Settings
from eks_audit_constructs.replay.counting.counts import Coverage, Sample
from eks_audit_constructs.replay.series import Series
from eks_audit_constructs.templates.from_catalog import from_catalog
from eks_audit_constructs.templates.template import read_template
from eks_audit_constructs.tuning import Advice, Tuning, tune
from eks_audit_constructs.tuning.advice import Trial
from eks_audit_constructs.tuning.report import as_json, cdk_json, print_tuning, python
from eks_audit_constructs.tuning.subjects import Subject, of_catalogue, of_template
from tests.depth import examples
from tests.replay.builders import alarm, metric_filter, write_log, write_template

REFUSALS = of_catalogue([catalog.FORBIDDEN_REQUESTS])
START = datetime(2026, 11, 1, tzinfo=UTC)
REFUSED = recordings.event("forbidden_spike", 2)
assert REFUSED["responseStatus"]["code"] == 403


def at(minute: float, event: dict[str, Any], **changes: Any) -> str:
    time = (START + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    return json.dumps(event | {"stageTimestamp": time} | changes)


def two_weeks(*lines: str) -> list[str]:
    ordinary = recordings.event("benign_day", 1)
    return [at(0, ordinary), *lines, at(14 * 24 * 60, ordinary)]


def of(tuning: Tuning, id: str) -> Advice:
    [found] = [advice for advice in tuning.advice if advice.subject.id == id]
    return found


def refused_by(name: str, bursts: Iterable[int], size: int) -> list[str]:
    user = REFUSED["user"] | {"username": name}
    return [at(burst * 600 + index / 60, REFUSED, user=user) for burst in bursts for index in range(size)]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    """Two weeks: a robot is refused 12 times, every ten hours; three people twice each."""
    people = [line for name in ("ann", "bob", "cleo") for line in refused_by(name, [7, 20], 2)]
    lines = two_weeks(*refused_by("robot", range(1, 30), 12), *people)
    log = write_log(tmp_path_factory.mktemp("noisy"), *lines)
    return tune(of_catalogue(), [log])


def test_each_threshold_has_its_alarms(noisy: Tuning) -> None:
    advice = of(noisy, "forbidden-requests")
    assert advice.events == 29 * 12 + 12
    assert advice.peak == 18
    assert advice.weeks == pytest.approx(2, rel=0.01)
    assert {one.threshold: len(one.alarms) for one in advice.outcomes} == {1: 29, 2: 29, 3: 29, 5: 29, 10: 29}
    assert advice.a_week(advice.present) == pytest.approx(14.5, rel=0.01)
    assert advice.present.alarms[0] == START + timedelta(minutes=601)


def test_who_causes_most_is_the_exclusion_to_consider(noisy: Tuning) -> None:
    advice = of(noisy, "forbidden-requests")
    assert advice.noisy
    assert advice.exclude == "robot"
    assert advice.threshold == 10
    assert "robot causes 97% of the events. Without it: 0 alarms." in advice.grounds
    assert advice.behind.by_principal.rows[0] == ("robot", 348)


def test_the_lines_to_paste_do_what_they_say(noisy: Tuning, tmp_path: Path) -> None:
    settings = Settings.from_context({"cluster": "prod", **json.loads(cdk_json(noisy) or "")})
    code = (python(noisy) or "").removeprefix("detections=")
    from eks_audit_constructs import field

    pasted = eval(code, {"catalog": catalog, "field": field})  # the code is what is tested
    assert list(pasted) == list(settings.detections)
    quiet = tune(of_catalogue(pasted), [write_log(tmp_path, *two_weeks(*refused_by("robot", range(1, 30), 12)))])
    assert of(quiet, "forbidden-requests").present.alarms == ()


def test_where_nobody_stands_out_a_threshold_is_suggested(tmp_path: Path) -> None:
    crowd = [line for number in range(12) for line in refused_by(f"dev-{number}", [number * 2 + 1], 10 + number)]
    advice = of(tune(REFUSALS, [write_log(tmp_path, *two_weeks(*crowd))]), "forbidden-requests")
    assert len(advice.present.alarms) == 12
    assert advice.exclude is None
    # Two alarms in two weeks are allowed: those of 20 and 21 refusals.
    assert advice.threshold == 20
    assert len(next(one for one in advice.outcomes if one.threshold == 20).alarms) == 2


def test_a_higher_threshold_is_never_advised_where_one_event_matters(tmp_path: Path) -> None:
    made = recordings.event("cluster_admin_binding", 1)
    assert made["verb"] == "create"
    lines = [at(number * 600 + 5, made, user=made["user"] | {"username": f"admin-{number}"}) for number in range(9)]
    tuning = tune(of_catalogue([catalog.CLUSTER_ADMIN_BINDING]), [write_log(tmp_path, *two_weeks(*lines))])
    advice = of(tuning, "cluster-admin-binding")
    assert advice.noisy
    assert not advice.changes
    assert "check who causes them" in advice.grounds


def test_one_alarm_is_no_noise(tmp_path: Path) -> None:
    log = write_log(tmp_path, *refused_by("raj", [1], 30))
    tuning = tune(REFUSALS, [log])
    advice = of(tuning, "forbidden-requests")
    assert len(advice.present.alarms) == 1
    assert not advice.noisy
    assert advice.a_week(advice.present) is None, "half a minute says nothing about a week"
    assert python(tuning) is None


def test_an_alarm_that_stays_is_noise_though_it_goes_off_once(tmp_path: Path) -> None:
    users = [REFUSED["user"] | {"username": f"dev-{number}"} for number in range(30)]
    crowd = [at(minute, REFUSED, user=users[(minute + some) % 30]) for minute in range(180) for some in range(3)]
    advice = of(tune(REFUSALS, [write_log(tmp_path, *two_weeks(*crowd))]), "forbidden-requests")
    assert len(advice.present.alarms) == 1
    assert timedelta(hours=3) <= advice.present.lasted < timedelta(hours=3.5)
    assert advice.noisy
    assert advice.grounds == "At 10: 1 alarm, 3 h 13 min in all. At 16: 0 alarms."
    quiet = next(one for one in advice.outcomes if one.threshold == 16)
    assert (quiet.alarms, quiet.lasted) == ((), timedelta())


def test_no_number_is_cut_however_narrow_the_terminal(noisy: Tuning) -> None:
    for width in (60, 80):
        console = Console(
            file=io.StringIO(),
            width=width,
        )
        print_tuning(noisy, console)
        assert isinstance(console.file, io.StringIO)
        assert "…" not in console.file.getvalue()
        assert "18 in 5 min" in console.file.getvalue()


def test_anonymous_requests_are_never_left_out(tmp_path: Path) -> None:
    anonymous = recordings.event("anonymous_probing", 2)
    lines = [
        at(
            number * 600 + index / 60,
            anonymous,
            user={"username": "system:anonymous"},
            responseStatus={"code": 403, "message": 'pods is forbidden: User "system:anonymous" cannot list'},
        )
        for number in range(9)
        for index in range(12)
    ]
    advice = of(tune(REFUSALS, [write_log(tmp_path, *two_weeks(*lines))]), "forbidden-requests")
    assert advice.noisy
    assert advice.exclude is None


def test_a_name_that_would_stand_for_others_is_never_left_out(tmp_path: Path) -> None:
    log = write_log(tmp_path, *two_weeks(*refused_by("ci-*", range(1, 9), 12)))
    advice = of(tune(REFUSALS, [log]), "forbidden-requests")
    assert advice.noisy
    assert advice.exclude is None


def test_a_log_that_is_cut_short_is_said(tmp_path: Path) -> None:
    log = tmp_path / "cut.gz"
    log.write_bytes(gzip.compress("\n".join(refused_by("raj", [1], 30)).encode())[:-20])
    tuning = tune(REFUSALS, [log])
    assert "cut short" in tuning.notes[0]
    assert json.loads(as_json(tuning))["notes"] == list(tuning.notes)


def test_a_template_is_tuned_by_what_it_says(tmp_path: Path) -> None:
    path = write_template(
        tmp_path,
        Filter=metric_filter('{ $.verb = "delete" }'),
        Alarm=alarm(Threshold=3, ComparisonOperator="GreaterThanThreshold", Period=300),
        Silent=alarm(ComparisonOperator="LessThanThreshold"),
    )
    log = write_log(tmp_path, *(at(number / 60, {"verb": "delete"}) for number in range(4)))
    tuning = tune(of_template(read_template(path)), [log])
    [advice] = tuning.advice
    assert advice.present.threshold == 4, "more than 3"
    assert len(advice.present.alarms) == 1
    assert list(tuning.untried.values()) == ["it does not go off at a number of events"]


def test_silence_is_not_tried(noisy: Tuning) -> None:
    assert list(noisy.untried) == ["audit-events-silent", "audit-log-silent"]
    assert len(noisy.advice) == len(catalog.ALL) - 2


def test_printed_and_as_json(noisy: Tuning) -> None:
    console = Console(file=io.StringIO(), width=100)
    print_tuning(noisy, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for part in (
        "362 events",
        "forbidden-requests",
        "exclude",
        "Who: robot (348)",
        "Without it: 0 alarms",
        '"excluding"',
    ):
        assert part in text
    document = json.loads(as_json(noisy))
    [entry] = [one for one in document["detections"] if one["id"] == "forbidden-requests"]
    assert entry["suggested"]["excluding"] == "robot"
    assert entry["thresholds"][0] == entry["thresholds"][0] | {"threshold": 1, "alarms": 29}
    assert document["cdk_json"]["detections"]["forbidden-requests"] == {"excluding": {"user.username": "robot"}}


def test_names_from_the_log_are_never_markup(tmp_path: Path) -> None:
    lines = two_weeks(*refused_by("[red]eve[/]", range(1, 9), 12))
    tuning = tune(REFUSALS, [write_log(tmp_path, *lines)])
    console = Console(file=io.StringIO(), width=100)
    print_tuning(tuning, console)
    assert isinstance(console.file, io.StringIO)
    assert "[red]eve[/]" in console.file.getvalue()


def trial_of(subject: Subject, counts: dict[int, int], *, dense: bool) -> Trial:
    """A trial of a subject on this number of events in each minute."""
    minutes = range(max(counts) + 60) if dense else sorted(counts)
    lines = dict.fromkeys((60 * minute for minute in minutes), 1)
    samples = {60 * minute: Sample(number, number, 1, 1) for minute, number in counts.items() if number}
    series = Series.written(Coverage(lines), samples, Sample(1, 0, 0, 0))
    return Trial(subject, sum(counts.values()), series)


SUBJECTS = {
    "of the catalogue": of_catalogue([catalog.FORBIDDEN_REQUESTS]).subjects[0],
    "on a single event": of_catalogue([catalog.ROLE_CHANGED]).subjects[0],
}


@settings(max_examples=examples(40))
@given(
    st.sampled_from(sorted(SUBJECTS)),
    st.dictionaries(st.integers(0, 90), st.integers(0, 20), min_size=1),
    st.integers(1, 3),
    st.booleans(),
)
def test_the_lowest_quiet_threshold_is_that_of_a_full_scan(
    name: str, counts: dict[int, int], allowed: int, dense: bool
) -> None:
    subject = SUBJECTS[name]
    trial = trial_of(subject, counts, dense=dense)

    every = range(subject.threshold + 1, subject.threshold + sum(counts.values()) + 2)
    lowest = next(threshold for threshold in every if trial.outcome(threshold).is_quiet(allowed))
    assert trial.quiet(allowed) == trial.outcome(lowest)


def test_fewer_alarms_at_a_lower_threshold() -> None:
    """The reason why every threshold is tried: a lasting alarm falls apart into several."""
    trial = trial_of(SUBJECTS["of the catalogue"], {0: 10, 7: 10, 13: 3, 20: 10, 27: 10}, dense=True)

    alarms = [len(trial.outcome(threshold).alarms) for threshold in range(1, 12)]
    assert alarms != sorted(alarms, reverse=True)


class TestSingleEvents:
    """An alarm on a single event is evaluated minute by minute, one on several over its whole period."""

    def test_other_thresholds_count_over_the_whole_period(self) -> None:
        subject = SUBJECTS["on a single event"]

        assert (subject.alarm.period, subject.alarm.evaluation_periods) == (60, 10)
        assert [(subject.at(limit).period, subject.at(limit).evaluation_periods) for limit in (1, 2)] == [
            (60, 10),
            (300, 2),
        ]
        refusals = SUBJECTS["of the catalogue"]
        assert [(refusals.at(limit).period, refusals.at(limit).evaluation_periods) for limit in (1, 2)] == [
            (60, 10),
            (300, 2),
        ]

    def test_what_is_pasted_deploys_the_alarm_that_was_tried(self) -> None:
        detection = catalog.ROLE_CHANGED.tuned(period=15, evaluation_periods=4)
        [subject] = of_catalogue([detection]).subjects
        tried = subject.at(7)

        [pasted] = of_catalogue([detection.tuned(threshold=7)]).subjects
        assert tried == pasted.alarm

    def test_periods_that_differ_from_the_catalogue_are_pasted(self, tmp_path: Path) -> None:
        events = map(json.loads, recordings.lines("rbac_changes"))
        change = next(event for event in events if event["verb"] == "create" and "/roles" in event["requestURI"])
        lines = [
            at(burst * 600 + index / 60, change, user={"username": f"person-{index}"})
            for burst in range(1, 30)
            for index in range(3)
        ]
        template = from_catalog([catalog.ROLE_CHANGED.tuned(period=15)])
        tuning = tune(of_template(template), [write_log(tmp_path, *two_weeks(*lines))])

        assert 'catalog.get("role-changed").tuned(threshold=4, period=15)' in (python(tuning) or "")
