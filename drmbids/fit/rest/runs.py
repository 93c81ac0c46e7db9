"""Runs that a brain at rest is fitted to, and runs of a fitted one by the full equations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from drmbids.brain.simulation.rest import simulate_rest
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import Targets, match_targets, targets_of
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.base import as_runs


def simulate_fitted(brain: Any, duration: float, **options: Any) -> Run:
    """Return a run of a fitted brain.

    Parameters
    ----------
    brain : WholeBrain
    duration : float
        Seconds.
    **options
        Of :func:`~drmbids.simulate_rest`, over those of the fit.
    """
    masses, tracts = brain.model_.masses, brain.model_.tracts
    share = brain.model_.measured.value("noise").item()
    settings = {
        "mass": brain.mass,
        "values": {k: masses.value(k).detach().tolist() for k in (*masses.constants, "sigma")},
        "initial": dict(zip(masses.variables, brain.model_.rest.tolist(), strict=True)),
        "velocity": tracts.value("velocity").item(),
        "measurement": brain.measurement,
        "tr": brain.spectra_.step,
        # white noise has a share of the power in the band, not of all
        "noise": noise_over_series(brain, share),
    }
    return simulate_rest(
        brain.weights_table(),
        brain.lengths,
        duration=duration,
        coupling=1.0,
        **{**settings, **options},
    )


def noise_over_series(brain: Any, share: float) -> float:
    """Return the standard deviation of measurement noise over that of a noiseless series.

    Parameters
    ----------
    brain : WholeBrain
    share : float
        Of the noise in the power of the band.
    """
    spectra = brain.spectra_
    n_bins = round(spectra.segment / spectra.step / 2)
    in_band = len(spectra.frequencies) / n_bins
    # power of BOLD beyond the band is next to nothing
    return (share / (1 - share) / in_band) ** 0.5


def only_runs(X: Any) -> list[Run]:
    """Return runs as a list.

    Raises
    ------
    UsageError
        If there are none.
    """
    runs = as_runs(X)
    if not runs:
        raise UsageError("a brain at rest is fitted to a list of runs")
    return runs


def training_runs(brain: Any, X: Any) -> tuple[list[Run], Targets]:
    """Return runs to fit a brain to, matched, and the names of their targets.

    Parameters
    ----------
    brain : WholeBrain
    X : sequence of Run

    Raises
    ------
    UsageError
        If there are no runs, or a labelled connectome has other regions than they.
    """
    runs = match_targets(only_runs(X))
    targets = targets_of(runs)
    _check_labels(brain, targets)
    return runs, targets


def _check_labels(brain: Any, targets: Targets) -> None:
    """Raise UsageError if a labelled connectome has other regions than the runs, or another order.

    Parameters
    ----------
    brain : WholeBrain
        Its ``weights`` and ``lengths`` may be DataFrames.
    targets : mapping of str to tuple of str
        Names of the series, side by side.
    """
    single = all(len(names) == 1 for names in targets.values())
    series = [name for names in targets.values() for name in names]
    names = list(targets) if single else series
    for what in ("weights", "lengths"):
        matrix = getattr(brain, what)
        if not isinstance(matrix, pd.DataFrame):
            continue
        for axis, labels in (("rows", matrix.index), ("columns", matrix.columns)):
            own = [str(label) for label in labels]
            if own not in (names, series) and own != [str(k) for k in range(len(own))]:
                k = next((k for k, pair in enumerate(zip(own, names)) if pair[0] != pair[1]), 0)  # noqa: B905
                raise UsageError(
                    f"{what}: {len(own)} {axis}, number {k} is {own[k]!r}, but of the "
                    f"{len(names)} series of the runs {names[k]!r}; put the connectome in their "
                    "order: weights.loc[names, names]"
                )


def as_objects(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return arrays as the elements of a 1-D array of objects."""
    out = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        out[k] = value
    return out
