"""DRMReadout: from the activity of populations to linear maps on targets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.data.runs.nuisance import Nuisance, given_nuisance
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.signals.lead_field import SourceModel


class DRMReadout(DRMNode, ABC):
    """What is measured, as a function of activity.

    A readout turns activity into features at the measured times (:meth:`features`), which a
    linear map for each region takes to its targets. Given the activity the maps are a ridge
    problem with a closed form, and :class:`~drmbids.DRM` solves them rather than crawl to them.

    Parameters
    ----------
    n_units : sequence of int
        Units of each population of the net.
    n_targets : sequence of int
        Targets (voxels, channels) of each region.
    sources : sequence of sequence of int, optional
        Populations that each region reads; when absent region ``k`` reads population ``k``, or,
        if there is but one region, all of them.
    regions : sequence of str, optional
        Names of the regions; numbered when absent.
    n_confounds : int
        Confounds whose weights all runs share. Confounds that are fitted anew in each run belong
        to ``nuisance`` instead.
    nuisance : Nuisance
        Intercept, drift and confounds fitted in each run on its own.
    features_per_unit : int
        Features that the readout makes of each unit, such as one for each basis function of a
        response.

    Raises
    ------
    ModelError
        If the numbers of regions, targets and sources do not fit, or there are no features.

    Attributes
    ----------
    loss : str
        Name of the loss that suits what is measured (:data:`drmbids.brain.losses.LOSSES`). Maps are
        solved for the squared error; for any other loss they are trained by gradient.
    measures : str
        What its targets are measurements of: ``"bold"``, or the field's word for what no BOLD image
        holds; empty where they may be anything. The command line refuses a readout of something
        else than the data.
    objective : Module or None
        A loss in place of that one, with options and parameters of its own, which are kept with the
        net.
    """

    loss: ClassVar[str] = "squared_error"
    measures: ClassVar[str] = ""

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        features_per_unit: int = 1,
    ):
        super().__init__()
        self.objective: nn.Module | None = None
        if features_per_unit < 1:
            raise ModelError(f"readout: need features_per_unit >= 1, got {features_per_unit}")
        self.features_per_unit = features_per_unit
        self.n_units, self.n_targets = tuple(n_units), tuple(n_targets)
        self.regions = tuple(regions or (f"R{k}" for k in range(len(self.n_targets))))
        self.sources = tuple(tuple(s) for s in (sources or self._default_sources()))
        self.n_confounds = n_confounds
        self.nuisance = given_nuisance(nuisance)
        if not len(self.regions) == len(self.n_targets) == len(self.sources):
            raise ModelError(
                f"readout: {len(self.regions)} regions, {len(self.n_targets)} target counts, "
                f"{len(self.sources)} sources; they must be as many"
            )
        bad = [s for line in self.sources for s in line if not 0 <= s < len(self.n_units)]
        if bad or not all(self.sources):
            raise ModelError(f"readout: sources {self.sources} of {len(self.n_units)} populations")
        total = sum(self.n_targets)
        self.weights = nn.ParameterList(
            torch.zeros(self.n_features(k), n) for k, n in enumerate(self.n_targets)
        )
        self.bias = nn.Parameter(torch.zeros(total))
        self.confound_weights = nn.Parameter(torch.zeros(n_confounds, total))

    def _default_sources(self) -> list[list[int]]:
        if len(self.n_targets) == 1:
            return [list(range(len(self.n_units)))]
        if len(self.n_targets) != len(self.n_units):
            raise ModelError(
                f"readout: {len(self.n_targets)} regions and {len(self.n_units)} populations; "
                "say with `sources` which populations feed which region"
            )
        return [[k] for k in range(len(self.n_units))]

    @property
    @abstractmethod
    def memory(self) -> int:
        """Ticks of activity before a window that its measurements depend on."""

    @abstractmethod
    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return what the linear maps act on.

        Parameters
        ----------
        activity : sequence of Tensor of shape (memory + n_ticks, batch, n_units)
            Activity of each population, its mean over each tick, with its past before the window.
        times : Tensor of shape (n_measured,)
            Seconds from the start of the window.

        Returns
        -------
        list of Tensor of shape (n_measured, batch, n_features)
            One for each region.
        """

    def n_features(self, region: int) -> int:
        """Return the width of a region's features."""
        return self.features_per_unit * sum(self.n_units[s] for s in self.sources[region])

    def feature_populations(self, region: int) -> Tensor:
        """Return which of the sources of a region each of its features is made of.

        Whole numbers from 0, shape (n_features,). Populations have penalties of their own when the
        maps are solved.
        """
        sizes = torch.tensor([self.n_units[s] for s in self.sources[region]])
        populations = torch.arange(len(sizes)).repeat_interleave(sizes)
        return populations.repeat(self.features_per_unit)

    def source_model(self, region: int) -> SourceModel | None:
        """Return how sources become measurements, None where maps go straight to targets.

        Where there is one, ``weights`` of the region are maps to sources, and the maps to targets
        are kept within what sources can give.
        """
        return None

    def target_maps(self) -> list[Tensor]:
        """Return the map of each region from features to targets, (n_features, n_targets)."""
        return list(self.weights)

    def bands(self, region: int) -> Tensor:
        """Return the band of each feature of a region, shape (n_features,), whole numbers from 0.

        The features of a band share a penalty when the maps are solved. Band 0 holds what all
        voxels of the region have in common, band 1 how a voxel deviates from it: a penalty of its
        own for that, chosen in training, says how far voxels are drawn to their region.
        """
        return torch.zeros(self.n_features(region), dtype=torch.long)

    def step_shares(self) -> list[tuple[nn.Parameter, float]]:
        """Return parameters beside the maps that take shorter steps, as shares of the others'."""
        return []

    def linear_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that have a closed form given the activity."""
        return [*self.weights, self.bias, self.confound_weights]

    def map_features(self, features: Sequence[Tensor], confounds: Tensor | None) -> Tensor:
        """Return the prediction, shape (n_measured, batch, n_targets), from features."""
        parts = [x @ w for x, w in zip(features, self.target_maps(), strict=True)]
        prediction = torch.cat(parts, dim=-1) + self.bias
        if self.n_confounds:
            if confounds is None:
                raise ModelError(f"the readout needs {self.n_confounds} confounds, got none")
            prediction = prediction + confounds @ self.confound_weights
        return prediction

    def forward(
        self, activity: Sequence[Tensor], times: Tensor, confounds: Tensor | None = None
    ) -> Tensor:
        """Return the prediction at the measured times, shape (n_measured, batch, n_targets).

        Parameters
        ----------
        activity, times
            As for :meth:`features`.
        confounds : Tensor of shape (n_measured, batch, n_confounds), optional
        """
        return self.map_features(self.features(activity, times), confounds)
