"""Fits of several estimators at once."""

from collections.abc import Sequence
from itertools import islice

from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.training.checkpoint import Checkpoint
from drmbids.fit.training.together import Fit, train_all


def fit_together(
    estimators: Sequence[RunEstimator],
    runs: Sequence[Sequence[Run]],
    labels: Sequence[str] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Fit estimators at once: seeds, settings, folds or subjects.

    One that diverges at every learning rate tried fails alone: the others are fitted, to the same
    numbers.

    Models of one structure whose runs have the same lengths and measured times are trained side by
    side, each as its own ``fit`` would, up to rounding, as many as it pays; all others one after
    another. Small nets with few runs take a fraction of the time, and as much memory as they do
    together.

    Parameters
    ----------
    estimators : sequence of estimator
        Unfitted; fitted in place.
    runs : sequence of sequence of Run
        Training runs of each estimator.
    labels : sequence of str, optional
        Names of the fits, for messages.
    checkpoint : Checkpoint, optional
        Where training is taken up by the same call, and kept on the way
        (:mod:`drmbids.fit.training.checkpoint`).

    Raises
    ------
    TrainingError
        If a fit failed, when all others are done.

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import DRMRegressor, Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(40, 5)), 2.0 * np.arange(40))
    >>> run = Run({"V1": bold}, {"events": Events([4.0], [10.0], ["face"])}, tr=2.0)
    >>> seeds = [DRMRegressor(n_epochs=2, random_state=seed) for seed in range(3)]
    >>> fit_together(seeds, [[run]] * 3)
    >>> [len(estimator.history_) for estimator in seeds]
    [3, 3, 3]
    """
    failures = [f for f in fit_each(estimators, runs, labels, checkpoint) if f is not None]
    if failures:
        raise failures[0]


def fit_each(
    estimators: Sequence[RunEstimator],
    runs: Sequence[Sequence[Run]],
    labels: Sequence[str] | None = None,
    checkpoint: Checkpoint | None = None,
) -> list[TrainingError | None]:
    """Fit estimators as :func:`fit_together` does; return why each failed, None where it did not.

    Parameters
    ----------
    estimators, runs, labels, checkpoint
        As for :func:`fit_together`.
    """
    labels = labels or [""] * len(estimators)
    failures: list[TrainingError | None] = [None] * len(estimators)
    prepared: list[tuple[int, DRMRegressor, list[Fit]]] = []
    for k, (estimator, own, label) in enumerate(zip(estimators, runs, labels, strict=True)):
        if isinstance(estimator, DRMRegressor):
            prepared.append((k, estimator, estimator.prepare(own, label)))
        else:
            failures[k] = _fit_alone(estimator, own, label)
    ended = iter(train_all([fit for _, _, fits in prepared for fit in fits], checkpoint))
    for k, estimator, fits in prepared:
        try:
            estimator.keep_best(fits, list(islice(ended, len(fits))))
        except TrainingError as failure:
            failures[k] = failure
    return failures


def _fit_alone(estimator: RunEstimator, runs: Sequence[Run], label: str) -> TrainingError | None:
    try:
        estimator.fit(runs)
    except TrainingError as error:
        return TrainingError(f"{label}: {error}" if label else str(error))
    return None
