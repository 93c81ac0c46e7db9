"""Correlation and R2 of predicted with measured series, element-wise missing data left out."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from drmbids.data.runs.freedom import LEAST_FREEDOM, freedom_left
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.training_nuisance import TrainingNuisance

# A series counts as constant when what is left after its mean (or nuisance) is taken out is this
# small a share of it: above the rounding of float64, far below any measured fluctuation.
CONSTANT_TOLERANCE = 1e-10


def correlation(
    measured: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return Pearson's r of each target.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target.
    predicted : array of shape (n_measured, n_targets)
        Predictions of the same elements.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.

    Returns
    -------
    array of shape (n_targets,)
        NaN where either series is constant over the measured elements.

    Raises
    ------
    DataError
        If the shapes differ.

    Examples
    --------
    >>> measured = np.array([[1.0], [2.0], [np.nan], [3.0]])
    >>> correlation(measured, np.array([[2.0], [4.0], [9.0], [6.0]])).round(6)
    array([1.])
    """
    there = _present(measured, predicted)
    m, p = centred(measured, there, weights), centred(predicted, there, weights)
    if weights is not None:
        root = np.sqrt(weights)
        m, p = root * m, root * p
    norms = np.linalg.norm(m, axis=0) * np.linalg.norm(p, axis=0)
    # rounding can lift |r| of a perfect prediction a hair above 1
    return np.clip(ratio((m * p).sum(0), norms), -1.0, 1.0)


def r2(
    measured: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the coefficient of determination of each target, ``1 - SSE / SST``.

    Parameters
    ----------
    measured : array of shape (n_measured, n_targets)
        NaN elements are left out, each for its own target; SST is taken around the mean of
        the others.
    predicted : array of shape (n_measured, n_targets)
        Predictions of the same elements.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much each element counts; all alike when absent.

    Returns
    -------
    array of shape (n_targets,)
        NaN where the measured series is constant.

    Raises
    ------
    DataError
        If the shapes differ.

    Examples
    --------
    >>> r2(np.array([[1.0], [2.0], [3.0]]), np.array([[2.0], [2.0], [2.0]]))
    array([0.])
    """
    there = _present(measured, predicted)
    error = np.where(there, measured - predicted, 0.0)
    total = centred(measured, there, weights)
    w = 1.0 if weights is None else weights
    return 1.0 - ratio((w * error**2).sum(0), (w * total**2).sum(0))


def score_run(
    run: Run,
    predicted: np.ndarray,
    regions: Mapping[str, int],
    nuisance: Nuisance,
    trained: Run | None = None,
) -> pd.DataFrame:
    """Score the prediction of one run, with the nuisance taken out of both series.

    The weights of drift and confounds belong to one run and cannot be predicted, so neither
    series is credited or charged for them; see :func:`without_nuisance`. Where the responses of
    the run have weights, elements count by these, in what is taken out and in the scores.

    Parameters
    ----------
    run : Run
        The measured run.
    predicted : array of shape (n_measured, n_targets)
        Targets of all regions side by side.
    regions : mapping of str to int
        Number of targets of each region, in the order of the columns of ``predicted``.
    nuisance : Nuisance
        What is taken out of measured and predicted series alike.
    trained : Run, optional
        The run as it was trained on, where another part of it is scored.

    Returns
    -------
    DataFrame
        Columns ``region, target, r, r2``; ``target`` counts within the region.

    Raises
    ------
    DataError
        If the run lacks a region, or a shape differs from what ``regions`` says.
    """
    found = without_nuisance(run, predicted, regions, nuisance, trained)
    measured, predicted = found.measured, found.predicted
    weights = run.measured_weights(list(regions))
    return pd.DataFrame(
        {
            "region": np.repeat(list(regions), list(regions.values())),
            "target": np.concatenate([np.arange(n) for n in regions.values()]),
            "r": correlation(measured, predicted, weights),
            "r2": r2(measured, predicted, weights),
        }
    )


class Cleaned(NamedTuple):
    """Measured and predicted series without nuisance.

    Parameters
    ----------
    measured, predicted : array of shape (n_measured, n_targets)
        NaN in both where the element is missing, or nuisance leaves nothing of the target.
    complete : array of shape (n_measured, n_targets)
        The prediction also where nothing was measured.
    basis : array of shape (n_measured, rank)
        Orthonormal basis of what was fitted to the scored elements themselves.
    """

    measured: np.ndarray
    predicted: np.ndarray
    complete: np.ndarray
    basis: np.ndarray


def without_nuisance(
    run: Run,
    predicted: np.ndarray,
    regions: Mapping[str, int],
    nuisance: Nuisance,
    trained: Run | None = None,
) -> Cleaned:
    """Return measured and predicted series with the nuisance taken out.

    Of a whole run the nuisance is fitted to the run itself. Of a block held out of a run that is
    trained on, it is what the training scans foretell
    (:class:`~drmbids.maths.metrics.training_nuisance.TrainingNuisance`), for measured and predicted
    series alike, and then the mean of the block.

    Parameters
    ----------
    run : Run
        The measured run.
    predicted : array of shape (n_measured, n_targets)
        Targets of all regions side by side.
    regions : mapping of str to int
        Number of targets of each region, in the order of the columns of ``predicted``.
    nuisance : Nuisance
        What is taken out.
    trained : Run, optional
        The run as it was trained on, where another part of it is scored.

    Returns
    -------
    Cleaned

    Raises
    ------
    DataError
        If the run lacks a region, a shape differs from what ``regions`` says, or too few scans
        were trained on.
    """
    measured = measured_values(run, regions)
    if np.shape(predicted) != measured.shape:
        raise DataError(
            f"{run.label}: predicted {np.shape(predicted)}, measured {measured.shape}; "
            "both must be (n_measured, n_targets)"
        )
    basis = nuisance.basis(run, run.measured_times(list(regions)))
    weights = run.measured_weights(list(regions))
    if trained is not None and basis.shape[1]:
        try:
            seen = measured_values(trained, regions)
            fit = TrainingNuisance(basis, seen, weights)
        except DataError as error:
            raise DataError(f"{run.label}: {error}") from None
        asked = np.isfinite(measured)
        whole = np.where(asked, measured, seen)
        measured = np.where(asked, without_rounding(fit.out_of(whole), whole, asked), np.nan)
        predicted = without_rounding(fit.out_of(predicted), predicted, asked)
        basis = np.full((len(measured), 1), len(measured) ** -0.5)
    if basis.shape[1]:
        measured = np.where(freedom_left(measured, basis) < LEAST_FREEDOM, np.nan, measured)
    # the same elements missing in both, so that both lose the same subspace
    scored = np.where(np.isfinite(measured), predicted, np.nan)
    left = remainder(basis, scored, weights)
    if trained is None:
        complete = remainder(basis, predicted)
    else:  # around the same mean as the elements that are scored
        count = np.isfinite(scored).sum(0)
        complete = predicted - np.nansum(scored - left, axis=0) / np.maximum(count, 1)
    return Cleaned(remainder(basis, measured, weights), left, complete, basis)


def measured_values(run: Run, regions: Mapping[str, int]) -> np.ndarray:
    """Return the measured series of the regions side by side, shape (n_measured, n_targets).

    Raises
    ------
    DataError
        If the run lacks a region, or the region has another number of targets.
    """
    check_regions(run, regions)
    return np.concatenate([run.responses[region].values for region in regions], axis=1)


def check_regions(run: Run, regions: Mapping[str, int]) -> None:
    """Raise unless a run has the regions, with so many targets, measured at the same times.

    Parameters
    ----------
    run : Run
    regions : mapping of str to int

    Raises
    ------
    DataError
        As the summary says.
    """
    for region, n_targets in regions.items():
        if region not in run.responses:
            raise DataError(
                f"{run.label}: no response {region!r}; it has {list(run.responses)}, "
                f"needed are {list(regions)}"
            )
        found = run.responses[region].values.shape[1]
        if found != n_targets:
            raise DataError(
                f"{run.label}: response {region!r} has {found} targets, expected {n_targets}"
            )
    run.measured_times(list(regions))  # raises where the regions do not share their times


def _present(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return which elements are measured, after a check of the shapes."""
    if np.ndim(measured) != 2 or np.shape(measured) != np.shape(predicted):
        raise DataError(
            f"measured {np.shape(measured)} and predicted {np.shape(predicted)} must both be "
            "(n_measured, n_targets)"
        )
    return np.isfinite(measured)


def centred(values: np.ndarray, there: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return the values around the mean of those there, zero elsewhere and where constant.

    Parameters
    ----------
    values : array of shape (n_measured, n_targets)
    there : array of bool of shape (n_measured, n_targets)
        Which elements count.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        How much; all alike when absent.
    """
    values = np.where(there, values, 0.0)
    if weights is None:
        mean = values.sum(0) / np.maximum(there.sum(0), 1)
    else:
        total = (weights * there).sum(0)
        mean = (weights * values).sum(0) / np.where(total > 0, total, 1.0)
    centred = np.where(there, values - mean, 0.0)
    return without_rounding(centred, values)


def remainder(
    basis: np.ndarray, values: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return what the basis leaves of the values; exactly zero where that is rounding alone.

    Parameters
    ----------
    basis : array of shape (n_measured, rank)
    values : array of shape (n_measured, n_targets)
        NaN stays NaN.
    weights : array of shape (n_measured, 1) or (n_measured, n_targets), optional
        As for :func:`~drmbids.data.runs.nuisance.project_out`.
    """
    return without_rounding(project_out(basis, values, weights), values)


def without_rounding(
    remainder: np.ndarray, values: np.ndarray, asked: np.ndarray | None = None
) -> np.ndarray:
    """Return the remainder with zeros in columns where it is rounding error of the values.

    Parameters
    ----------
    remainder, values : array of shape (n_measured, n_targets)
    asked : array of bool of shape (n_measured, n_targets), optional
        The elements that tell; default: all.
    """
    looked_at = remainder if asked is None else np.where(asked, remainder, 0.0)
    size = np.sqrt(np.nansum(looked_at**2, axis=0))
    rounding = size <= CONSTANT_TOLERANCE * np.sqrt(np.nansum(values**2, axis=0))
    return np.where(rounding & np.isfinite(remainder), 0.0, remainder)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return numerator / denominator, NaN where the denominator is not positive.

    Parameters
    ----------
    numerator, denominator : array of one shape
    """
    out = np.full(denominator.shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)
