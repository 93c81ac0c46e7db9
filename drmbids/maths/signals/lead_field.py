"""Sources and sensors: noise covariances, whitening, and what is believed of sources beforehand.

All in float64: lead fields and covariances span many orders of magnitude.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Standard deviation of the noise of a sensor where no covariance is given: gradiometers in T/m,
#: magnetometers in T, EEG in V (the values of ``mne.make_ad_hoc_cov``).
SENSOR_NOISE = {"grad": 5e-13, "mag": 20e-15, "eeg": 0.2e-6}

#: Directions of a noise covariance whose variance is this small a share of the largest are those
#: that projections (SSP, average reference) took out.
RANK_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False)
class SourceModel:
    """How sources become measurements of one group of sensors.

    Parameters
    ----------
    gain : Tensor of shape (n_sensors, n_columns)
        What a unit of each source component gives at each sensor, projections applied.
    noise_cov : Tensor of shape (n_sensors, n_sensors)
    blocks : sequence of Tensor of int
        Sensors of each type, whose noise is whitened apart from that of the others.
    n_components : int
        Columns of one source: 3 where its orientation is free, 1 where it is fixed.
    depth : float
        Exponent of the depth weighting.
    n_reweightings : int
        Steps of learning the variances of sources from the measurements.
    """

    gain: Tensor
    noise_cov: Tensor
    blocks: Sequence[Tensor]
    n_components: int
    depth: float
    n_reweightings: int

    def whitened(self, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the whitener of some sensors, and their whitened gain.

        Parameters
        ----------
        present : Tensor of bool of shape (n_sensors,)

        Returns
        -------
        whitener : Tensor of shape (rank, n_present)
        gain : Tensor of shape (rank, n_columns)
        """
        rows, place = present.nonzero()[:, 0], present.cumsum(0) - 1
        blocks = [place[block[present[block]]] for block in self.blocks]
        found = whitener(self.noise_cov[rows][:, rows], [b for b in blocks if len(b)])
        return found, found @ self.gain[rows]

    def variances(self, gain: Tensor, covariance: Tensor) -> Tensor:
        """Return the variance of each source component, shape (n_columns,).

        Depth weighting first, then as many steps of learning as asked for.

        Parameters
        ----------
        gain : Tensor of shape (rank, n_columns)
            Whitened.
        covariance : Tensor of shape (rank, rank)
            Of the whitened measurements; noise has a variance of 1.
        """
        size = self._per_source(gain.square().sum(0))
        found = torch.where(size > 0, size.clamp(min=1e-300) ** -self.depth, 0.0)
        found = found * covariance.trace() / (found * size).sum()
        eye = torch.eye(len(gain), dtype=gain.dtype, device=gain.device)
        for _ in range(self.n_reweightings):
            spread = found.repeat_interleave(self.n_components)
            filters = torch.linalg.solve((gain * spread) @ gain.mT + eye, gain)
            power = self._per_source((filters * (covariance @ filters)).sum(0))
            expected = self._per_source((filters * gain).sum(0)).clamp(min=1e-300)
            found = found * (power / expected).sqrt()
        return found.repeat_interleave(self.n_components)

    def _per_source(self, values: Tensor) -> Tensor:
        return values.unflatten(0, (-1, self.n_components)).sum(1)


def whitener(covariance: Tensor, blocks: Sequence[Tensor]) -> Tensor:
    """Return what makes noise white: its covariance after it is the identity of its rank.

    Parameters
    ----------
    covariance : Tensor of shape (n_sensors, n_sensors)
    blocks : sequence of Tensor of int
        Sensors that are whitened together; covariances between blocks are left out.

    Returns
    -------
    Tensor of shape (rank, n_sensors)

    Examples
    --------
    >>> whitener(torch.diag(torch.tensor([4.0, 0.0])), [torch.arange(2)])
    tensor([[0.5000, 0.0000]])
    """
    parts = []
    for block in blocks:
        values, vectors = torch.linalg.eigh(covariance[block][:, block])
        keep = values > RANK_TOLERANCE * values[-1]
        part = covariance.new_zeros(int(keep.sum()), len(covariance))
        part[:, block] = (vectors[:, keep] / values[keep].sqrt()).mT
        parts.append(part)
    return torch.cat(parts)


def projected(gain: Tensor, covariance: Tensor, blocks: Sequence[Tensor]) -> Tensor:
    """Return a gain without the directions that noise has no variance in.

    A projection that was applied to measurements, such as SSP or the average reference of EEG, is
    seen in the covariance of their noise, and has to be applied to the gain as well.

    Parameters
    ----------
    gain : Tensor of shape (n_sensors, n_columns)
    covariance, blocks
        As for :func:`whitener`.
    """
    out = gain.clone()
    for block in blocks:
        values, vectors = torch.linalg.eigh(covariance[block][:, block])
        gone = vectors[:, values <= RANK_TOLERANCE * values[-1]]
        out[block] -= gone @ (gone.mT @ gain[block])
    return out
