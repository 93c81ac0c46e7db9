"""One fold of a cross-validation: whole runs, or the samples of runs that some stimuli reach."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from drmbids.core.run import Run


@dataclass(frozen=True)
class Fold:
    """What a fold trains on and holds out.

    Parameters
    ----------
    label : str
    train, test : tuple of int
        Indices of runs.
    trained, tested : mapping of int to array of bool of shape (n_measured,)
        For runs of which a part is trained on, or tested, its samples; other samples are missing
        (NaN) there. A run that is not in it counts whole.
    """

    label: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    trained: Mapping[int, np.ndarray] = field(default_factory=dict)
    tested: Mapping[int, np.ndarray] = field(default_factory=dict)

    def training_runs(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to train on."""
        return [_only(runs[k], self.trained.get(k)) for k in self.train]

    def test_runs(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to test on; a part of a run is named after the fold as well."""
        found = []
        for k in self.test:
            run = _only(runs[k], self.tested.get(k))
            if k in self.tested:
                run = replace(run, entities={**run.entities, "stimulus": self.label})
            found.append(run)
        return found

    def without(self, some: Collection[int]) -> "Fold":
        """Return the fold without some of the runs, by their indices."""
        train, test = (tuple(k for k in part if k not in some) for part in (self.train, self.test))
        return replace(self, train=train, test=test)


def whole_predictions(
    predictions: Mapping[str, np.ndarray], folds: Sequence[Fold], runs: Sequence[Run]
) -> list[np.ndarray]:
    """Return held-out predictions run by run, each sample from the folds that tested it.

    Parameters
    ----------
    predictions : mapping of str to array of shape (n_measured, n_targets)
        By the labels of held-out runs, or parts of runs.
    folds : sequence of Fold
    runs : sequence of Run

    Returns
    -------
    list of array of shape (n_measured, n_targets)
        The mean where several folds tested a sample, NaN where none did.
    """
    n_targets = next(iter(predictions.values())).shape[1]
    total = [np.zeros((len(run.measured_times()), n_targets)) for run in runs]
    count = [np.zeros((len(series), 1)) for series in total]
    for fold in folds:
        for k, part in zip(fold.test, fold.test_runs(runs), strict=True):
            rows = fold.tested.get(k, np.ones(len(total[k]), dtype=bool))[:, None]
            total[k] += np.where(rows, predictions[part.label], 0.0)
            count[k] += rows
    return [
        np.where(n > 0, series / np.maximum(n, 1), np.nan)
        for series, n in zip(total, count, strict=True)
    ]


def _only(run: Run, rows: np.ndarray | None) -> Run:
    """Return the run with all but some of its samples missing."""
    if rows is None:
        return run
    responses = {
        name: replace(stream, values=np.where(rows[:, None], stream.values, np.nan))
        for name, stream in run.responses.items()
    }
    return replace(run, responses=responses)
