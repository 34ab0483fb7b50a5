"""A ratio of two medians, measured in turns."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Ratio", "medians", "peaked", "timed", "whole_process"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """One line of the result.

    Args:
        name: What is compared with what.
        value: The ratio; none when it could not be measured.
        target: The bound it should keep.
        at_most: Whether the target is an upper bound; else it is a lower one.
        detail: The two figures behind it, or why there are none.
    """

    name: str
    value: float | None
    target: float
    at_most: bool
    detail: str

    @property
    def met(self) -> bool | None:
        """Whether the target is kept; none when nothing was measured."""
        if self.value is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def medians(rounds: int, *measurements: Callable[[], float]) -> list[float]:
    """The median of each measurement, taken in turns: what else the machine does falls on all of them alike."""
    taken = [[measure() for measure in measurements] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


def whole_process(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds from the command's start to its end.

    Raises:
        subprocess.CalledProcessError: It failed; what it wrote goes to standard error.
    """
    start = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def timed(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds of one piece of work, imports excluded: see `benchmarks.timed`.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    return peaked(arguments, environment)[0]


def peaked(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[float, int]:
    """As `timed`, and the most bytes of memory that its process had.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", "benchmarks.timed", *arguments]
    told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    seconds, peak = told.split()
    return float(seconds), int(peak)
