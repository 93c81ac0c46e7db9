"""LeadField: activity to sources, and sources to the sensors of EEG and MEG."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn

from drmbids.brain.readouts.averaging import AveragedReadout
from drmbids.brain.readouts.forward import read_lead_field, sensors_of
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.fixed import Fixed
from drmbids.maths.signals.lead_field import SourceModel, projected

#: Columns of a gain matrix for each source.
N_COMPONENTS = {"fixed": 1, "free": 3}

#: How MNE says that the sources of a forward solution have one direction each
#: (``mne.io.constants.FIFF.FIFFV_MNE_FIXED_ORI``).
FIXED_ORIENTATION = 1


class LeadField(AveragedReadout):
    """Activity mapped to the moments of sources, and by a gain matrix to sensors.

    ``y = G M' x``: the features ``x`` are activity at the measured time, the gain ``G`` is a lead
    field, and the maps ``M`` to sources are solved in closed form
    (:mod:`drmbids.fit.maps.source_maps`): sensors are whitened by the covariance of their noise,
    and what the lead field shows poorly is shrunk most, as in minimum-norm estimation. Sensors of
    all types that share sources belong to one region. A sensor without any measurement (NaN
    throughout) is predicted from what the others say of the sources.

    Parameters
    ----------
    n_units, n_targets, sources, regions, n_confounds, nuisance
        As for :class:`~drmbids.DRMReadout`; targets are sensors, ``sources`` populations.
    length : float, optional
        Seconds before a sample that activity is averaged over; one tick when absent.
    file : str, optional
        An ``.npz`` file with an array ``gain`` and, if there are any, ``noise_cov`` and
        ``sensor_types`` (:func:`~drmbids.brain.readouts.forward.save_lead_field` writes one), as
        below.
    orientation : {"fixed", "free"}
        Whether a source has one column of the gain, or three, one for each direction.
    sensor_types : list of str, optional
        ``"grad"``, ``"mag"``, ``"eeg"`` or a name of your own for each sensor; each type is
        whitened on its own. All are of one type when absent.
    depth : float
        Variances of sources are the squared norm of their gain to the power of minus this: 0
        favours sources near the sensors, 1 none. 0.8 is what MNE uses.
    n_reweightings : int
        Steps in which variances of sources are learned from the measured covariance of the sensors;
        more make for fewer active sources.
    trainable : bool
        Whether the gain is trained, by gradient: needs ``solve=False`` and measurements in units of
        their noise. Each element starts at the gain and moves in units of its sensor's root mean
        square.
    gain : array of shape (n_sensors, n_columns), optional
        Rows are the sensors of all regions, in their order, columns the components of sources. Each
        sensor is a source without it and without a file.
    noise_cov : array of shape (n_sensors, n_sensors), optional
        Covariance of the noise of the sensors, as the measurements have it (that of an average of
        ``n`` trials is ``1 / n`` of that of one). Directions without noise, as SSP projections and
        the average reference leave them, are taken out of the gain too. When absent, sensors of
        known types have the noise of :data:`~drmbids.maths.signals.lead_field.SENSOR_NOISE` and EEG
        the average reference; others are of equal noise.

    Raises
    ------
    ModelError
        If sizes of gain, covariance and sensors do not fit, the covariance is none, or the gain is
        given twice.
    DataError
        If the file cannot be read.

    References
    ----------
    Hamalainen and Ilmoniemi 1994, Med Biol Eng Comput 32:35-42 (minimum norm); Lin et al. 2006,
    NeuroImage 31:160-171 (depth); Wipf and Nagarajan 2009, NeuroImage 44:947-966 (variances of
    sources); Kiebel, David and Friston 2006, NeuroImage 30:1273-1284 (gain in the model).

    Examples
    --------
    >>> import torch
    >>> gain = torch.randn(32, 3 * 50)
    >>> readout = LeadField([4], [32], gain=gain, orientation="free")
    >>> readout.set_resolution(0.002)
    >>> activity = torch.rand(readout.memory + 100, 1, 4)
    >>> readout([activity], torch.arange(0.0, 0.2, 0.004)).shape
    torch.Size([50, 1, 32])
    """

    option_units: ClassVar = {"length": "s"}
    measures: ClassVar[str] = "EEG or MEG"

    def __init__(
        self,
        n_units: Sequence[int],
        n_targets: Sequence[int],
        sources: Sequence[Sequence[int]] | None = None,
        regions: Sequence[str] | None = None,
        n_confounds: int = 0,
        nuisance: Nuisance | None = None,
        length: float | None = None,
        file: str | None = None,
        orientation: Literal["fixed", "free"] = "fixed",
        sensor_types: Sequence[str] | None = None,
        depth: float = 0.8,
        n_reweightings: int = 0,
        trainable: bool = False,
        gain: np.ndarray | None = None,
        noise_cov: np.ndarray | None = None,
    ):
        super().__init__(n_units, n_targets, sources, regions, n_confounds, nuisance, length)
        if orientation not in N_COMPONENTS:
            raise ModelError(f"unknown orientation {orientation!r}; choose one of: fixed, free")
        if n_reweightings < 0 or depth < 0:
            raise ModelError(
                f"need n_reweightings >= 0 and depth >= 0, got {n_reweightings} and {depth:g}"
            )
        self.orientation: Literal["fixed", "free"] = orientation
        self.depth, self.n_reweightings, self.trainable = float(depth), n_reweightings, trainable
        found = read_lead_field(file, gain, noise_cov, sensor_types, sum(self.n_targets))
        self.sensor_types = found.sensor_types
        self._parts = self._split(torch.from_numpy(found.gain), found.covariance())
        self.gains = nn.ParameterList(
            nn.Parameter(part[0].to(torch.get_default_dtype()), requires_grad=False)
            for part in self._parts
        )
        self.gain_shifts = nn.ParameterList(
            torch.zeros_like(g) for g in (self.gains if trainable else ())
        )
        self._noise = [Fixed(part[1]) for part in self._parts]
        self.weights = nn.ParameterList(
            torch.zeros(self.n_features(k), g.shape[1]) for k, g in enumerate(self.gains)
        )

    def _split(self, gain: Tensor, covariance: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return gain, projections applied, and noise covariance of the sensors of each region."""
        n_components = N_COMPONENTS[self.orientation]
        if gain.shape[1] % n_components:
            raise ModelError(
                f"the gain has {gain.shape[1]} columns; free orientations need a multiple of 3"
            )
        self._fits = len(gain) == sum(self.n_targets)
        self._n_rows, first = len(gain), 0
        parts: list[tuple[Tensor, Tensor]] = []
        for n in self.n_targets:
            rows = slice(first, first + n)
            cov = covariance[rows, rows]
            parts.append((projected(gain[rows], cov, self._blocks(rows)), cov))
            first += n
        return parts

    def _blocks(self, rows: slice) -> list[Tensor]:
        types = np.array(self.sensor_types[rows])
        return [torch.tensor(np.flatnonzero(types == kind)) for kind in dict.fromkeys(types)]

    def set_resolution(self, resolution: float) -> None:
        """Set the seconds per tick, with all sizes known.

        Raises
        ------
        ModelError
            If the gain has not one row for each sensor.
        """
        if not self._fits:
            raise ModelError(
                f"the gain has {self._n_rows} rows for {sum(self.n_targets)} sensors; "
                "give one for each, in the order of the measured columns"
            )
        super().set_resolution(resolution)

    def gain(self, region: int) -> Tensor:
        """Return the gain of a region as it is now, shape (n_sensors, n_columns)."""
        start = self.gains[region]
        if not self.trainable:
            return start
        size = start.square().mean(1, keepdim=True).sqrt()
        return start + size * self.gain_shifts[region]

    def target_maps(self) -> list[Tensor]:
        """Return the map of each region from features to sensors, (n_features, n_sensors)."""
        return [w @ self.gain(k).mT for k, w in enumerate(self.weights)]

    def source_model(self, region: int) -> SourceModel:
        """Return lead field, noise and priors of a region, in float64.

        Raises
        ------
        ModelError
            If the gain is trained.
        """
        if self.trainable:
            raise ModelError("a gain that is trained has no closed form; use solve=False")
        first = sum(self.n_targets[:region])
        gain = self.gain(region).detach().double()
        return SourceModel(
            gain,
            self._noise[region].on(gain.device),
            [b.to(gain.device) for b in self._blocks(slice(first, first + len(gain)))],
            N_COMPONENTS[self.orientation],
            self.depth,
            self.n_reweightings,
        )

    @classmethod
    def from_forward(
        cls,
        n_units: Sequence[int],
        forward: Any,
        noise_cov: Any = None,
        ch_names: Sequence[str] = (),
        **options: Any,
    ) -> Self:
        """Return the readout of one group of sensors by an MNE forward solution.

        Needs the extra ``meeg`` (``pip install 'drmbids[meeg]'``). Measurements need to have
        projections and the average reference applied.

        Parameters
        ----------
        n_units : sequence of int
            Units of each population.
        forward : mne.Forward
        noise_cov : mne.Covariance, optional
            Of the measurements: over the number of trials where they are an average.
        ch_names : sequence of str
            Sensors, in the order of the measured columns; all of the forward solution when empty.
        **options
            Others of :class:`LeadField`.
        """
        found = sensors_of(forward, noise_cov, ch_names)
        fixed = forward["source_ori"] == FIXED_ORIENTATION
        return cls(
            n_units,
            [len(found.gain)],
            gain=found.gain,
            noise_cov=found.noise_cov,
            sensor_types=found.sensor_types,
            orientation="fixed" if fixed else "free",
            **options,
        )

    @torch.no_grad()
    def source_strength(self, region: int = 0) -> Tensor:
        """Return how strongly each unit drives each source, shape (n_features, n_sources).

        The length of its moment over the directions of a source.
        """
        moments = self.weights[region].unflatten(1, (-1, N_COMPONENTS[self.orientation]))
        return moments.norm(dim=-1)
