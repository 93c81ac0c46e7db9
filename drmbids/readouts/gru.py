"""GRUReadout: hemodynamics left to gated recurrent units."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from drmbids.core.nuisance import Nuisance
from drmbids.readouts.convolution import ConvolvedReadout
from drmbids.readouts.fir import FIR


class GRUReadout(ConvolvedReadout):
    """Gated recurrent units in place of a hemodynamic response, mapped linearly to voxels.

    Each region has its own units. At every measured time they start at rest and go through the
    activity of the last ``length`` seconds, oldest first, averaged around evenly spaced delays
    (the tents of :class:`~drmbids.readouts.fir.FIR`); their state then is what the maps act on.
    The response may depend on what came before, which no convolution can; it has no shape, so
    there is nothing to read off it but predictions.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`.
    features_per_unit : int
        Memory units of a region for each unit that it reads.
    n_delays : int
        Averages of past activity that the units go through; 19 are 1 s apart in 20 s.
    length : float
        Seconds of activity that the units see.

    Notes
    -----
    Units that run through a whole experiment would remember for longer than a window of training
    lasts, and predict otherwise in other windows; units that start anew do not.

    References
    ----------
    Guclu and van Gerven 2017, Frontiers in Computational Neuroscience 11:7; Cho et al. 2014,
    EMNLP, arXiv:1406.1078.

    Examples
    --------
    >>> import torch
    >>> readout = GRUReadout(n_units=[2], n_targets=[5])
    >>> readout.set_resolution(0.5)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 20.0, 2.0)).shape
    torch.Size([10, 1, 5])
    """

    option_units: ClassVar = {"length": "s"}
    measures: ClassVar[str] = "bold"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        features_per_unit: int = 1,
        n_delays: int = 19,
        length: float = 20.0,
    ):
        delays = FIR(n_delays=n_delays, length=length)
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, delays, features_per_unit
        )
        self.memories = nn.ModuleList(
            nn.GRU(self.n_features(k) // features_per_unit, self.n_features(k))
            for k in range(len(self.regions))
        )

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return the states at the measured times, (n_measured, batch, n_features) per region."""
        return [
            memory(x.flip(0).flatten(1, 2))[0][-1].unflatten(0, x.shape[1:3])
            for memory, x in zip(self.memories, self.convolved(activity, times), strict=True)
        ]
