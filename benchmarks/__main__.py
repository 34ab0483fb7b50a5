"""Run all benchmarks and print the results: `make bench`, or `python -m benchmarks --json`."""

from __future__ import annotations

import argparse
import compileall
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import growth, replay, synthesis
from benchmarks.ratio import Ratio
from eks_audit_constructs import recordings


def main() -> None:
    """Run the benchmarks. A missed target is shown but is not an error, since the machine may be busy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print ratios and their targets.")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="rounds to take the median of (default: 5)")
    parser.add_argument("--megabytes", type=int, default=200, help="size of the log to replay (default: 200)")
    parser.add_argument("--large", action="store_true", help="also replay a log of 4 GB (needs 5 GB of disk)")
    options = parser.parse_args()

    progress = Console(stderr=True)
    results: list[Ratio] = []
    with tempfile.TemporaryDirectory() as name, progress.status("Preparing …") as status:
        _compile()
        for result in _all(options.rounds, options.megabytes * 1_000_000, Path(name), large=options.large):
            results.append(result)
            status.update(f"{len(results)} measured, most recently: {result.name}")

    if options.json:
        print(json.dumps([asdict(result) | {"met": result.met} for result in results], indent=2))
    else:
        Console().print(_table(results))


def _compile() -> None:
    """Compile the sources, as pip does when it installs them.

    Where PYTHONDONTWRITEBYTECODE is set, each process would otherwise compile them again, unlike the installed
    packages that they are compared with.
    """
    for package in ("benchmarks", "eks_audit_constructs"):
        compileall.compile_dir(replay.ROOT / package, quiet=1)


def _all(rounds: int, size: int, directory: Path, *, large: bool) -> Iterator[Ratio]:
    template = synthesis.default_template(directory / "default")
    yield from synthesis.ratios(rounds, template, directory)
    log = directory / "audit.jsonl"
    lines = [line for scenario in recordings.scenarios() for line in recordings.lines(scenario)]
    replay.write_log(log, lines, size)
    yield from replay.ratios(rounds, template, log)
    yield from growth.ratios(min(rounds, 3), template, directory, lines)
    if large:
        yield from growth.large_ratios(min(rounds, 3), template, log, lines)


def _table(results: list[Ratio]) -> Table:
    table = Table("", "ratio", "target", "", "measured", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for result in results:
        value = "-" if result.value is None else f"{result.value:.2f}"
        target = "" if result.target is None else f"{'≤' if result.at_most else '≥'} {result.target:g}"
        verdict = "skipped" if result.value is None else {True: "met", False: "MISSED", None: ""}[result.met]
        table.add_row(result.name, value, target, verdict, result.detail)
    return table


if __name__ == "__main__":
    main()
