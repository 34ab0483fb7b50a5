"""How the time and the memory of a replay grow: with minutes, with files, with bytes."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from benchmarks.ratio import Ratio, medians, peaked, timed, whole_process
from benchmarks.replay import EVENT_TIME, ROOT, beside_jq, without_jq, write_log

__all__ = ["large_ratios", "ratios", "write_objects", "write_year"]

YEAR = "replay of a year with an event a minute / only counting it"
OBJECTS = "replay of 6,000 Firehose objects / of 1,500"
LINEAR = "replay throughput of a large log / of one of 200 MB"
MEMORY = "peak memory for a large log / 1 GB"
JQ_LARGE = "eks-audit replay with one filter / jq, whole processes, for a large log, measured once"
LARGE = 4_000_000_000
"""Size of the large log in bytes."""

_MINUTES = 365 * 24 * 60
_START = datetime(2025, 1, 1, tzinfo=UTC)
_EVENTS = 5
"""Events in an object; what grows with their number is measured elsewhere."""


def write_year(path: Path, lines: Sequence[bytes], minutes: int = _MINUTES) -> None:
    """Write an event for each minute, the lines in turn."""
    texts = [EVENT_TIME.split(line) for line in lines]
    with path.open("wb") as log:
        for minute, text in zip(range(minutes), cycle(texts), strict=False):
            log.write(f"{_START + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%S.%fZ}".encode().join(text) + b"\n")


def write_objects(folder: Path, lines: Sequence[bytes], objects: int) -> None:
    """Write objects as a subscription delivers them through Firehose, each with the next few lines in turn."""
    folder.mkdir()
    turn = cycle(line.decode() for line in lines)
    for number in range(objects):
        at = int((_START + timedelta(seconds=number)).timestamp() * 1000)
        document = {
            "messageType": "DATA_MESSAGE",
            "owner": "111122223333",
            "logGroup": "/aws/eks/demo/cluster",
            "logStream": "kube-apiserver-audit-1",
            "subscriptionFilters": ["all"],
            "logEvents": [{"id": "1", "timestamp": at, "message": line} for line in islice(turn, _EVENTS)],
        }
        (folder / f"{number:05}").write_bytes(gzip.compress(json.dumps(document).encode(), 1))


def ratios(rounds: int, template: Path, directory: Path, lines: Sequence[bytes]) -> Iterator[Ratio]:
    """Ratios of the times of the default template."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def run(task: str, log: Path) -> float:
        return timed([task, str(template), str(log)], environment)

    def ratio(name: str, target: float, more: float, less: float) -> Ratio:
        return Ratio(name=name, value=more / less, target=target, at_most=True, detail=f"{more:.1f} s / {less:.1f} s")

    year = directory / "year.jsonl"
    write_year(year, lines)
    whole, counting = medians(rounds, lambda: run("replay", year), lambda: run("count", year))
    year.unlink()
    yield ratio(YEAR, 4, whole, counting)

    many, few = directory / "many", directory / "few"
    write_objects(many, lines, 6_000)
    write_objects(few, lines, 1_500)
    yield ratio(OBJECTS, 5, *medians(rounds, lambda: run("replay", many), lambda: run("replay", few)))


def large_ratios(rounds: int, template: Path, log: Path, lines: Sequence[bytes]) -> Iterator[Ratio]:
    """How time and memory grow with the log: a log of 4 GB is written and replayed too."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    large = log.with_name("large.jsonl")
    free, needed = shutil.disk_usage(log.parent).free, LARGE * 5 // 4
    if free < needed:
        detail = f"{free / 1e9:.1f} GB of disk space free, {needed / 1e9:.1f} GB needed"
        yield Ratio(name=LINEAR, value=None, target=0.9, at_most=False, detail=detail)
        yield Ratio(name=MEMORY, value=None, target=1, at_most=True, detail=detail)
        yield Ratio(name=JQ_LARGE, value=None, target=8, at_most=False, detail=detail)
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
            commands = beside_jq(log.with_name("single.template.json"), large)
            ours, theirs = (whole_process(command, environment) for command in commands)
    finally:
        large.unlink()
    detail = f"{slow:.0f} MB/s / {fast:.0f} MB/s"
    yield Ratio(name=LINEAR, value=slow / fast, target=0.9, at_most=False, detail=detail)
    yield Ratio(name=MEMORY, value=max(peaks) / 1e9, target=1, at_most=True, detail=f"{max(peaks) / 1e6:.0f} MB")
    if theirs:
        seconds = f"{ours:.1f} s / {theirs:.1f} s"
        yield Ratio(name=JQ_LARGE, value=theirs / ours, target=8, at_most=False, detail=seconds)
    else:
        yield without_jq(JQ_LARGE, 8)
