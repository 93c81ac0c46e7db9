"""Choice: activity before a decision to the log odds of what is chosen."""

import math
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from drmbids.core.exceptions import ModelError
from drmbids.core.nuisance import Nuisance
from drmbids.core.run import Run
from drmbids.core.time import TICK_TOLERANCE
from drmbids.functional.fixed import remembered
from drmbids.readouts.base import DRMReadout


class Choice(DRMReadout):
    """Mean activity before each choice, mapped linearly to the log odds of the classes.

    The measured times are those of the choices; what counts is the activity in the ``length``
    seconds that end there, ticks that lie across a border by the part within it. Predictions are
    log odds up to a constant, as :class:`~drmbids.CrossEntropy` takes them: the maps have no closed
    form and are trained by gradient by :class:`~drmbids.DRM`.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds
        As for :class:`~drmbids.DRMReadout`; the targets of a region are the classes of a choice.
    nuisance : Nuisance, optional
        Not used: nothing is fitted in each run on its own, as it would be different odds there.
    length : float
        Seconds of activity before the choice.

    Raises
    ------
    ModelError
        If the length is not positive.

    References
    ----------
    McFadden 1974, in Frontiers in Econometrics:105-142 (log odds linear in what bears on a choice);
    Gold and Shadlen 2007, Annual Review of Neuroscience 30:535-574 (decisions read from activity).

    Examples
    --------
    >>> import torch
    >>> readout = Choice(n_units=[2], n_targets=[3], length=0.5)
    >>> readout.set_resolution(0.1)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.tensor([0.6, 2.0])).shape
    torch.Size([2, 1, 3])
    """

    option_units: ClassVar = {"length": "s"}
    loss: ClassVar[str] = "cross_entropy"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        length: float = 0.5,
    ):
        if not length > 0:
            raise ModelError(f"a choice needs activity before it, got length={length} s")
        super().__init__(n_units, n_targets, sources, regions, n_confounds, _Nothing())
        self.length = float(length)
        self._known: dict[Hashable, Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    @property
    def memory(self) -> int:
        """Ticks that the time before a choice reaches back."""
        return math.ceil(self.length / self.resolution + TICK_TOLERANCE)

    def _shares(self, times: Tensor, like: Tensor) -> Tensor:
        """Return how much each tick counts for each time, shape (n_measured, n_ticks)."""
        n_past, n_ticks = self.memory, like.shape[0]

        def find() -> Tensor:
            edges = (torch.arange(n_ticks + 1, dtype=torch.float64) - n_past) * self.resolution
            ends = times.to("cpu", torch.float64)[:, None]
            covered = edges.clamp(min=ends - self.length, max=ends).diff() / self.length
            return covered.to(like)

        key = (tuple(times.tolist()), n_past, n_ticks, self.resolution, like.dtype, like.device)
        return remembered(self._known, key, find)

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return mean activity before each time, (n_measured, batch, n_units) for each region."""
        shares = self._shares(times, activity[0])
        seen = [torch.tensordot(shares, a, dims=1) for a in activity]
        return [torch.cat([seen[s] for s in line], -1) for line in self.sources]


class _Nothing(Nuisance):
    """No nuisance, not even an intercept."""

    def basis(self, run: Run, times: np.ndarray) -> np.ndarray:
        return np.zeros((len(times), 0))
