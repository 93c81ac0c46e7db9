"""Stretches of time within a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Seconds by which two times may differ and still be the same volume's: far below any sampling
# interval, above the rounding of sums of float64 seconds.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Spans:
    """Stretches of time, each from its start until before its end.

    Parameters
    ----------
    edges : sequence of (float, float)
        Start and end of each stretch in seconds, in any order; they may overlap and be infinite.

    Examples
    --------
    >>> Spans([(2.0, 5.0), (8.0, np.inf)]).within(np.arange(10.0)).astype(int)
    array([0, 0, 1, 1, 1, 0, 0, 0, 1, 1])
    """

    edges: Sequence[tuple[float, float]]

    def within(self, times: np.ndarray) -> np.ndarray:
        """Return which times lie in a stretch, array of bool of shape (n_times,).

        Parameters
        ----------
        times : array of shape (n_times,)
            Seconds.
        """
        inside = np.zeros(len(times), dtype=bool)
        for start, end in self.edges:
            inside |= (times >= start - _TOLERANCE) & (times < end - _TOLERANCE)
        return inside

    def outside(self) -> "Spans":
        """Return the stretches between these, before the first and after the last."""
        edges, last = [], -np.inf
        for start, end in sorted(self.edges):
            if start > last:
                edges.append((last, start))
            last = max(last, end)
        return Spans((*edges, (last, np.inf)))
