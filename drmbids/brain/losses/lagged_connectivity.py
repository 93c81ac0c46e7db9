"""LaggedConnectivity: correlations of one target with another some seconds later, in a band."""

from collections.abc import Sequence
from math import pi
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.losses.connectivity import compare_pairs
from drmbids.brain.losses.summary import SummaryLoss
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.estimation.masked import split_missing
from drmbids.maths.loops.fixed import Fixed
from drmbids.maths.signals.fourier import band_frequencies, centred, fourier_sums


class LaggedConnectivity(SummaryLoss):
    """Error of the correlations of all pairs of targets at lags, of series limited to a band.

    Lag 0 is functional connectivity; other lags tell which region leads, and how fast the past is
    forgotten. Missing samples count as the mean of their series.

    Parameters
    ----------
    lags : sequence of float
        Seconds; each pair is compared in both directions.
    tr : float
        Seconds from one sample to the next.
    low, high : float
        Band in Hz.
    n_frequencies : int
        At which the band is sampled; more than the run's length times the width of the band add
        nothing.

    Raises
    ------
    UsageError
        If there are no lags or the band is none that samples every ``tr`` can hold.

    Examples
    --------
    >>> measured = torch.randn(100, 1, 3, generator=torch.Generator().manual_seed(0))
    >>> loss = LaggedConnectivity(lags=(0.0, 2.0), tr=2.0)
    >>> loss(measured.roll(1, 2), measured).item() > loss(2 * measured, measured).item() + 0.1
    True
    """

    option_units: ClassVar = {"lags": "s", "tr": "s", "low": "Hz", "high": "Hz"}
    timed: ClassVar = True

    def __init__(
        self,
        lags: Sequence[float] = (0.0, 2.0, 4.0),
        tr: float = 2.0,
        low: float = 0.01,
        high: float = 0.1,
        n_frequencies: int = 48,
    ):
        super().__init__()
        check_band(low, high, tr, n_frequencies)
        if not len(lags):
            raise UsageError("lagged connectivity needs at least one lag")
        self.lags, self.tr, self.low, self.high = tuple(lags), tr, low, high
        self._frequencies = Fixed(band_frequencies(low, high, tr, n_frequencies))

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

        Parameters
        ----------
        moments : tuple of Tensor of shape (n_runs, ...)
        """
        theirs, ours = transforms(moments)
        seconds = moments[0].new_tensor(self.lags)
        at = self._frequencies.on(seconds.device) / self.tr
        turned = torch.exp(-2j * pi * seconds[:, None] * at)
        found = []
        for x in (ours, theirs):
            power = (x.real.square() + x.imag.square()).sum(1)
            scaled = x / torch.where(power > 0, power, 1.0).sqrt().unsqueeze(1)
            lagged = torch.einsum("lf,rfi,rfj->rlij", turned, scaled, scaled.conj()).real
            found.append((lagged.flatten(1), power > 0))
        known = (found[1][1].unsqueeze(-1) & found[1][1].unsqueeze(-2)).unsqueeze(1)
        known = known.expand(-1, len(self.lags), -1, -1).flatten(1)
        return compare_pairs(found[0][0], found[1][0], known, "none", "error")


def check_band(low: float, high: float, tr: float, n_frequencies: int) -> None:
    """Raise :class:`~drmbids.data.tools.exceptions.UsageError` for a band that samples cannot hold.

    Parameters
    ----------
    low, high, tr, n_frequencies
        As for :class:`LaggedConnectivity`.
    """
    if not (tr > 0 and 0 <= low < high <= 0.5 / tr * (1 + 1e-9) and n_frequencies > 0):
        raise UsageError(
            f"a band from {low:g} to {high:g} Hz with {n_frequencies} frequencies; samples every "
            f"{tr:g} s hold frequencies from 0 to {0.5 / tr if tr > 0 else 0:g} Hz"
        )


def band_moments(
    prediction: Tensor, target: Tensor, frequencies: Tensor, start: int
) -> tuple[Tensor, ...]:
    """Return Fourier sums of target and prediction, of which missing samples have no part.

    Parameters
    ----------
    prediction, target : Tensor of shape (n_measured, batch, n_targets)
    frequencies : Tensor of shape (n_frequencies,)
        Cycles a sample.
    start : int
        Samples before these.
    """
    filled, present = split_missing(target.double())
    there = present.double()
    ours = fourier_sums(prediction.double() * there, there, frequencies, start)
    of_target, of_present, total, count = fourier_sums(filled, there, frequencies, start)
    return of_target, of_present, total, count, ours[0], ours[2]


def transforms(moments: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return the transforms of targets and of predictions, freed of their means.

    Parameters
    ----------
    moments : tuple of Tensor
        From :func:`band_moments`, added up over runs.
    """
    of_target, of_present, total, count, of_prediction, predicted = moments
    return (
        centred((of_target, of_present, total, count)),
        centred((of_prediction, of_present, predicted, count)),
    )
