"""AveragedReadout: mean activity in a stretch of time before each measurement."""

import math
from abc import ABC
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.time import TICK_TOLERANCE
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import remembered


class AveragedReadout(DRMReadout, ABC):
    """Mean activity in the ``length`` seconds that end ``lag`` seconds before a measurement.

    Ticks that lie across a border count by the part within it, so any time and rate of sampling is
    served as it is, and no measurement depends on later activity. What becomes of the mean is for
    :meth:`features` of a subclass to say.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`.
    length : float, optional
        Seconds; one tick of the net when absent.
    lag : float
        Seconds between the end of that time and the measurement, 0 or more.
    n_windows : int
        Stretches of that length, one before the other, that are averaged over each on its own.

    Raises
    ------
    ModelError
        If the length is not positive, the lag is negative, or there is no window.
    """

    option_units: ClassVar = {"length": "s", "lag": "s"}

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None,
        regions: Sequence[str] | None,
        n_confounds: int,
        nuisance: Nuisance | None,
        length: float | None,
        lag: float = 0.0,
        n_windows: int = 1,
    ):
        name = type(self).__name__
        if length is not None and not length > 0:
            raise ModelError(f"{name} needs activity before it, got length={length} s")
        if not lag >= 0:
            raise ModelError(f"{name} cannot look ahead, got lag={lag} s; give 0 or more")
        if n_windows < 1:
            raise ModelError(f"{name} needs n_windows >= 1, got {n_windows}")
        super().__init__(n_units, n_targets, sources, regions, n_confounds, nuisance, n_windows)
        self.n_windows = n_windows
        self.length, self.lag = None if length is None else float(length), float(lag)
        self._known: dict[Hashable, tuple[Tensor, Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    @property
    def seconds(self) -> float:
        """Seconds of activity that a measurement averages over."""
        return self.resolution if self.length is None else self.length

    @property
    def memory(self) -> int:
        """Ticks that the time before a measurement reaches back."""
        reach = self.n_windows * self.seconds + self.lag
        return math.ceil(reach / self.resolution + TICK_TOLERANCE)

    def _shares(self, times: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return ticks, and how much they count, shape (n_windows, n_measured, n_in_window)."""
        n_past, n_ticks = self.memory, like.shape[0]

        def find() -> tuple[Tensor, Tensor]:
            before = self.lag + self.seconds * torch.arange(self.n_windows, dtype=torch.float64)
            ends = (times.to("cpu", torch.float64) - before[:, None])[..., None]
            starts = ends - self.seconds
            first = torch.floor(starts / self.resolution + TICK_TOLERANCE).long()
            # one more than fits, as the time may begin and end within a tick
            n = math.ceil(self.seconds / self.resolution + TICK_TOLERANCE) + 1
            edges = (first + torch.arange(n + 1)).double() * self.resolution
            covered = edges.clamp(min=starts, max=ends).diff() / self.seconds
            ticks = first + torch.arange(n) + n_past
            covered[(ticks < 0) | (ticks >= n_ticks)] = 0.0
            return ticks.clamp(0, n_ticks - 1).to(like.device), covered.to(like)

        key = (tuple(times.tolist()), n_past, n_ticks, self.resolution, like.dtype, like.device)
        return remembered(self._known, key, find)

    def averaged(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return mean activity before each time, (n_measured, batch, n_features) for each region.

        All units in the last window come first, then in the one before, and so on.

        Parameters
        ----------
        activity, times
            As for :meth:`features`.
        """
        ticks, shares = self._shares(times, activity[0])
        seen = [torch.einsum("wnk,wnkbu->wnbu", shares, a[ticks]) for a in activity]
        read = [torch.cat([seen[s] for s in line], -1) for line in self.sources]
        return [x.movedim(0, -2).flatten(-2) for x in read]

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return mean activity before each time, (n_measured, batch, n_features) per region."""
        return self.averaged(activity, times)
