"""Whatever a log has anywhere: the answer is a report, or one error that says what is wrong and where."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit_logs.shapes import EVENTS, SHAPES, api_events, cri, docker, envelope, otel, packed, table, text
from tests.cli.answers import answer
from tests.depth import examples
from tests.replay.builders import alarm, metric_filter, write_template

RAW = "~~"
"""Encloses the number of a text of `WRITTEN`, which takes its place in JSON."""
TIMES = st.sampled_from(
    [
        "2026-11-23T06:00:00.000000Z",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2026-02-30T25:61:61Z",
        "2026-11-23T06:00:00.123456789123Z",
        "2026-11-23T06:00:00+99:99",
        "9900-01-01T00:00:00-23:59",
        "0099-12-31T23:59:59+23:59",
        "2016-12-31T23:59:60Z",
        "٢٠٢٦-11-23T06:00:00Z",
        "-2026-11-23",
        "",
    ]
)
WRITTEN = [
    *["NaN", "-Infinity", "1e999", "-1e999", "1e-999", "9" * 5000, "-" + "9" * 400, "1." + "0" * 5000, "00", "1."],
    *["-0", "9223372036854775808", "18446744073709551616", "True", "'x'", "", '"\\ud800"', '"\\u0000"', '"\\x"'],
    *[
        "[" * 950 + "]" * 950,
        '{"a":' * 930 + "1" + "}" * 930,
        "9" * 4301,
        "[1,]",
        '{"a":1,"a":2}',
        "[" * 300 + "]" * 300,
        "[" * 200_000,
        '{"a":' * 1500 + "1" + "}" * 1500,
        "\x1b[2J",
    ],
]
"""How a value is written in a log, and what only looks like one."""
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["\x1b]0;x\x07", "\u202e\u2066", "\ud800", "[/x]", "[bold]", "\x00", "\x9b31m", "\ufeff", "\r\n"]),
    st.sampled_from(["\u2028", "CWL CONTROL MESSAGE: ", "Event", "audit.k8s.io/v1", "-", "=1+1", "a" * 3000]),
    TIMES,
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.integers(0, len(WRITTEN) - 1).map(lambda number: f"{RAW}{number}{RAW}"),
    st.sampled_from([10**30, -(10**19), 253402300799000, -62135596800000, 1e308]),
)
NAMES = st.one_of(
    st.sampled_from(["kind", "stage", "verb", "user", "username", "code", "message", "log", "@message", "@timestamp"]),
    st.sampled_from(["timestamp", "items", "events", "logEvents", "results", "nextToken", "rawData", "data", "time"]),
    TEXTS,
)
VALUES = st.recursive(
    ODD, lambda held: st.one_of(st.lists(held, max_size=3), st.dictionaries(NAMES, held, max_size=3)), max_leaves=6
)


def json_text(value: Any, **options: Any) -> str:
    """Write JSON; what is marked as raw is written as it is."""
    return re.sub(rf'"{RAW}(\d+){RAW}"', lambda found: WRITTEN[int(found[1])], json.dumps(value, **options))


@st.composite
def bent(draw: st.DrawFn, whole: Any) -> Any:
    """A value in which some others are odd."""

    def bend(value: Any) -> Any:
        if draw(st.integers(0, 19)) == 0:
            return draw(VALUES)
        if isinstance(value, dict):
            made = {name: bend(item) for name, item in value.items() if draw(st.integers(0, 29))}
            return made | (draw(st.dictionaries(NAMES, VALUES, max_size=2)) if draw(st.integers(0, 9)) == 0 else {})
        return [bend(item) for item in value] if isinstance(value, list) else value

    return bend(whole)


def shaped(write: Callable[[list[str]], str]) -> Callable[[st.DrawFn], str]:
    """A log of lines that hold odd events."""

    def drawn(draw: st.DrawFn) -> str:
        count = draw(st.integers(1, 3))
        return write([json_text(draw(bent(event)), separators=(",", ":")) for event in EVENTS[:count]])

    return drawn


def document(whole: Callable[[], Any], write: Callable[..., str] = json_text) -> Callable[[st.DrawFn], str]:
    """A log that is one odd document."""
    return lambda draw: write(draw(bent(whole())), indent=draw(st.sampled_from([None, 2])))


AT = 1_795_424_400_000
LOGS: Sequence[Callable[[st.DrawFn], str]] = [
    shaped(text),
    shaped(text),
    shaped("".join),
    shaped(lambda lines: text(f"2026-11-23T06:00:00.000Z {line}" for line in lines)),
    shaped(lambda lines: text(f"9999-12-31T23:59:59.999Z {line}" for line in lines)),
    shaped(lambda lines: text(f"2026-11-23T06:00:00+00:00 s \n{line}" for line in lines)),
    shaped(lambda lines: text(piece for line in lines for piece in cri(line, AT))),
    shaped(lambda lines: table(["@timestamp", "@message"], (["9999-12-31 23:59:59.999", line] for line in lines))),
    shaped(lambda lines: table(["timestamp", "message"], ([10**20, line] for line in lines), delimiter=";")),
    shaped(lambda lines: text(json.dumps({"log": line, "date": 1e300}) for line in lines)),
    shaped(lambda lines: text(json.dumps(piece) for line in lines for piece in docker(line, AT))),
    shaped(lambda lines: text(json.dumps({"awslogs": {"data": packed(line)}}) for line in lines)),
    shaped(lambda lines: text(f"EVENTS\t{10**18}\t{line}\t{AT}" for line in lines)),
    document(lambda: EVENTS[:3]),
    document(lambda: {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": EVENTS[:3]}),
    document(lambda: {"events": api_events()[:3], "nextToken": "a", "searchedLogStreams": []}),
    document(lambda: envelope(api_events()[:3])),
    document(lambda: {"attemptsMade": 4, "errorCode": "x", "rawData": packed(json.dumps(envelope(api_events()[:2])))}),
    document(lambda: {"results": [[{"field": "@message", "value": "{}"}, {"field": "@timestamp", "value": "0"}]] * 2}),
    document(lambda: otel() | {"status": "Running"}),
    lambda draw: SHAPES[draw(st.sampled_from(sorted(SHAPES)))](),
]
PIECES = st.one_of(
    st.binary(max_size=4),
    st.sampled_from(
        [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\0", b"\n", b"\r", b'"', b"{", b"}", b"[", b",", b"\x1b[2J"]
    ),
    st.sampled_from(
        [b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b", "\u202e".encode(), b"9" * 5000, b"\\ud800", b"\t", b" "]
    ),
)


@st.composite
def logs(draw: st.DrawFn) -> bytes:
    content = draw(st.sampled_from(LOGS))(draw).encode(errors="surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 4]))):
        begin = draw(st.integers(0, len(content)))
        content = content[:begin] + draw(PIECES) + content[begin + draw(st.sampled_from([0, 1, 40, len(content)])) :]
    if draw(st.integers(0, 9)) == 0:
        content = content.decode(errors="replace").encode(draw(st.sampled_from(["utf-16", "utf-16-be", "utf-32"])))
    if draw(st.integers(0, 9)) == 0:
        content = gzip.compress(content, 1, mtime=0)
        content = content[: len(content) - draw(st.sampled_from([0, 0, 3, 12]))]
    return content


TEMPLATE = {
    "F": metric_filter(
        '{ ($.verb = "get") && ($.responseStatus.code > 400) }', group="/aws/eks/demo/cluster", DefaultValue=0
    ),
    "W": metric_filter("Event -healthz", group="/aws/eks/demo/cluster", MetricName="Words"),
    "A": alarm(AlarmName="denied"),
}
QUERY = "fields @timestamp, verb, user.username, responseStatus.code * 2, strlen(@message) | sort @timestamp | limit 5"


def answered(content: bytes) -> None:
    """Do all that can be done with a log."""
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        log.write_bytes(content)
        template = str(write_template(Path(name), **TEMPLATE))
        for options in (
            ["replay", "--template", template],
            ["replay", "--json", "--html", f"{name}/page.html"],
            ["tune", "--template", template],
            ["query", "--text", QUERY],
            ["query", "--json", "--text", "stats count(*), max(responseStatus.code) by bin(1h), verb"],
        ):
            answer(*options, str(log))


@settings(max_examples=examples(6), suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(logs())
def test_is_answered(content: bytes) -> None:
    answered(content)


HUGE = "9" * 5000
DEEP = '{"a":' * 900 + "1" + "}" * 900


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f'{{"kind":"Event","a":{HUGE}}}\n', "1 event"),
        (f'{{"kind":"Event","a":{HUGE}}}{{"kind":"Event"}}', "2 events"),
        (f'{{"log":"{{\\"kind\\":\\"Event\\"}}","a":{HUGE}}}', "1 event"),
        (f'{{"events":[{{"message":"{{\\"kind\\":\\"Event\\"}}","timestamp":{HUGE}}}]}}', "1 event"),
        (f'{{"events":[{{"kind":"Event","a":{DEEP}}}]}}', "1 event"),
        ('{"events":' + "[" * 100_000, "invalid JSON at 1 place(s)"),
        ('{"results":[[{"field":["a"],"value":"b"}]]}', "no messages"),
        ('{"results":[],"statistics":{"recordsMatched":' + "9" * 400 + "}}", "no log event in it"),
        ("@timestamp,@message\n2026-11-23 09:00:00.000,a\rb\n", "no line of"),
        ("@timestamp,@message\rx\n2026-11-23 09:00:00.000,a\n", "no messages"),
        ("a\rb,c\n", "no line of"),
    ],
)
def test_what_went_wrong_before(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "log").write_bytes(content.encode())

    done = answer("replay", str(tmp_path / "log"), "--template", str(write_template(tmp_path, **TEMPLATE)))

    assert said in done.out + done.err
    assert "no line of" not in done.out or '"kind' not in content.replace("\\", "")
