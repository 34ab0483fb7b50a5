"""Samples of one's own: tried when a detection is made, and read from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eks_audit_constructs import AuditConfigurationError, Sample, catalog
from eks_audit_constructs.catalog import Detection, Guard, Severity, Silence
from eks_audit_constructs.catalog.samples import read, samples
from eks_audit_constructs.conditions.expression import field, message_contains
from eks_audit_constructs.verify import checks

DELETED = {"kind": "Event", "verb": "delete", "objectRef": {"resource": "nodes"}, "user": {"username": "eve"}}
LISTED = {**DELETED, "verb": "list"}
CONDITION = (field("verb") == "delete") & (field("objectRef.resource") == "nodes")


def mine(*tried: Sample, **more: Any) -> Detection:
    return Detection(id="mine", title="Mine", **{"condition": CONDITION, "samples": tried, **more})


def test_samples_are_tried_when_a_detection_is_made() -> None:
    detection = mine(Sample(matches=True, event=DELETED), Sample(matches=False, event=LISTED))
    assert detection == mine()
    assert hash(detection) == hash(mine())


def test_a_sample_that_must_match_and_does_not_says_which_part_it_misses() -> None:
    with pytest.raises(AuditConfigurationError) as refusal:
        mine(Sample(matches=True, event=DELETED), Sample(matches=True, says="by a pipeline", event=LISTED))
    assert refusal.value.where == "detection 'mine'"
    assert refusal.value.value == "by a pipeline"
    assert refusal.value.limit == 'this sample must match, and it does not meet $.verb = "delete"'


def test_a_sample_that_must_not_match_and_does_is_refused() -> None:
    with pytest.raises(AuditConfigurationError, match=r"sample 2.*must not match, and it does"):
        mine(Sample(matches=False, event=LISTED), Sample(matches=False, event=DELETED))


def test_guards_count() -> None:
    by_eve = Sample(matches=False, event=DELETED)
    assert mine(by_eve, guards=(Guard(user="eve", why="Removes nodes."),))
    with pytest.raises(AuditConfigurationError, match="must not match"):
        mine(by_eve, guards=(Guard(user="adam", why="Removes nodes."),))


def test_what_is_excluded_need_not_match_any_more() -> None:
    by_eve, by_adam = (Sample(matches=True, event={**DELETED, "user": {"username": name}}) for name in ("eve", "adam"))
    detection = mine(by_eve, by_adam, Sample(matches=False, event=LISTED))
    for unwanted in (field("user.username") == "eve", Guard(user="eve", why="Removes nodes.")):
        kept = detection.excluding(unwanted).samples
        assert [sample.matches for sample in kept] == [True, False]
        assert kept[0] is by_adam
    assert len(detection.tuned(threshold=5).samples) == 3


def test_recorded_events_and_changes_of_them_are_samples_too() -> None:
    recorded = Sample(matches=True, recorded="exec_into_pods:1")
    assert recorded.logged["kind"] == "Event"
    changed = Sample(matches=True, recorded="exec_into_pods:1", change={"verb": "delete", "user": None})
    assert changed.logged == {
        key: value for key, value in (recorded.logged | {"verb": "delete"}).items() if key != "user"
    }
    own = Sample(matches=True, event=LISTED, change={"verb": "delete"})
    assert own.logged == DELETED
    assert (recorded.source, own.source) == ("recorded, exec_into_pods:1", "a variation of an event of your own")


def test_a_line_of_text_is_a_sample() -> None:
    words = message_contains("access denied")
    denied, other = Sample(matches=True, text='level=warning msg="access denied"'), Sample(matches=False, text="fine")
    assert mine(denied, other, condition=words)
    with pytest.raises(AuditConfigurationError, match="does not meet"):
        mine(Sample(matches=True, text="fine"), condition=words)
    assert mine(Sample(matches=True, text=json.dumps(DELETED)))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "an event, or as recorded, or as text"),
        ({"event": DELETED, "text": "a"}, "an event, or as recorded, or as text"),
        ({"event": [DELETED]}, "an event is a JSON object"),
        ({"event": {"verb": {1, 2}}}, "an event is a JSON object"),
        ({"event": DELETED, "change": "verb"}, "a change is a JSON object"),
        ({"text": "a", "change": {"a": 1}}, "cannot be changed"),
        ({"event": DELETED, "matches": 1}, "true or false"),
        ({"event": DELETED, "says": None}, "says is text"),
        ({"event": DELETED, "detection": 3}, "detection is text"),
        ({"recorded": 5}, "recorded is text"),
    ],
)
def test_what_is_no_sample_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(AuditConfigurationError, match=says):
        Sample(**{"matches": True, **given})


@pytest.mark.parametrize("place", ["nowhere:1", "exec_into_pods", "exec_into_pods:0", "exec_into_pods:9999"])
def test_a_recording_that_is_not_there_is_refused(place: str) -> None:
    with pytest.raises(AuditConfigurationError, match="nothing was recorded there"):
        mine(Sample(matches=True, recorded=place))


@pytest.mark.parametrize("tried", [None, "events", [DELETED], Sample(matches=True, event=DELETED)])
def test_samples_are_several_samples(tried: object) -> None:
    with pytest.raises(AuditConfigurationError, match="samples must be a tuple of Sample"):
        Detection(id="mine", title="Mine", condition=CONDITION, samples=tried)  # type: ignore[arg-type]  # refused


def test_silence_has_none_unless_it_is_of_some_events() -> None:
    sample = Sample(matches=True, event=DELETED)
    with pytest.raises(AuditConfigurationError, match="it counts all log events"):
        mine(sample, condition=Silence(), severity=Severity.LOW)
    assert mine(sample, condition=Silence(of=CONDITION))
    with pytest.raises(AuditConfigurationError, match="does not meet"):
        mine(sample, condition=Silence(of=field("verb") == "get"))


ENTRIES: list[dict[str, Any]] = [
    {"matches": True, "says": "by hand", "event": DELETED},
    {"matches": False, "event": LISTED, "detection": "mine"},
]


@pytest.mark.parametrize("text", [json.dumps(ENTRIES), "\n".join(map(json.dumps, ENTRIES)) + "\n\n"])
def test_a_file_of_samples_is_an_array_or_lines(tmp_path: Path, text: str) -> None:
    path = tmp_path / "samples.json"
    path.write_text(text, encoding="utf-8")
    assert read(path) == (Sample(**ENTRIES[0]), Sample(**ENTRIES[1]))
    assert mine(*read(path)).samples == read(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read as samples"),
        ('[{"matches": true}]', "sample 1.*an event, or as recorded"),
        ('[{"event": {}}]', "sample 1.*a sample has matches"),
        (
            '{"matches": true, "text": "a"}\n{"matches": true, "text": "a", "colour": 1}',
            "sample 2.*a sample has matches",
        ),
        ("[3]", "sample 1.*a sample has matches"),
    ],
)
def test_files_that_are_no_samples_are_refused_with_the_place(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "samples.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AuditConfigurationError, match=says):
        read(path)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(AuditConfigurationError, match="No such file"):
        read("nowhere.json")


def test_the_samples_of_the_catalogue_have_the_same_form() -> None:
    for detection in catalog.DEFAULT:
        if isinstance(detection.condition, Silence):
            continue
        Detection(
            id=detection.id,
            title=detection.title,
            condition=detection.condition,
            guards=detection.guards,
            samples=tuple(samples(detection.id)),
        )


def test_verify_sends_them_to_cloudwatch() -> None:
    [check] = checks.of_detections([mine(Sample(matches=True, says="by hand", event=DELETED))])
    assert [line.says for line in check.lines] == ["by hand"]
    assert check.expected() == (True,)
