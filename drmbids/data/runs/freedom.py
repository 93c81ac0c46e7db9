"""Degrees of freedom that drift and confounds leave of a run."""

import warnings
from collections.abc import Sequence

import numpy as np

from drmbids.data.runs.nuisance import RANK_TOLERANCE, Nuisance, same_weights, too_many_columns
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, DataWarning

#: Degrees of freedom that nuisance has to leave: with a single one r is 1 or -1, come what may.
LEAST_FREEDOM = 2


def freedom_left(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return how many degrees of freedom the nuisance leaves of each target.

    Parameters
    ----------
    values : array of shape (n_measured, n_targets)
        NaN where missing: a volume without a value costs a degree of freedom.
    basis : array of shape (n_measured, rank)
        Orthonormal, of the nuisance at all measured times.

    Returns
    -------
    array of int of shape (n_targets,)
        Zero for a target without any value.

    Examples
    --------
    >>> values = np.array([[1.0, np.nan], [2.0, 3.0], [4.0, 1.0]])
    >>> freedom_left(values, np.full((3, 1), 3**-0.5))
    array([2, 1])
    """
    left = np.zeros(values.shape[1], dtype=int)
    for rows, columns, _ in same_weights(values):
        whole = len(rows) == len(values)
        rank = basis.shape[1] if whole else np.linalg.matrix_rank(basis[rows], RANK_TOLERANCE)
        left[columns] = len(rows) - rank
    return left


def nothing_left(run: Run, *nuisances: Nuisance) -> str | None:
    """Say why the nuisance leaves nothing of a run to predict, None where it leaves enough.

    Enough is a target with two volumes more than there are independent drift and confound columns
    at its measured times. A nuisance without columns takes nothing.

    Parameters
    ----------
    run : Run
        Volumes that were scrubbed are missing (NaN) in its responses, or not there.
    *nuisances : Nuisance
        Of each readout; the run is of use where one of them leaves enough.

    Returns
    -------
    str or None
        One line, which begins with the label of the run.

    Examples
    --------
    >>> from drmbids.data.runs.stream import Stream
    >>> run = Run({"V1": Stream(np.arange(4.0)[:, None], 2.0 * np.arange(4))}, tr=2.0)
    >>> nothing_left(run, Nuisance(order=2))
    'run: 3 drift and confound columns leave nothing of 4 volumes; use fewer confounds'
    >>> nothing_left(run, Nuisance(order=1)) is None
    True
    """
    text = None
    for nuisance in nuisances:
        rank, n_volumes, freedom = freedom_of(run, nuisance)
        measured = any(len(stream.times) for stream in run.responses.values())
        if freedom >= LEAST_FREEDOM or (measured and not rank):
            return None
        if run.responses:
            n_all = max(len(stream.times) for stream in run.responses.values())
            text = too_many_columns(run, rank, n_volumes, n_all)
    return text


def freedom_of(run: Run, nuisance: Nuisance) -> tuple[int, int, int]:
    """Return how many columns a nuisance has in a run, of how many volumes, and what they leave.

    Parameters
    ----------
    run : Run
        Volumes that were scrubbed are missing (NaN) in its responses, or not there.
    nuisance : Nuisance

    Returns
    -------
    rank : int
        Independent columns at all measured times.
    n_volumes : int
        Volumes of the target that most is left of.
    freedom : int
        Degrees of freedom that are left of that target.
    """
    rank, n_volumes, freedom = 0, 0, 0
    for stream in run.responses.values():
        basis = nuisance.unchecked_basis(run, stream.times)
        counts = np.isfinite(stream.values).sum(0)
        # most targets have the same gaps; one of them is looked at first
        first = stream.values[:, [np.argmax(counts)]] if counts.size else stream.values
        for some in (first, stream.values):
            left = freedom_left(some, basis)
            best = int(left.argmax()) if left.size else 0
            most = int(np.isfinite(some[:, best]).sum()) if left.size else 0
            if (left.max(initial=0), most) >= (freedom, n_volumes):
                rank, n_volumes, freedom = basis.shape[1], most, int(left.max(initial=0))
            if freedom >= LEAST_FREEDOM:
                return rank, n_volumes, freedom
    return rank, n_volumes, freedom


def runs_with_freedom(runs: Sequence[Run], *nuisances: Nuisance) -> list[Run]:
    """Return the runs of which the nuisance leaves something, and warn of the others.

    Parameters
    ----------
    runs : sequence of Run
    *nuisances : Nuisance
        As for :func:`nothing_left`.

    Raises
    ------
    DataError
        If it leaves nothing of any run.

    Warns
    -----
    DataWarning
        Of each run that is left out, in one line.
    """
    why = [nothing_left(run, *nuisances) for run in runs]
    if runs and all(why):
        raise DataError(str(why[0]))
    for text in filter(None, why):
        warnings.warn(f"run left out: {text}", DataWarning, stacklevel=3)
    return [run for run, text in zip(runs, why, strict=True) if text is None]
