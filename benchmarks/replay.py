"""The speed of the replay, compared with DuckDB and jq, which do less."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.ratio import Ratio, medians, peaked, timed, whole_process

__all__ = ["catalogue_template", "large_ratios", "ratios", "write_log"]

ROOT = Path(__file__).parent.parent
SCAN = "replay of the default template / DuckDB only scanning"
CATALOGUE = "replay of the catalogue / DuckDB only scanning"
JQ_WORK = "replay with one filter, without start-up / jq with the same filter"
JQ_PROCESS = "eks-audit replay with one filter / jq with the same filter, whole processes"
JQ_LARGE = "the same for a large log, measured once"
LINEAR = "replay throughput of a large log / of one of 200 MB"
MEMORY = "peak memory for a large log / 1 GB"
FILTER = 'select(.responseStatus.code == 403 and .stage == "ResponseComplete") | .auditID'
PATTERN = '{ ($.responseStatus.code = 403) && ($.stage = "ResponseComplete") }'
LARGE = 4_000_000_000
"""Size of the large log in bytes."""

_TIME = re.compile(rb'(?<=Timestamp":")[^"]+(?=")')


def write_log(path: Path, lines: Iterable[bytes], size: int) -> None:
    """Repeat the lines, each time a minute later, until the file has at least `size` bytes.

    The real logs are half a minute long, so the result resembles a cluster with ten requests per second.
    """
    kept = list(lines)
    texts = [_TIME.split(line) for line in kept]
    times = [[datetime.fromisoformat(time.decode()) for time in _TIME.findall(line)] for line in kept]
    with path.open("wb") as log:
        shift = timedelta()
        while log.tell() < size:
            for text, moments in zip(texts, times, strict=True):
                shifted = [f"{moment + shift:%Y-%m-%dT%H:%M:%S.%fZ}".encode() for moment in moments]
                log.write(b"".join(part for pair in zip(text, [*shifted, b""], strict=True) for part in pair) + b"\n")
            shift += timedelta(minutes=1)


def catalogue_template(path: Path) -> int:
    """Write a template with a metric filter for each detection that fits in one log group, and return their number."""
    from eks_audit_constructs import catalog

    detections = (*catalog.DEFAULT, *catalog.EXTENDED)
    patterns = [detection.pattern for detection in detections if detection.pattern is not None]
    _write_filters(path, patterns)
    return len(patterns)


def _write_filters(path: Path, patterns: Iterable[str]) -> None:
    resources = {
        f"Filter{number}": {
            "Type": "AWS::Logs::MetricFilter",
            "Properties": {
                "LogGroupName": "audit",
                "FilterPattern": pattern,
                "MetricTransformations": [
                    {"MetricNamespace": "audit", "MetricName": f"metric{number}", "MetricValue": "1"}
                ],
            },
        }
        for number, pattern in enumerate(patterns)
    }
    path.write_text(json.dumps({"Resources": resources}), encoding="utf-8")


def ratios(rounds: int, template: Path, log: Path) -> Iterator[Ratio]:
    """Ratios of throughputs: the replay's to DuckDB's and jq's."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    megabytes = log.stat().st_size / 1e6
    catalogue = log.with_name("catalogue.template.json")
    filters = catalogue_template(catalogue)

    def replay(what: Path) -> float:
        return timed(["replay", str(what), str(log)], environment)

    def ratio(name: str, target: float, ours: float, theirs: float) -> Ratio:
        detail = f"{megabytes / ours:.0f} MB/s / {megabytes / theirs:.0f} MB/s"
        return Ratio(name=name, value=theirs / ours, target=target, at_most=False, detail=detail)

    default, whole, scan = medians(
        rounds,
        lambda: replay(template),
        lambda: replay(catalogue),
        lambda: timed(["scan", str(log)], environment),
    )
    yield ratio(SCAN, 0.5, default, scan)
    yield ratio(f"{CATALOGUE} ({filters} filters)", 0.25, whole, scan)

    single = log.with_name("single.template.json")
    _write_filters(single, [PATTERN])
    if shutil.which("jq") is None:
        for name in (JQ_PROCESS, JQ_WORK):
            yield _without_jq(name)
        return
    ours, theirs = _beside_jq(single, log)
    process, work, jq = medians(
        rounds,
        lambda: whole_process(ours, environment),
        lambda: replay(single),
        lambda: whole_process(theirs, environment),
    )
    yield ratio(JQ_PROCESS, 10, process, jq)
    yield ratio(JQ_WORK, 10, work, jq)


def _beside_jq(template: Path, log: Path) -> tuple[list[str], list[str]]:
    """The same work as our command and as jq's."""
    ours = [sys.executable, "-m", "eks_audit_constructs", "replay", "--template", str(template), str(log)]
    return ours, ["jq", FILTER, str(log)]


def _without_jq(name: str) -> Ratio:
    return Ratio(name=name, value=None, target=10, at_most=False, detail="jq is not installed")


def large_ratios(rounds: int, template: Path, log: Path, lines: list[bytes]) -> Iterator[Ratio]:
    """How time and memory grow with the log: a log of 4 GB is written and replayed too."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    large = log.with_name("large.jsonl")
    free, needed = shutil.disk_usage(log.parent).free, LARGE * 5 // 4
    if free < needed:
        detail = f"{free / 1e9:.1f} GB of disk space free, {needed / 1e9:.1f} GB needed"
        yield Ratio(name=LINEAR, value=None, target=0.9, at_most=False, detail=detail)
        yield Ratio(name=MEMORY, value=None, target=1, at_most=True, detail=detail)
        yield Ratio(name=JQ_LARGE, value=None, target=10, at_most=False, detail=detail)
        return
    write_log(large, lines, LARGE)
    try:
        peaks: list[int] = []

        def replay(what: Path) -> float:
            seconds, peak = peaked(["replay", str(template), str(what)], environment)
            peaks.append(peak)
            return what.stat().st_size / 1e6 / seconds

        slow, fast = medians(rounds, lambda: replay(large), lambda: replay(log))
        ours = theirs = 0.0
        if shutil.which("jq"):
            commands = _beside_jq(log.with_name("single.template.json"), large)
            ours, theirs = (whole_process(command, environment) for command in commands)
    finally:
        large.unlink()
    detail = f"{slow:.0f} MB/s / {fast:.0f} MB/s"
    yield Ratio(name=LINEAR, value=slow / fast, target=0.9, at_most=False, detail=detail)
    yield Ratio(name=MEMORY, value=max(peaks) / 1e9, target=1, at_most=True, detail=f"{max(peaks) / 1e6:.0f} MB")
    if theirs:
        seconds = f"{ours:.1f} s / {theirs:.1f} s"
        yield Ratio(name=JQ_LARGE, value=theirs / ours, target=10, at_most=False, detail=seconds)
    else:
        yield _without_jq(JQ_LARGE)
