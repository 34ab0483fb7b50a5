"""Whatever form log events are printed in, the same lines come out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eks_audit_constructs.audit_logs.shapes import json_text
from eks_audit_constructs.audit_logs.shapes.documents import holds_documents, read
from eks_audit_constructs.audit_logs.shapes.entry import Found, log_line

TIMES = st.integers(min_value=0, max_value=4_102_444_800_000)
MESSAGES = st.text(st.characters(codec="utf-8")) | st.sampled_from(
    ['{"kind":"Event"}', '{"events":[]}', '}{"a":1}', "[", '"', "two\r\nlines\n", '{"messageType":"CONTROL_MESSAGE"}']
)
EVENTS = st.lists(st.tuples(MESSAGES, TIMES), min_size=1)


def pages(events: list[tuple[str, int]]) -> Any:
    return {"events": [{"message": message, "timestamp": at} for message, at in events], "nextToken": None}


def envelope(events: list[tuple[str, int]]) -> Any:
    entries = [{"id": "1", "timestamp": at, "message": message} for message, at in events]
    return {"messageType": "DATA_MESSAGE", "logGroup": "g", "subscriptionFilters": [], "logEvents": entries}


def insights(events: list[tuple[str, int]]) -> Any:
    rows = [
        [{"field": "@message", "value": message}, {"field": "@timestamp", "value": insights_time(at)}]
        for message, at in events
    ]
    return {"results": rows, "status": "Complete"}


def console(events: list[tuple[str, int]]) -> Any:
    return [{"@timestamp": insights_time(at), "@message": message} for message, at in events]


def insights_time(at: int) -> str:
    time = log_line("", at).decode().removesuffix("Z \n")
    return time.replace("T", " ")


def rewritten(text: str) -> tuple[list[bytes], Found]:
    found = Found()
    lines = [log_line(entry.message, entry.at) for entry in read(io.BytesIO(text.encode()), found, "log")]
    return lines, found


@pytest.mark.parametrize("form", [pages, envelope, insights, console])
@given(EVENTS, st.sampled_from([None, 2]), st.integers(1, 3), st.sampled_from([3, 100, json_text.WHOLE]))
def test_every_form_gives_the_same_lines(
    form: Callable[[list[tuple[str, int]]], Any],
    events: list[tuple[str, int]],
    indent: int | None,
    times: int,
    whole: int,
) -> None:
    text = json.dumps(form(events), indent=indent) * times
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_CHUNK", 7)
        patch.setattr(json_text, "WHOLE", max(whole, 100, *map(long, events)))
        lines, told = rewritten(text)

    assert holds_documents(text)
    assert lines == [log_line(message, at) for message, at in events] * times
    assert (told.broken, told.held) == (0, len(events) * times)


def long(event: tuple[str, int]) -> int:
    """Characters that an event needs at most; it is always parsed at once."""
    return len(json.dumps(insights([event]), indent=2)) + 7


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers(), min_size=1), min_size=2), st.sampled_from(["", " "])
)
def test_events_one_after_the_other(events: list[dict[str, Any]], between: str) -> None:
    written = [json.dumps({"kind": "Event", **event}) for event in events]

    lines, told = rewritten(between.join(written))

    assert holds_documents(between.join(written))
    assert lines == [line.encode() + b"\n" for line in written]
    assert told.held == 0


@given(st.text())
def test_any_text_survives(text: str) -> None:
    lines, told = rewritten(text)

    kept = b"".join(lines).decode()
    if not {"[", "{", '"'} & set(text):
        assert "".join(kept.split()) == "".join(text.split())
    elif text.rstrip().endswith("["):
        assert told.broken, "what holds no events is counted"


@pytest.mark.parametrize(
    "text", ["", "plain text", '{"kind":"Event"}\n{"kind":"Event"}', '{"kind":"Ev', "[ip, user]", "{a}"]
)
def test_lines_are_no_documents(text: str) -> None:
    assert not holds_documents(text)


def test_a_document_cut_in_an_event_keeps_those_before() -> None:
    text = json.dumps(pages([("one", 0), ("two", 0)]))

    lines, told = rewritten(text[: text.index("two") + 2])

    assert lines[0] == b"1970-01-01T00:00:00.000Z one\n"
    assert told.broken == 1
    assert len(lines) == 2


def test_a_cut_envelope_costs_the_next_nothing() -> None:
    text = json.dumps(envelope([("one", 0)]))

    lines, told = rewritten(text[:-10] + text + text)

    assert lines.count(b"1970-01-01T00:00:00.000Z one\n") >= 2
    assert told.broken == 1


def test_control_messages_are_counted() -> None:
    text = json.dumps({**envelope([("are you there?", 0)]), "messageType": "CONTROL_MESSAGE"})

    assert rewritten(text) == ([], Found(controls=1))


class Endless:
    """A document that never ends; how much of it was read."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, size: int, /) -> bytes:
        assert self.read_bytes < 64 << 20, "more of a value is kept in memory than any log event has"
        self.read_bytes += size
        return b"x" * size if self.read_bytes > size else b'"' + b"x" * (size - 1)


def test_a_value_without_end_is_not_kept_in_memory() -> None:
    source = Endless()

    with pytest.raises(json_text.BrokenError):
        json_text.JsonText(source).value()

    assert source.read_bytes <= json_text.WHOLE + (2 << 20)
