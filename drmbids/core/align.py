"""A run on the ticks of a model: the one place where stimuli and responses meet a time grid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drmbids.core.exceptions import DataError
from drmbids.core.nuisance import Nuisance, confounds_at
from drmbids.core.run import Run
from drmbids.core.time import TimeGrid


@dataclass(frozen=True, eq=False)
class AlignedRun:
    """What a model needs of one run, as arrays.

    Parameters
    ----------
    grid : TimeGrid
        The ticks.
    stimuli : sequence of array of shape (n_ticks, n_columns)
        One array for each stimulus of the model, in its order.
    times : array of shape (n_measured,)
        Measured times in seconds; these are not rounded to ticks.
    response : array of shape (n_measured, n_targets) or None
        Targets of all responses side by side, NaN where missing.
    confounds : array of shape (n_measured, n_confounds)
        Confounds at the measured times, centred.
    nuisance : array of shape (n_measured, rank)
        Orthonormal basis of what is fitted in this run alone.
    """

    grid: TimeGrid
    stimuli: Sequence[np.ndarray]
    times: np.ndarray
    response: np.ndarray | None
    confounds: np.ndarray
    nuisance: np.ndarray


def align(
    run: Run,
    resolution: float,
    stimuli: Mapping[str, Sequence[str]],
    responses: Sequence[str],
    nuisance: Nuisance,
) -> AlignedRun:
    """Put a run on a time grid.

    Parameters
    ----------
    run : Run
        The data.
    resolution : float
        Seconds per tick.
    stimuli : mapping of str to sequence of str
        Stimuli of the model and their columns. A column that the run lacks is zero.
    responses : sequence of str
        Responses of the model, in the order of its targets.
    nuisance : Nuisance
        What is fitted in each run on its own.

    Returns
    -------
    AlignedRun

    Raises
    ------
    DataError
        If the run has some of the responses but not all.
    """
    grid = TimeGrid.covering(float(run.duration or 0.0), resolution)
    sampled = []
    for name, columns in stimuli.items():
        out = np.zeros((grid.n_ticks, len(columns)))
        source = run.stimuli.get(name)
        if source is not None:
            values, where = source.sample(grid), {c: k for k, c in enumerate(source.columns)}
            for k, column in enumerate(columns):
                if column in where:
                    out[:, k] = values[:, where[column]]
        sampled.append(out)
    missing = [name for name in responses if name not in run.responses]
    if missing and len(missing) < len(responses):
        raise DataError(f"{run.label}: no response {missing}; it has {list(run.responses)}")
    times = run.measured_times([] if missing else responses)
    response = None
    if responses and not missing:
        response = np.concatenate([run.responses[n].values for n in responses], axis=1)
    return AlignedRun(
        grid, sampled, times, response, confounds_at(run, times), nuisance.basis(run, times)
    )
