"""ConnectivityDynamics: how connectivity changes over a run, as a distribution."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from drmbids.brain.losses.connectivity import mean_of_runs
from drmbids.brain.losses.summary import SummaryLoss
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.masked import split_missing
from drmbids.maths.signals.connectivity import fisher_z, region_pairs
from drmbids.maths.signals.moments import pair_correlations, pair_sums


class ConnectivityDynamics(SummaryLoss):
    """Distance of the distributions of how alike connectivity is at different times of a run.

    Connectivity is taken in windows that slide over the run, and the connectivities of every two
    windows are correlated over pairs of targets (the FCD matrix). Its values, sorted, are compared:
    the Wasserstein distance of the two distributions, over the mean distance of the measured values
    from 1, that of connectivity that never changes.

    Parameters
    ----------
    length, step : int
        Samples in a window, and from one to the next; the length is a multiple of the step.
    n_steps : int
        Steps in the longest run; samples beyond are not looked at.

    Raises
    ------
    UsageError
        If sizes are below 1, a window is not whole steps, or the run holds fewer than two windows.

    References
    ----------
    Hansen et al. 2015, NeuroImage 105:525-535 (FCD).

    Examples
    --------
    >>> measured = torch.randn(90, 1, 4, generator=torch.Generator().manual_seed(0))
    >>> loss = ConnectivityDynamics(length=30, step=10, n_steps=9)
    >>> round(loss(-measured, measured).item(), 6)
    0.0
    """

    timed: ClassVar = True

    def __init__(self, length: int = 30, step: int = 3, n_steps: int = 200):
        super().__init__()
        if min(length, step) < 1 or length % step or n_steps <= length // step:
            raise UsageError(
                f"windows of {length} samples every {step} in {n_steps} steps; a window must be "
                "whole steps, and the run hold at least two"
            )
        self.length, self.step, self.n_steps = length, step, n_steps

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return samples in each step, and sums over those of pairs, (batch, n_steps, n, n).

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        start : int
            Samples before these.
        """
        filled, present = split_missing(target.double())
        there = present.double()
        first, last = start // self.step, -(-(start + len(target)) // self.step)
        around = (0, 0, 0, 0, start - first * self.step, last * self.step - start - len(target))
        # steps side by side, of whole length: (step, batch * steps, n)
        cut = [
            pad(x, around).unflatten(0, (-1, self.step)).permute(1, 2, 0, 3).flatten(1, 2)
            for x in (filled, there, prediction.double() * there)
        ]
        count, *measured = pair_sums(cut[0], cut[1])
        sums = (count, *measured, *pair_sums(cut[2], cut[1])[1:])
        rows = filled.new_full((last - first,), self.step)
        if last > first:
            rows[0] -= around[4]
            rows[-1] -= around[5]
        rows = rows.expand(target.shape[1], -1)
        kept = max(min(last, self.n_steps) - first, 0)
        before = min(first, self.n_steps)
        ends = (before, self.n_steps - before - kept)
        return (
            pad(rows[:, :kept], ends),
            *(
                pad(x.unflatten(0, (target.shape[1], -1))[:, :kept], (0, 0, 0, 0, *ends))
                for x in sums
            ),
        )

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the mean loss of the runs that have two windows or more.

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, n_steps, ...)
        """
        width = self.length // self.step
        rows, *sums = moments
        windowed = [m.unfold(1, width, 1).sum(-1) for m in sums]
        theirs, known = pair_correlations(*windowed[:6])
        ours, _ = pair_correlations(windowed[0], *windowed[6:])
        # a window counts if it is not cut short by the end of the run
        whole = (rows >= self.step).unfold(1, width, 1).all(-1)
        losses, some = [], []
        for mine, other, seen, full in zip(ours, theirs, known, whole, strict=True):
            loss = self._of_run(mine[full], other[full], seen[full])
            some.append(loss is not None)
            losses.append(mine.sum() * 0 if loss is None else loss)
        return mean_of_runs(torch.stack(losses), torch.tensor(some, device=ours.device))

    def _of_run(self, ours: Tensor, theirs: Tensor, known: Tensor) -> Tensor | None:
        """Return the loss of a run from connectivities (n_windows, n, n); None without one."""
        if len(ours) < 2:
            return None
        weight = region_pairs(known).double()
        fcd = []
        for matrices in (ours, theirs):
            rows = fisher_z(region_pairs(matrices)) * weight
            sums = pair_sums(rows.T.unsqueeze(1), weight.T.unsqueeze(1))
            values, there = pair_correlations(*(s[0] for s in sums))
            fcd.append((region_pairs(values), region_pairs(there)))
        (mine, _), (other, there) = fcd
        if not bool(there.any()):
            return None
        mine, other = mine[there].sort().values, other[there].sort().values
        return (mine - other).abs().mean() / (1 - other).mean().clamp(min=1e-6)
