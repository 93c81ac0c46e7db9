"""Seconds to ticks: the only place where physical time becomes integer time."""

import math
from dataclasses import dataclass

import numpy as np

from drmbids.data.tools.exceptions import ModelError, UsageError

# A delay counts as a whole number of ticks when it is this close to one (in ticks): far above the
# rounding of float64 seconds, far below anything that could be meant as a fraction of a tick.
TICK_TOLERANCE = 1e-4


def check_resolution(resolution: float) -> float:
    """Return the resolution as a float, or raise.

    Parameters
    ----------
    resolution : float
        Seconds per tick.

    Raises
    ------
    UsageError
        If it is not a positive finite number.
    """
    value = float(resolution)
    if not math.isfinite(value) or value <= 0:
        raise UsageError(f"resolution must be a positive number of seconds, got {resolution!r}")
    return value


def delay_to_ticks(delay: float, resolution: float, what: str = "") -> int:
    """Convert a delay in seconds to ticks, refusing what is not a whole number of them.

    Parameters
    ----------
    delay : float
        Seconds, at least 0.
    resolution : float
        Seconds per tick.
    what : str
        Named in the message where given.

    Returns
    -------
    int
        Delay in ticks.

    Raises
    ------
    ModelError
        If the delay is negative, not finite, or no multiple of the resolution; the message gives
        the nearest delays that are.

    Examples
    --------
    >>> delay_to_ticks(0.3, 0.1)
    3
    """
    where = f"{what}: " if what else ""
    if not math.isfinite(delay) or delay < 0:
        raise ModelError(f"{where}a delay must be 0 s or more, got {delay!r}")
    ticks = delay / resolution
    nearest = round(ticks)
    if abs(ticks - nearest) > TICK_TOLERANCE:
        low, high = (math.floor(ticks) * resolution, math.ceil(ticks) * resolution)
        raise ModelError(
            f"{where}{delay:g} s is no multiple of the resolution {resolution:g} s; "
            f"use {low:g} s or {high:g} s, or a finer resolution"
        )
    return nearest


def ticks_around(delay: float, resolution: float) -> tuple[int, int]:
    """Return the whole ticks below and above a delay, twice the same where it is one.

    Parameters
    ----------
    delay, resolution : float
        Seconds; seconds per tick.

    Examples
    --------
    >>> ticks_around(0.25, 0.1), ticks_around(0.3, 0.1)
    ((2, 3), (3, 3))
    """
    ticks = delay / resolution
    return math.floor(ticks + TICK_TOLERANCE), math.ceil(ticks - TICK_TOLERANCE)


@dataclass(frozen=True)
class TimeGrid:
    """Ticks of equal length that start at time 0, the start of a run's first volume.

    Tick ``k`` covers the seconds ``[k * resolution, (k + 1) * resolution)``.

    Parameters
    ----------
    resolution : float
        Seconds per tick.
    n_ticks : int
        Number of ticks.

    Examples
    --------
    >>> TimeGrid.covering(1.0, resolution=0.25).midpoints
    array([0.125, 0.375, 0.625, 0.875])
    """

    resolution: float
    n_ticks: int

    def __post_init__(self) -> None:
        check_resolution(self.resolution)
        if self.n_ticks < 1:
            raise UsageError(f"a time grid needs at least one tick, got {self.n_ticks}")

    @classmethod
    def covering(cls, duration: float, resolution: float) -> "TimeGrid":
        """Return the shortest grid that covers ``duration`` seconds."""
        resolution = check_resolution(resolution)
        return cls(resolution, max(1, math.ceil(duration / resolution - TICK_TOLERANCE)))

    @property
    def duration(self) -> float:
        """Seconds covered."""
        return self.n_ticks * self.resolution

    @property
    def midpoints(self) -> np.ndarray:
        """Middle of each tick in seconds, shape (n_ticks,)."""
        return (np.arange(self.n_ticks) + 0.5) * self.resolution
