"""Fits of several estimators at once."""

from collections.abc import Sequence
from itertools import islice

from drmbids.core.exceptions import TrainingError
from drmbids.core.run import Run
from drmbids.estimators.base import RunEstimator
from drmbids.estimators.drm import DRMRegressor
from drmbids.training.checkpoint import Checkpoint
from drmbids.training.together import Fit, train_all


def fit_together(
    estimators: Sequence[RunEstimator],
    runs: Sequence[Sequence[Run]],
    labels: Sequence[str] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Fit estimators at once: seeds, settings, folds or subjects.

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
        (:mod:`drmbids.training.checkpoint`).

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
    labels = labels or [""] * len(estimators)
    prepared: list[tuple[DRMRegressor, list[Fit]]] = []
    for estimator, own, label in zip(estimators, runs, labels, strict=True):
        if isinstance(estimator, DRMRegressor):
            prepared.append((estimator, estimator.prepare(own, label)))
        else:
            _fit_alone(estimator, own, label)
    objectives = iter(train_all([fit for _, fits in prepared for fit in fits], checkpoint))
    for estimator, fits in prepared:
        estimator.keep_best(fits, list(islice(objectives, len(fits))))


def _fit_alone(estimator: RunEstimator, runs: Sequence[Run], label: str) -> None:
    try:
        estimator.fit(runs)
    except TrainingError as error:
        raise TrainingError(f"{label}: {error}" if label else str(error)) from error
