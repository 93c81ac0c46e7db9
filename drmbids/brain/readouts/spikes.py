"""Spikes: activity to the logarithm of expected spike counts."""

import math
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.data.runs.nuisance import NoNuisance, Nuisance


class Spikes(AveragedReadout):
    """Mean activity within each bin, mapped to the logarithm of the spikes expected in it.

    The measured times are the ends of bins (:func:`~drmbids.spike_stream` counts spikes so). What
    is predicted is ``log(rate bin)``, as the losses ``poisson`` and ``negative_binomial`` take it:
    maps and bias are in logarithms of spikes per second whatever the bin, and are trained by
    gradient (``DRM(net, loss=..., solve=False)``).

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds
        As for :class:`~drmbids.DRMReadout`; targets are cells.
    nuisance : Nuisance, optional
        Not used: nothing is fitted in each run on its own.
    bin : float
        Seconds over which spikes were counted.
    lag : float
        Seconds by which spikes follow the activity.

    Raises
    ------
    ModelError
        If the bin is not positive or the lag is negative.

    Notes
    -----
    A cell's own past is a population of its own, driven by its measured spikes as a stimulus
    (:func:`~drmbids.spike_events`), at least one bin late so that no spike explains itself: a
    ``Leaky`` one learns how long the past acts. In a run without that stimulus the
    prediction is that of the other populations alone.

    References
    ----------
    Truccolo et al. 2005, Journal of Neurophysiology 93:1074-1089; Pillow et al. 2008, Nature
    454:995-999.

    Examples
    --------
    >>> import torch
    >>> readout = Spikes(n_units=[2], n_targets=[5], bin=0.05)
    >>> readout.set_resolution(0.01)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.05, 0.4, 0.05)).exp().shape
    torch.Size([7, 1, 5])
    """

    option_units: ClassVar = {"bin": "s", "lag": "s"}
    measures: ClassVar[str] = "spike counts"
    loss: ClassVar[str] = "poisson"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        bin: float = 0.05,
        lag: float = 0.0,
    ):
        super().__init__(n_units, n_targets, sources, regions, n_confounds, NoNuisance(), bin, lag)
        self.bin = float(bin)

    def map_features(self, features: Sequence[Tensor], confounds: Tensor | None) -> Tensor:
        """Return logarithms of expected counts, shape (n_measured, batch, n_targets)."""
        return super().map_features(features, confounds) + math.log(self.bin)
