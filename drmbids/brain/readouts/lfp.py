"""LFP: synaptic currents that activity gives rise to, or the power of a band of frequencies."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor

from drmbids.brain.readouts.convolution import ConvolvedReadout
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.brain.readouts.hemodynamics import HRF, suited
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError

#: Time constants in seconds of the current that a spike gives rise to (AMPA; Brunel and Wang 2003,
#: Journal of Neurophysiology 90:415-430), and where it is cut off.
SYNAPSE = {"rise": 0.0004, "decay": 0.002, "length": 0.02}


class LFP(ConvolvedReadout):
    """Local field potential: a weighted sum of the synaptic currents of populations.

    Currents are the activity of a population through the response of a synapse; their weights,
    which may be of either sign, are solved, so that excitation and inhibition are told apart where
    they are populations of their own. With ``output="power"`` the features are squares, summed over
    the basis functions: with :class:`~drmbids.Oscillation` as the response the power of a band.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`; targets are electrodes, or bands.
    hrf : HRF, optional
        Response of a synapse: a :class:`~drmbids.DoubleExponential` of 0.4 ms and 2 ms when absent,
        from which learned responses start, and which they are as long as (20 ms), unless they say
        otherwise.
    output : {"potential", "power"}
        Whether the potential is measured, or the power of a band.

    Raises
    ------
    ModelError
        If the output is unknown, or the hrf is one of BOLD.

    Notes
    -----
    A sum of absolute currents onto excitatory cells is the proxy of simulations of neurons that
    agrees best with their LFP (Mazzoni et al. 2015); here their weights are estimated.

    References
    ----------
    Mazzoni et al. 2008, PLoS Computational Biology 4:e1000239; Mazzoni et al. 2015, PLoS
    Computational Biology 11:e1004584.

    Examples
    --------
    >>> import torch
    >>> readout = LFP(n_units=[2], n_targets=[5])
    >>> readout.set_resolution(0.001)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 0.04, 0.002)).shape
    torch.Size([20, 1, 5])
    """

    measures: ClassVar[str] = "field potentials"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        hrf: HRF | None = None,
        output: Literal["potential", "power"] = "potential",
    ):
        if output not in ("potential", "power"):
            raise ModelError(f"unknown output {output!r}; choose one of: potential, power")
        hrf = suited(hrf, DoubleExponential(**SYNAPSE, trainable=False), "LFP", self.measures)
        n_features = hrf.features_per_unit if output == "potential" else 1
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, hrf, n_features
        )
        self.output: Literal["potential", "power"] = output

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return currents, or their power, (n_measured, batch, n_features) for each region."""
        currents = self.convolved(activity, times)
        if self.output == "power":
            return [x.square().sum(0) for x in currents]
        return [x.movedim(0, -2).flatten(-2) for x in currents]
