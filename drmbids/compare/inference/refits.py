"""Standard errors from models fitted again, side by side, to other choices of the same data."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from drmbids.compare.inference.laplace import Spread
from drmbids.compare.inference.quantities import Quantities
from drmbids.compare.inference.slopes import in_double
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.together import fit_together
from drmbids.fit.training.checkpoint import Checkpoint

#: Fewer runs than this have too few different resamples.
LEAST_RUNS = 5

#: Blocks that a jackknife leaves out in turn; whole runs where there are as many.
N_BLOCKS = 10

#: Fewer volumes than this are no block: neighbouring ones tell the same.
LEAST_BLOCK = 8


def bootstrap(
    estimator: DRMRegressor,
    runs: Sequence[Run],
    quantities: Quantities,
    n_resamples: int,
    rng: np.random.Generator,
    checkpoint: Checkpoint | None = None,
) -> Spread:
    """Return standard errors from fits to runs drawn with replacement.

    The standard deviation over resamples is too small by ``sqrt((n - 1) / n)`` for ``n`` runs, and
    percentiles are as well (Hesterberg 2015, The American Statistician 69:371-386). So the standard
    error is scaled up, and has ``n - 1`` degrees of freedom.

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted on the runs.
    runs : sequence of Run
    quantities : Quantities
    n_resamples : int
    rng : numpy.random.Generator
    checkpoint : Checkpoint, optional
        As for :func:`refit`.

    Raises
    ------
    DataError
        If there are fewer than five runs.
    UsageError
        If resamples are fewer than two.
    """
    check_resamples("bootstrap", runs)
    n = len(runs)
    if n_resamples < 2:
        raise UsageError(f"need n_resamples >= 2, got {n_resamples}")
    drawn = rng.integers(n, size=(n_resamples, n))
    choices = [[runs[k] for k in choice] for choice in drawn]
    found = refit(estimator, choices, quantities, checkpoint)
    error = found.std(0, ddof=1) * np.sqrt(n / (n - 1))
    return Spread(error, n - 1, found.mean(0) - quantities.free(in_double(estimator.net_)))


def jackknife(
    estimator: DRMRegressor,
    runs: Sequence[Run],
    quantities: Quantities,
    checkpoint: Checkpoint | None = None,
) -> Spread:
    """Return standard errors from fits that leave out each of about ten blocks of volumes in turn.

    Blocks are whole runs where there are ten or more; otherwise runs are cut into as many equal
    parts as it takes, which may serve one long run. What is left out is missing, its stimuli are
    not. For ``n`` blocks the variance is ``(n - 1) / n`` times the sum of squares over fits, with
    ``n - 1`` degrees of freedom (Kunsch 1989, The Annals of Statistics 17:1217-1241).

    Parameters
    ----------
    estimator : DRMRegressor
        Fitted on the runs.
    runs : sequence of Run
    quantities : Quantities
    checkpoint : Checkpoint, optional
        As for :func:`refit`.

    Raises
    ------
    DataError
        If a block has fewer than eight volumes.
    """
    check_resamples("jackknife", runs)
    blocks = _blocks(runs)
    left_out = [
        [without(run, block) if j == k else run for j, run in enumerate(runs)]
        for k, block in blocks
    ]
    found, n = refit(estimator, left_out, quantities, checkpoint), len(blocks)
    error = np.sqrt((n - 1) ** 2 / n * found.var(0, ddof=1))
    return Spread(error, n - 1, found.mean(0) - quantities.free(in_double(estimator.net_)))


def check_resamples(method: str, runs: Sequence[Run]) -> None:
    """Raise if runs are too few, or too short, for a method that fits models again.

    Parameters
    ----------
    method : str
        ``"bootstrap"`` or ``"jackknife"``; others need no further fit.
    runs : sequence of Run

    Raises
    ------
    DataError
        With how many there are, and how many it takes.
    """
    if method == "bootstrap" and len(runs) < LEAST_RUNS:
        raise DataError(
            f"a bootstrap over {len(runs)} runs has too few different resamples, it needs "
            f"{LEAST_RUNS} runs; use the jackknife or laplace"
        )
    if method == "jackknife":
        blocks = _blocks(runs)
        shortest = min(len(block) for _, block in blocks)
        if shortest < LEAST_BLOCK:
            raise DataError(
                f"a jackknife over {len(blocks)} blocks of {shortest} volumes, each needs "
                f"{LEAST_BLOCK}; use the bootstrap over {LEAST_RUNS} runs or more, or laplace"
            )


def _blocks(runs: Sequence[Run]) -> list[tuple[int, np.ndarray]]:
    """Return the blocks of a jackknife: the number of a run, and rows of its responses."""
    per_run = -(-N_BLOCKS // len(runs))
    return [
        (k, block)
        for k, run in enumerate(runs)
        for block in np.array_split(np.arange(len(run.measured_times())), per_run)
    ]


def without(run: Run, block: np.ndarray) -> Run:
    """Return a run whose responses are missing at some volumes.

    Parameters
    ----------
    run : Run
    block : array of int
        Rows of the responses.
    """
    responses = {}
    for name, stream in run.responses.items():
        values = np.array(stream.values, dtype=float)
        values[block] = np.nan
        responses[name] = replace(stream, values=values)
    return replace(run, responses=responses)


def refit(
    estimator: DRMRegressor,
    choices: Sequence[Sequence[Run]],
    quantities: Quantities,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """Return the quantities of models fitted to each choice of runs, without limits.

    Every fit starts from the seed of the estimator.

    Parameters
    ----------
    estimator : DRMRegressor
    choices : sequence of sequence of Run
    quantities : Quantities
    checkpoint : Checkpoint, optional
        Where the fits are taken up, and kept on the way.

    Returns
    -------
    array of shape (n_choices, n_quantities)
    """
    fits: list[Any] = [clone(estimator) for _ in choices]
    for fit in fits:
        # what predictions are averaged with does not move what is estimated
        fit.set_params(callbacks=(), stacking="none")
    labels = [f"resample {k} of {len(choices)}" for k in range(1, len(choices) + 1)]
    fit_together(fits, choices, labels, checkpoint)
    return np.array([quantities.free(in_double(fit.net_)) for fit in fits])
