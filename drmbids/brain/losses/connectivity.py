"""Connectivity: how far the functional connectivity of a prediction is from the measured one."""

from typing import Literal

import torch
from torch import Tensor

from drmbids.brain.losses.summary import SummaryLoss
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.masked import split_missing
from drmbids.maths.signals.connectivity import fisher_z, region_pairs
from drmbids.maths.signals.moments import pair_correlations, pair_sums


class Connectivity(SummaryLoss):
    """Error of the correlations of all pairs of targets over whole runs.

    For what has no time course to predict, as the resting state: only what series have in common
    is compared. A pair is correlated over the samples that both have. Each run has its loss; runs
    without data have none.

    Parameters
    ----------
    transform : {"fisher_z", "none"}
        Whether correlations are compared as Fisher's z or as they are.
    compare : {"error", "correlation"}
        The mean squared error over all pairs, over the mean square of the measured values; or 1
        minus their correlation, which looks at the pattern alone.

    Raises
    ------
    UsageError
        If an option is unknown.

    Examples
    --------
    >>> measured = torch.randn(50, 1, 4, generator=torch.Generator().manual_seed(0))
    >>> loss = Connectivity()
    >>> round(loss(3 * measured + 1, measured).item(), 6)  # neither scale nor mean matter
    0.0
    """

    def __init__(
        self,
        transform: Literal["fisher_z", "none"] = "fisher_z",
        compare: Literal["error", "correlation"] = "error",
    ):
        super().__init__()
        if transform not in ("fisher_z", "none") or compare not in ("error", "correlation"):
            raise UsageError(
                "transform must be fisher_z or none, compare error or correlation, got "
                f"{transform!r} and {compare!r}"
            )
        self.transform, self.compare = transform, compare

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return sums over the samples of pairs, each of shape (batch, n, n).

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        start : int
            Not used.
        """
        filled, present = split_missing(target.double())
        there = present.double()
        count, *measured = pair_sums(filled, there)
        return (count, *measured, *pair_sums(prediction.double() * there, there)[1:])

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the mean loss of the runs that have data.

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, n, n)
        """
        count = moments[0]
        theirs, known = pair_correlations(count, *moments[1:6])
        ours, _ = pair_correlations(count, *moments[6:])
        return compare_pairs(
            region_pairs(ours),
            region_pairs(theirs),
            region_pairs(known),
            self.transform,
            self.compare,
        )


def compare_pairs(
    ours: Tensor, theirs: Tensor, known: Tensor, transform: str, compare: str
) -> Tensor:
    """Return the mean over runs of how far correlations are from measured ones.

    Parameters
    ----------
    ours, theirs : Tensor of shape (n_runs, n_values)
        Correlations.
    known : Tensor of bool, of the same shape
        Which are measured.
    transform, compare : str
        As for :class:`Connectivity`.
    """
    if transform == "fisher_z":
        ours, theirs = fisher_z(ours), fisher_z(theirs)
    weight = known.to(ours.dtype)
    n = weight.sum(-1).clamp(min=1.0)
    if compare == "correlation":
        a, b = (weight * (x - ((weight * x).sum(-1) / n).unsqueeze(-1)) for x in (ours, theirs))
        size = a.square().sum(-1) * b.square().sum(-1)
        # of what was measured alone: predictions that do not vary explain nothing
        varies = b.square().sum(-1) > 0
        of_run = 1 - (a * b).sum(-1) / torch.where(size > 0, size, 1.0).sqrt()
    else:
        size = (weight * theirs.square()).sum(-1)
        varies = size > 0
        of_run = (weight * (ours - theirs).square()).sum(-1) / torch.where(varies, size, 1.0)
    return mean_of_runs(of_run, varies)


def mean_of_runs(losses: Tensor, known: Tensor) -> Tensor:
    """Return the mean of the losses of runs that have data, 0 where none has.

    Parameters
    ----------
    losses : Tensor of shape (n_runs,)
    known : Tensor of bool of shape (n_runs,)
    """
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)
