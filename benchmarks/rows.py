"""One row of a result, how two programs are timed against each other, and the machine."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy
import torch


class Absent(Exception):
    """What a row needs is not on this machine; the message names it."""


@dataclass(frozen=True)
class Row:
    """A figure beside its target.

    Parameters
    ----------
    row : str
        Workload or data set.
    subject : str
        What was timed, or the model that was scored.
    figure : str
        What the value is.
    value, target : float
    at_most : bool
        Whether the target is an upper limit (times), not a lower one (scores).
    detail : str
        Medians, sizes, spread.
    """

    row: str
    subject: str
    figure: str
    value: float
    target: float
    at_most: bool
    detail: str = ""

    @property
    def reached(self) -> bool:
        """Whether the value is on the right side of the target."""
        return bool(self.value <= self.target if self.at_most else self.value >= self.target)

    def line(self) -> str:
        """Return the row as a line of text."""
        sign, verdict = ("<=" if self.at_most else ">="), ("reached" if self.reached else "MISSED")
        return (
            f"{self.row:18} {self.subject:16} {self.figure:28} {self.value:9.4f} "
            f"{sign} {self.target:.4f} {verdict}  {self.detail}"
        )

    def as_dict(self) -> dict:
        """Return the row for JSON."""
        return {**asdict(self), "reached": self.reached}


def compare(ours: Callable[[], None], theirs: Callable[[], None], rounds: int = 3) -> tuple:
    """Return median seconds of both, run in turn so that a busy machine troubles both alike."""
    ours()  # warm up
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for function, kept in zip((ours, theirs), seconds, strict=True):
            start = time.perf_counter()
            function()
            kept.append(time.perf_counter() - start)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def peak_mb() -> float:
    """Return the largest memory of this process so far in MB (Linux).

    ``getrusage`` would count what the process was forked from.
    """
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def machine() -> dict:
    """Return what the figures depend on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }
