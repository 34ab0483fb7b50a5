"""The speed of the replay, compared with DuckDB, jq, chDB and Polars, which do less."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from benchmarks.ratio import Ratio, medians, timed, whole_process

__all__ = ["EVENT_TIME", "beside_jq", "catalogue_template", "ratios", "without_jq", "write_log"]

ROOT = Path(__file__).parent.parent
SCAN = "replay of the default template / DuckDB only scanning"
CATALOGUE = "replay of the catalogue / DuckDB only scanning"
JQ_WORK = "replay with one filter, without start-up / jq with the same filter"
JQ_PROCESS = "eks-audit replay with one filter / jq with the same filter, whole processes"
LIBRARIES = {"chdb": "chDB", "polars": "Polars"}
FILTER = 'select(.responseStatus.code == 403 and .stage == "ResponseComplete") | .auditID'
PATTERN = '{ ($.responseStatus.code = 403) && ($.stage = "ResponseComplete") }'
EVENT_TIME = re.compile(rb'(?<=Timestamp":")[^"]+(?=")')


def write_log(path: Path, lines: Iterable[bytes], size: int) -> None:
    """Repeat the lines, each time a minute later, until the file has at least `size` bytes.

    The real logs are half a minute long, so the result resembles a cluster with ten requests per second.
    """
    kept = list(lines)
    texts = [EVENT_TIME.split(line) for line in kept]
    times = [[datetime.fromisoformat(time.decode()) for time in EVENT_TIME.findall(line)] for line in kept]
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
    """Ratios of throughputs: the replay's to those of DuckDB, jq, chDB and Polars."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    megabytes = log.stat().st_size / 1e6
    catalogue = log.with_name("catalogue.template.json")
    filters = catalogue_template(catalogue)

    def replay(what: Path) -> float:
        return timed(["replay", str(what), str(log)], environment)

    def ratio(name: str, target: float | None, ours: float, theirs: float) -> Ratio:
        detail = f"{megabytes / ours:.0f} MB/s / {megabytes / theirs:.0f} MB/s"
        return Ratio(name=name, value=theirs / ours, target=target, at_most=False, detail=detail)

    default, whole, scan = medians(
        rounds,
        lambda: replay(template),
        lambda: replay(catalogue),
        lambda: timed(["scan", str(log)], environment),
    )
    yield ratio(SCAN, 0.5, default, scan)
    yield ratio(f"{CATALOGUE} ({filters} filters)", 0.3, whole, scan)

    single = log.with_name("single.template.json")
    _write_filters(single, [PATTERN])
    yield from _libraries(rounds, ratio, lambda: replay(single), log)
    if shutil.which("jq") is None:
        for name, target in ((JQ_PROCESS, 8), (JQ_WORK, 10)):
            yield without_jq(name, target)
        return
    ours, theirs = beside_jq(single, log)
    process, work, jq = medians(
        rounds,
        lambda: whole_process(ours, environment),
        lambda: replay(single),
        lambda: whole_process(theirs, environment),
    )
    yield ratio(JQ_PROCESS, 8, process, jq)
    yield ratio(JQ_WORK, 10, work, jq)


def _libraries(
    rounds: int, ratio: Callable[[str, float | None, float, float], Ratio], replay: Callable[[], float], log: Path
) -> Iterator[Ratio]:
    """Ratios to libraries that apply the same filter, without start-up, as information."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for module, library in LIBRARIES.items():
        name = f"replay with one filter / {library} with the same filter, without start-up"
        if find_spec(module) is None:
            detail = f"{library} is not installed: pip install -e '.[bench]'"
            yield Ratio(name=name, value=None, target=None, at_most=False, detail=detail)
            continue
        ours, theirs = medians(rounds, replay, partial(timed, [module, str(log)], environment))
        yield ratio(name, None, ours, theirs)


def beside_jq(template: Path, log: Path) -> tuple[list[str], list[str]]:
    """The same work as our command and as jq's."""
    ours = [sys.executable, "-m", "eks_audit_constructs", "replay", "--template", str(template), str(log)]
    return ours, ["jq", FILTER, str(log)]


def without_jq(name: str, target: float) -> Ratio:
    """The line of a result that needs jq."""
    return Ratio(name=name, value=None, target=target, at_most=False, detail="jq is not installed")
