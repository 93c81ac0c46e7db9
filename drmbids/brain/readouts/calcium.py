"""Calcium: activity through an indicator that rises, decays and saturates, to its fluorescence."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from drmbids.brain.readouts.convolution import ConvolvedReadout
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.brain.readouts.hemodynamics import HRF, suited
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError

# Below this, calcium counts as this: powers of zero have no gradient.
LEAST_CALCIUM = 1e-6


class Calcium(ConvolvedReadout):
    """Activity convolved with the response of an indicator, saturating, mapped to fluorescence.

    Each unit drives calcium ``c`` of its own. Without saturation ``c`` is the feature; with
    ``hill`` it is ``c^n (1 + k^n) / (c^n + k^n)``: 1 where ``c`` is 1, never more than ``1 + k^n``,
    and where ``n`` is above 1 a little calcium gives less than in proportion. Baseline and size of
    the fluorescence are those of the solved maps.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`; targets are cells, or pixels of an area.
    hrf : HRF, optional
        Response of the indicator: a trainable :class:`~drmbids.DoubleExponential` when absent;
        :class:`~drmbids.SmoothHRF`, which starts from that, and :class:`~drmbids.FIR` make no
        assumption about its shape. Both are as long as that, 3 s, unless they say otherwise.
    per_region : bool
        Whether each region has its own response and saturation; of the response only where ``hrf``
        is absent.
    saturation : {"none", "hill"}
        Whether fluorescence is in proportion to calcium.

    Raises
    ------
    ModelError
        If the saturation is unknown, or is to act on several basis functions, or the hrf is one of
        BOLD.

    References
    ----------
    Greenberg et al. 2018, bioRxiv 479055; Deneux et al. 2016, Nature Communications 7:12190 (Hill
    saturation of calcium indicators); Chen et al. 2013, Nature 499:295-300 (GCaMP6).

    Examples
    --------
    >>> import torch
    >>> readout = Calcium(n_units=[2], n_targets=[5], saturation="hill")
    >>> readout.set_resolution(0.05)
    >>> activity = torch.rand(readout.memory + 40, 1, 2)
    >>> readout([activity], torch.arange(0.0, 2.0, 0.1)).shape
    torch.Size([20, 1, 5])
    """

    measures: ClassVar[str] = "calcium fluorescence"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        hrf: HRF | None = None,
        per_region: bool = False,
        saturation: Literal["none", "hill"] = "none",
    ):
        default = DoubleExponential(n_regions=len(n_targets) if per_region else 1)
        hrf = suited(hrf, default, "Calcium", self.measures)
        super().__init__(
            n_units, n_targets, sources, regions, n_confounds, nuisance, hrf, hrf.features_per_unit
        )
        if saturation not in ("none", "hill"):
            raise ModelError(f"unknown saturation {saturation!r}; choose one of: none, hill")
        if saturation == "hill" and hrf.features_per_unit > 1:
            raise ModelError("saturation acts on calcium; use a response of one basis function")
        self.saturation: Literal["none", "hill"] = saturation
        if saturation == "hill":
            self._add_hill(hrf.n_regions)

    def _add_hill(self, n: int) -> None:
        source = "Greenberg et al. 2018 (limits); starts without saturation in the range of 1"
        self.add_parameter(
            "hill",
            torch.full((n,), 1.0),
            meaning="Hill coefficient of the indicator",
            lower=0.5,
            upper=5.0,
            source=source,
        )
        self.add_parameter(
            "half_saturation",
            torch.full((n,), 2.0),
            meaning="calcium at which fluorescence is half of its most",
            lower=0.01,
            upper=100.0,
            source=source,
        )

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return what fluorescence is in proportion to, (n_measured, batch, n_features) per region.

        All units through the first basis function come first, then through the second, and so on.
        """
        calcium = [x.movedim(0, -2).flatten(-2) for x in self.convolved(activity, times)]
        if self.saturation == "none":
            return calcium
        n, half = (self.value(name).expand(len(calcium)) for name in ("hill", "half_saturation"))
        return [self._saturated(c, n[k], half[k]) for k, c in enumerate(calcium)]

    @staticmethod
    def _saturated(calcium: Tensor, n: Tensor, half: Tensor) -> Tensor:
        # relative to the half-saturation, so that no power grows too large for float32
        bound = (calcium.clamp(min=LEAST_CALCIUM) / half) ** n
        return bound / (1 + bound) * (1 + half**n)
