"""Spectra: how far the power spectra of a prediction are from the measured ones."""

from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.losses.connectivity import mean_of_runs
from drmbids.brain.losses.lagged_connectivity import band_moments, check_band, transforms
from drmbids.brain.losses.summary import SummaryLoss
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.loops.fixed import Fixed
from drmbids.maths.signals.fourier import band_frequencies


class Spectra(SummaryLoss):
    """Error of the logarithm of power, target by target, in parts of a band.

    Each part's power is the mean over the frequencies in it, so that no single frequency of a
    single run, whose power is random, weighs much. Missing samples count as the mean of their
    series.

    Parameters
    ----------
    tr : float
        Seconds from one sample to the next.
    low, high : float
        Band in Hz.
    n_parts : int
        Equal parts of the band.
    n_frequencies : int
        At which each part is sampled.
    relative : bool
        Whether power is that over the mean of its target over all parts: the shape of spectra
        alone, whatever the scale of a series.

    Raises
    ------
    UsageError
        If the band is none that samples every ``tr`` can hold, or a size is below 1.

    Examples
    --------
    >>> slow = torch.randn(200, 1, 2, generator=torch.Generator().manual_seed(0)).cumsum(0)
    >>> loss = Spectra(tr=2.0)
    >>> round(loss(5 * slow, slow).item(), 6), loss(slow.diff(dim=0, prepend=slow[:1]), slow) > 0.1
    (0.0, tensor(True))
    """

    option_units: ClassVar = {"tr": "s", "low": "Hz", "high": "Hz"}
    timed: ClassVar = True

    def __init__(
        self,
        tr: float = 2.0,
        low: float = 0.01,
        high: float = 0.25,
        n_parts: int = 8,
        n_frequencies: int = 16,
        relative: bool = True,
    ):
        super().__init__()
        check_band(low, high, tr, n_frequencies)
        if n_parts < 1 or (relative and n_parts < 2):
            raise UsageError(f"n_parts must be 1 or more, 2 for relative power, got {n_parts}")
        self.tr, self.low, self.high, self.n_parts = tr, low, high, n_parts
        self.relative = relative
        self._frequencies = Fixed(band_frequencies(low, high, tr, n_parts * n_frequencies))

    def moments(self, prediction: Tensor, target: Tensor, start: int = 0) -> tuple[Tensor, ...]:
        """Return Fourier sums of target and prediction.

        Parameters
        ----------
        prediction, target : Tensor of shape (n_measured, batch, n_targets)
        start : int
            Samples before these.
        """
        frequencies = self._frequencies.on(target.device)
        return band_moments(prediction, target, frequencies, start)

    def from_moments(self, moments: tuple[Tensor, ...]) -> Tensor:
        """Return the mean loss of the runs that have data.

        The mean squared difference of natural logarithms, over 1 + the variance of the measured
        ones over parts.

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, ...)
        """
        theirs, ours, known = self._log_powers(moments)
        return _error(ours, theirs, known)

    @torch.no_grad()
    def limits(self, target: Tensor, weight: Tensor | None = None) -> tuple[float, float]:
        """Return the loss of white noise, whose power is the same in all parts, and 0.

        Parameters
        ----------
        target : Tensor of shape (n_measured, batch, n_targets)
        weight : Tensor, optional
            Not used: runs have no weights of elements.
        """
        moments = self.moments(torch.zeros_like(target), target)
        theirs, _, known = self._log_powers(moments)
        white = theirs.mean(1, keepdim=True).expand_as(theirs)
        return _error(white, theirs, known).item(), 0.0

    def _log_powers(self, moments: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Return logarithms of power, (n_runs, n_parts, n_targets), and which targets have any."""
        powers = [
            x.unflatten(1, (self.n_parts, -1)).abs().square().mean(2) for x in transforms(moments)
        ]
        known = (powers[0] > 0).all(1)  # a target has power in all parts, or in none
        logs = [torch.where(known.unsqueeze(1), p, 1.0).clamp(min=1e-300).log() for p in powers]
        if self.relative:
            logs = [x - x.mean(1, keepdim=True) for x in logs]
        return logs[0], logs[1], known


def _error(ours: Tensor, theirs: Tensor, known: Tensor) -> Tensor:
    """Return the mean error of logarithms of power over runs that have data."""
    weight = known.double()
    error = (weight * (ours - theirs).square().mean(1)).sum(-1)
    size = (weight * (1 + theirs.var(1, correction=0))).sum(-1)
    return mean_of_runs(error / size.clamp(min=1e-300), known.any(-1))
