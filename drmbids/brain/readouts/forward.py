"""Lead fields from arrays, files and MNE forward solutions."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from drmbids.data.tools.exceptions import DataError, ModelError
from drmbids.maths.signals.lead_field import SENSOR_NOISE


@dataclass(frozen=True, eq=False)
class Sensors:
    """A lead field and what is known of its sensors.

    Parameters
    ----------
    gain : array of shape (n_sensors, n_columns)
    noise_cov : array of shape (n_sensors, n_sensors), optional
    sensor_types : tuple of str
        One for each sensor.
    """

    gain: np.ndarray
    noise_cov: np.ndarray | None
    sensor_types: tuple[str, ...]

    def __post_init__(self) -> None:
        n, cov = len(self.gain), self.noise_cov
        if self.gain.ndim != 2 or not np.isfinite(self.gain).all():
            raise ModelError(f"a gain is a matrix of numbers, got shape {self.gain.shape}")
        if len(self.sensor_types) != n:
            raise ModelError(f"{len(self.sensor_types)} sensor types for a gain of {n} rows")
        if cov is None:
            return
        if cov.shape != (n, n) or not np.isfinite(cov).all() or not np.allclose(cov, cov.T):
            raise ModelError(f"noise_cov needs to be symmetric, ({n}, {n}), got shape {cov.shape}")
        if (np.diag(cov) <= 0).any():
            sensor = int(np.flatnonzero(np.diag(cov) <= 0)[0])
            raise ModelError(f"noise_cov gives sensor {sensor} no noise; leave the sensor out")

    def covariance(self) -> Tensor:
        """Return the covariance of the noise, (n_sensors, n_sensors), an assumed one if need be."""
        if self.noise_cov is not None:
            return torch.from_numpy(self.noise_cov)
        types = np.array(self.sensor_types)
        sd = np.array([SENSOR_NOISE.get(kind, 1.0) for kind in self.sensor_types])
        cov = np.diag(sd**2)
        eeg = np.flatnonzero(types == "eeg")
        if len(eeg) > 1:
            average = average_reference(types)
            cov = average @ cov @ average.T
        return torch.from_numpy(cov)


def average_reference(sensor_types: ArrayLike) -> np.ndarray:
    """Return the projection that takes the mean of all EEG sensors out of each.

    Parameters
    ----------
    sensor_types : array of str of shape (n_sensors,)

    Returns
    -------
    array of shape (n_sensors, n_sensors)

    Examples
    --------
    >>> average_reference(["eeg", "eeg", "mag"])
    array([[ 0.5, -0.5,  0. ],
           [-0.5,  0.5,  0. ],
           [ 0. ,  0. ,  1. ]])
    """
    eeg = (np.asarray(sensor_types) == "eeg").astype(float)
    return np.eye(len(eeg)) - np.outer(eeg, eeg) / max(eeg.sum(), 1.0)


def read_lead_field(
    file: str | None,
    gain: ArrayLike | None,
    noise_cov: ArrayLike | None,
    sensor_types: Sequence[str] | None,
    n_sensors: int,
) -> Sensors:
    """Return a lead field from what a readout was given.

    Parameters
    ----------
    file : str, optional
        An ``.npz`` file.
    gain : array of shape (n_sensors, n_columns), optional
        One source for each sensor where there is neither.
    noise_cov : array of shape (n_sensors, n_sensors), optional
    sensor_types : sequence of str, optional
    n_sensors : int
        Where there is no gain.

    Raises
    ------
    DataError
        If the file cannot be read, or has no array ``gain``.
    ModelError
        If sizes do not fit, or there are a file and a gain.
    """
    held: dict[str, np.ndarray] = {}
    if file is not None:
        if gain is not None:
            raise ModelError(f"a gain, and one in {file}; give one of them")
        try:
            with np.load(file, allow_pickle=False) as opened:
                held = {name: opened[name] for name in opened.files}
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(f"{file}: no lead field can be read from it: {error}") from error
        if "gain" not in held:
            raise DataError(f"{file}: no array 'gain', only {sorted(held)}; write one")
        gain = held["gain"]
    matrix = np.eye(n_sensors) if gain is None else np.asarray(gain, dtype=float)
    noise_cov = held.get("noise_cov") if noise_cov is None else noise_cov
    types = held.get("sensor_types", ["sensor"] * len(matrix)) if sensor_types is None else None
    return Sensors(
        matrix,
        None if noise_cov is None else np.asarray(noise_cov, dtype=float),
        tuple(str(kind) for kind in (sensor_types if types is None else types)),
    )


def save_lead_field(
    path: str | Path,
    gain: ArrayLike,
    noise_cov: ArrayLike | None = None,
    sensor_types: Sequence[str] | None = None,
) -> None:
    """Write a lead field as the ``.npz`` file that a model file names (``file: lead_field.npz``).

    Parameters
    ----------
    path : str or Path
    gain : array of shape (n_sensors, n_columns)
    noise_cov : array of shape (n_sensors, n_sensors), optional
    sensor_types : sequence of str, optional

    Raises
    ------
    ModelError
        If sizes do not fit.
    """
    found = read_lead_field(None, gain, noise_cov, sensor_types, 0)
    held = {"gain": found.gain, "sensor_types": np.array(found.sensor_types)}
    if found.noise_cov is not None:
        held["noise_cov"] = found.noise_cov
    np.savez(path, **held)


def sensors_of(forward: Any, noise_cov: Any = None, ch_names: Sequence[str] = ()) -> Sensors:
    """Return the lead field of an MNE forward solution.

    Projections of the covariance (SSP), and the average reference of EEG, are applied to it; the
    measurements need to have them applied as well (``evoked.apply_proj()``).

    Parameters
    ----------
    forward : mne.Forward
        Of free or of fixed orientations.
    noise_cov : mne.Covariance, optional
    ch_names : sequence of str
        Sensors, in the order of the measured columns; those of the forward solution when empty.

    Raises
    ------
    DataError
        If a sensor is not in the forward solution or the covariance.
    """
    import mne  # noqa: PLC0415 - optional, and needed here only

    names = list(ch_names) or list(forward["sol"]["row_names"])
    rows = _places(names, forward["sol"]["row_names"], "the forward solution")
    info = forward["info"]
    of_info = {name: mne.channel_type(info, k) for k, name in enumerate(info["ch_names"])}
    types = tuple(of_info[name] for name in names)
    gain = np.asarray(forward["sol"]["data"], dtype=float)[rows]
    if noise_cov is None:
        return Sensors(gain, None, types)
    places = _places(names, noise_cov.ch_names, "the noise covariance")
    data = np.asarray(noise_cov.data, dtype=float)
    cov = np.diag(data[places]) if data.ndim == 1 else data[np.ix_(places, places)]
    project = _projector(noise_cov["projs"], names, types)
    return Sensors(gain, project @ cov @ project.T, types)


def _projector(projs: Sequence[Any], names: Sequence[str], types: Sequence[str]) -> np.ndarray:
    """Return what takes signal-space projections and the mean of EEG out of some sensors."""
    vectors = [[float(kind == "eeg") for kind in types]]
    for proj in projs:
        columns = {name: k for k, name in enumerate(proj["data"]["col_names"])}
        for vector in proj["data"]["data"]:
            vectors.append([vector[columns[name]] if name in columns else 0.0 for name in names])
    u, s, _ = np.linalg.svd(np.array(vectors).T, full_matrices=False)
    kept = u[:, s > 1e-9 * max(s[0], 1e-300)]
    return np.eye(len(names)) - kept @ kept.T


def _places(names: Sequence[str], there: Sequence[str], where: str) -> list[int]:
    missing = sorted(set(names) - set(there))
    if missing:
        raise DataError(f"sensors {missing[:5]} are not in {where}; leave them out")
    return [list(there).index(name) for name in names]
