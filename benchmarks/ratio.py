"""Ratios of medians, whose measurements take turns."""

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
        name: What is compared.
        value: The ratio; None if it could not be measured.
        target: The bound for the ratio; None if it is only information.
        at_most: Whether the target is an upper bound; otherwise it is a lower bound.
        detail: The two figures behind the ratio, or why there are none.
    """

    name: str
    value: float | None
    target: float | None
    at_most: bool
    detail: str

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None if nothing was measured or there is no target."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def medians(rounds: int, *measurements: Callable[[], float]) -> list[float]:
    """The median of each measurement. They take turns, so that other load on the machine affects all alike."""
    taken = [[measure() for measure in measurements] for _ in range(rounds)]
    return [median(column) for column in zip(*taken, strict=True)]


def whole_process(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds from the command's start to its end.

    Raises:
        subprocess.CalledProcessError: The command failed; its own errors go to standard error.
    """
    start = time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def timed(arguments: Sequence[str], environment: Mapping[str, str]) -> float:
    """Seconds that a task of `benchmarks.timed` takes, without imports.

    Raises:
        subprocess.CalledProcessError: The task failed.
    """
    return peaked(arguments, environment)[0]


def peaked(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[float, int]:
    """Like `timed`, with the peak memory of the process in bytes.

    Raises:
        subprocess.CalledProcessError: The task failed.
    """
    command = [sys.executable, "-m", "benchmarks.timed", *arguments]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    seconds, peak = output.split()
    return float(seconds), int(peak)
