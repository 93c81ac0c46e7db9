"""What no stimulus explains: run intercept, slow drift, confounds. Fitted anew in every run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from drmbids.data.runs.run import Run
from drmbids.data.tools.arguments import positive_number, shortly, whole_number
from drmbids.data.tools.exceptions import DataError, UsageError

# Singular values below this share of the largest count as zero: the confounds of real data are
# often copies or sums of one another, but for the digits that a file keeps. It is given to every
# least-squares solution, since rounding, which differs between processors, decides otherwise.
RANK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Nuisance:
    """The regressors that are fitted, without penalty, in each run on its own.

    Because their weights belong to one run, they say nothing about another: predictions for a
    new run come without them, and they are taken out of the measured and the predicted series
    before the two are compared.

    Parameters
    ----------
    drift : {"polynomial", "cosine", "none"}
        Kind of slow drift beside the intercept.
    order : int
        Order of the polynomial drift; 2 is constant, linear and quadratic.
    high_pass : float
        Cut-off of the cosine drift in Hz (nilearn's and SPM's discrete cosine set).
    confounds : bool
        Whether the run's confound columns belong to the nuisance.

    Examples
    --------
    >>> Nuisance(order=1).drifts(np.array([0.0, 1.0, 2.0])).round(2)
    array([[ 1., -1.],
           [ 1.,  0.],
           [ 1.,  1.]])
    """

    drift: Literal["polynomial", "cosine", "none"] = "polynomial"
    order: int = 2
    high_pass: float = 0.01
    confounds: bool = True

    def __post_init__(self) -> None:
        if self.drift not in ("polynomial", "cosine", "none"):
            raise UsageError(f"drift must be polynomial, cosine or none, got {self.drift!r}")
        whole_number("order", self.order)
        positive_number("high_pass", self.high_pass)

    def drifts(self, times: np.ndarray) -> np.ndarray:
        """Return intercept and drifts at the times, shape (n_times, 1 + n_drifts)."""
        n = len(times)
        if self.drift == "none":
            return np.ones((n, 1))
        if self.drift == "polynomial":
            middle, half = (times[-1] + times[0]) / 2, max((times[-1] - times[0]) / 2, 1e-12)
            return ((times - middle) / half)[:, None] ** np.arange(self.order + 1)
        if n == 1:
            return np.ones((1, 1))
        # as in nilearn and SPM: the columns of a discrete cosine transform below the cut-off
        step = (times[-1] - times[0]) / (n - 1)
        n_cosines = min(n - 1, int(np.floor(2 * n * self.high_pass * step)))
        phase = np.pi * ((times - times[0]) / step + 0.5) / n
        return np.cos(phase[:, None] * np.arange(n_cosines + 1))

    def basis(self, run: Run, times: np.ndarray) -> np.ndarray:
        """Return an orthonormal basis of the nuisance of one run at the measured times.

        Parameters
        ----------
        run : Run
            Source of the confounds.
        times : array of shape (n_measured,)
            Seconds.

        Returns
        -------
        array of shape (n_measured, rank)

        Raises
        ------
        DataError
            If the nuisance leaves no degree of freedom for the model.
        """
        basis = self.unchecked_basis(run, times)
        if len(times) and basis.shape[1] >= len(times):
            raise DataError(too_many_columns(run, basis.shape[1], len(times)))
        return basis

    def unchecked_basis(self, run: Run, times: np.ndarray) -> np.ndarray:
        """Return the same, whether or not it leaves anything."""
        if not len(times):
            return np.zeros((0, 0))
        columns = [self.drifts(times)]
        if self.confounds and run.confounds is not None:
            columns.append(confounds_at(run, times))
        design = np.concatenate(columns, axis=1)
        norms = np.linalg.norm(design, axis=0)
        u, s, _ = np.linalg.svd(design[:, norms > 0] / norms[norms > 0], full_matrices=False)
        return u[:, s > RANK_TOLERANCE * s[0]]


class NoNuisance(Nuisance):
    """No nuisance, not even an intercept: for measurements that are no sums.

    Counts, choices and times have odds or rates that an intercept of each run would change.
    """

    def basis(self, run: Run, times: np.ndarray) -> np.ndarray:
        """Return a basis without columns, shape (n_measured, 0)."""
        return np.zeros((len(times), 0))

    def unchecked_basis(self, run: Run, times: np.ndarray) -> np.ndarray:
        """Return the same."""
        return self.basis(run, times)


def given_nuisance(nuisance: Nuisance | None) -> Nuisance:
    """Return the nuisance that is given, the default one for None, or raise.

    Parameters
    ----------
    nuisance : Nuisance or None

    Raises
    ------
    UsageError
        If it is something else.

    Examples
    --------
    >>> given_nuisance(None).order
    2
    """
    if nuisance is None:
        return Nuisance()
    if not hasattr(nuisance, "unchecked_basis"):
        raise UsageError(f"nuisance must be a Nuisance, got {shortly(nuisance)}")
    return nuisance


def too_many_columns(run: Run, rank: int, n_volumes: int, n_all: int | None = None) -> str:
    """Say that drift and confounds are too many for the volumes of a run, or those kept of all."""
    kept = n_all is not None and n_all > n_volumes
    volumes = f"{n_volumes} volumes"
    if kept:
        volumes = f"the {volumes} that are kept of {n_all}"
    return (
        f"{run.label}: {rank} drift and confound columns leave nothing of {volumes}; use fewer "
        "confounds"
    )


def confounds_at(run: Run, times: np.ndarray) -> np.ndarray:
    """Return the confounds of a run at the measured times, centred, shape (n_measured, n_columns).

    Raises
    ------
    DataError
        If a confound has a missing value.
    """
    stream = run.confounds
    if stream is None:
        return np.zeros((len(times), 0))
    bad = ~np.isfinite(stream.values)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{run.label}: confound {stream.columns[column]!r} is missing in row {row}; "
            "drop the column or fill it"
        )
    if not len(times):
        return np.zeros((0, len(stream.columns)))
    if np.array_equal(stream.times, times):
        values = stream.values
    else:
        values = np.column_stack([np.interp(times, stream.times, c) for c in stream.values.T])
    return values - values.mean(0)


def project_out(
    basis: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the values with the nuisance taken out by least squares; NaN stays NaN.

    Parameters
    ----------
    basis : array of shape (n_measured, rank)
    values : array of shape (n_measured, n_targets)
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts in the fit, above 0 where a value is there; all alike when
        absent.

    Returns
    -------
    array of shape (n_measured, n_targets)
    """
    if weights is None and np.isfinite(values).all():
        return values - basis @ np.linalg.lstsq(basis, values, rcond=RANK_TOLERANCE)[0]
    out = np.full_like(values, np.nan)
    for rows, columns, root in same_weights(values, weights):
        part = values[np.ix_(rows, columns)]
        fit = np.linalg.lstsq(basis[rows] * root, part * root, rcond=RANK_TOLERANCE)[0]
        out[np.ix_(rows, columns)] = part - basis[rows] @ fit
    return out


def added_basis(basis: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of what columns explain beyond a basis.

    Parameters
    ----------
    basis : array of shape (n_measured, n_columns)
        Its columns need not be orthonormal.
    columns : array of shape (n_measured, n_added)

    Returns
    -------
    array of shape (n_measured, rank)
        Orthogonal to the basis. A column that the basis explains, but for rounding, adds nothing.

    Examples
    --------
    >>> constant = np.ones((4, 1))
    >>> steps = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0], [1.0, 3.0]])
    >>> np.abs(added_basis(constant, steps)).round(2).T
    array([[0.5, 0.5, 0.5, 0.5]])
    """
    norms = np.linalg.norm(columns, axis=0)
    columns = columns[:, norms > 0] / norms[norms > 0]
    u, s, _ = np.linalg.svd(project_out(basis, columns), full_matrices=False)
    return u[:, s > RANK_TOLERANCE]


def same_weights(
    values: np.ndarray, weights: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield columns that have the same elements with the same weights.

    Parameters
    ----------
    values : array of shape (n_measured, n_targets)
        NaN where missing. Columns without any element are left out.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        All 1 when absent.

    Yields
    ------
    rows : array of int of shape (n_there,)
    columns : array of int of shape (n,)
    root : array of shape (n_there, 1)
        Square roots of the weights of these rows.

    Examples
    --------
    >>> values = np.array([[1.0, 1.0, np.nan], [2.0, 3.0, 4.0]])
    >>> [(rows.tolist(), columns.tolist()) for rows, columns, _ in same_weights(values)]
    [([1], [2]), ([0, 1], [0, 1])]
    """
    there = np.isfinite(values)
    # one column of weights splits no columns: only what is missing does
    marks = there
    if weights is not None and weights.shape[1] > 1:
        marks = np.where(there, weights, 0.0)
    if marks is there and there.all():
        patterns, which = np.ones((len(there), 1), dtype=bool), np.zeros(there.shape[1], dtype=int)
    else:
        patterns, which = np.unique(marks, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        rows, columns = np.flatnonzero(pattern), np.flatnonzero(which.ravel() == k)
        if rows.size:
            own = pattern if weights is None or marks is not there else weights[:, 0]
            yield rows, columns, np.sqrt(own[rows].astype(float))[:, None]
