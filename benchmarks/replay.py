"""How fast a log is replayed, beside tools that do less."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.ratio import Ratio, medians, timed, whole_process

__all__ = ["ratios", "write_log"]

ROOT = Path(__file__).parent.parent
SCAN = "replay / DuckDB merely scanning"
JQ = "replay less its start-up / jq with one filter"
FILTER = 'select(.responseStatus.code == 403 and .stage == "ResponseComplete") | .auditID'

_TIME = re.compile(rb'(?<=Timestamp":")[^"]+(?=")')


def write_log(path: Path, sources: list[Path], size: int) -> None:
    """Write the source logs again and again, each time a minute later, until the file has at least `size` bytes.

    The real logs are half a minute long; so repeated, they are those of a cluster with ten requests a second.
    """
    lines = [line for source in sources for line in source.read_bytes().splitlines(keepends=True)]
    texts = [_TIME.split(line) for line in lines]
    times = [[datetime.fromisoformat(time.decode()) for time in _TIME.findall(line)] for line in lines]
    with path.open("wb") as log:
        shift = timedelta()
        while log.tell() < size:
            for text, moments in zip(texts, times, strict=True):
                shifted = [f"{moment + shift:%Y-%m-%dT%H:%M:%S.%fZ}".encode() for moment in moments]
                log.write(b"".join(part for pair in zip(text, [*shifted, b""], strict=True) for part in pair))
            shift += timedelta(minutes=1)


def ratios(rounds: int, template: Path, log: Path) -> Iterator[Ratio]:
    """The two ratios of replay, each of throughputs."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    megabytes = log.stat().st_size / 1e6

    def replay() -> float:
        return timed(["replay", str(template), str(log)], environment)

    def ratio(name: str, target: float, ours: float, theirs: float) -> Ratio:
        detail = f"{megabytes / ours:.0f} MB/s / {megabytes / theirs:.0f} MB/s"
        return Ratio(name=name, value=theirs / ours, target=target, at_most=False, detail=detail)

    yield ratio(SCAN, 0.4, *medians(rounds, replay, lambda: timed(["scan", str(log)], environment)))

    jq = shutil.which("jq")
    if jq is None:
        yield Ratio(name=JQ, value=None, target=8, at_most=False, detail="jq is not installed")
    else:
        command = [jq, FILTER, str(log)]
        yield ratio(JQ, 8, *medians(rounds, replay, lambda: whole_process(command, environment)))
