"""One fold of a cross-validation: whole runs, or parts of runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans

#: What a fold holds out: whole runs, responses to stimuli, blocks of time, or nothing at all.
FoldKind = Literal["run", "stimulus", "block", "none"]


#: Label of the only fold where models are scored on the runs that they were fitted to.
IN_SAMPLE = "in-sample"


@dataclass(frozen=True, eq=False)
class TestedRun:
    """A run, or part of one, that a model is scored on.

    Parameters
    ----------
    run : Run
        Measured values outside what is tested are missing (NaN).
    source : str
        Label of the whole run.
    trained : Run or None
        The same run as it was trained on, whose scans alone say what drift and confounds are;
        None where these are fitted to the tested scans themselves.
    tested : Spans or None
        What is tested; None for all of it.
    """

    __test__ = False  # pytest takes classes that are named so for tests

    run: Run
    source: str
    trained: Run | None = None
    tested: Spans | None = None


@dataclass(frozen=True)
class Fold:
    """What a fold trains on and holds out.

    Parameters
    ----------
    label : str
    train, test : tuple of int
        Indices of runs.
    trained, tested : mapping of int to Spans
        For runs of which a part is trained on, or tested, when that is; samples at other times are
        missing (NaN) there. A run that is not in it counts whole.
    kind : {"run", "stimulus", "block", "none"}
        What is held out.
    """

    label: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    trained: Mapping[int, Spans] = field(default_factory=dict)
    tested: Mapping[int, Spans] = field(default_factory=dict)
    kind: FoldKind = "run"

    def training_runs(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to train on."""
        return [_only(runs[k], self.trained.get(k)) for k in self.train]

    def test_runs(self, runs: Sequence[Run]) -> list[Run]:
        """Return the runs to test on; a part of a run is named after the fold as well."""
        return [tested.run for tested in self.tested_runs(runs)]

    def tested_runs(self, runs: Sequence[Run]) -> list[TestedRun]:
        """Return the runs to test on, with what is needed to score them.

        Parameters
        ----------
        runs : sequence of Run
        """
        found = []
        for k in self.test:
            run, trained = _only(runs[k], self.tested.get(k)), None
            if k in self.tested:
                part = self.label.removeprefix(f"{self.kind}-")
                run = replace(run, entities={**run.entities, self.kind: part})
            if self.kind == "block" and k in self.train:
                trained = _only(runs[k], self.trained.get(k))
            found.append(TestedRun(run, runs[k].label, trained, self.tested.get(k)))
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
            spans = fold.tested.get(k, Spans([(-np.inf, np.inf)]))
            rows = spans.within(runs[k].measured_times())[:, None]
            total[k] += np.where(rows, predictions[part.label], 0.0)
            count[k] += rows
    return [
        np.where(n > 0, series / np.maximum(n, 1), np.nan)
        for series, n in zip(total, count, strict=True)
    ]


def _only(run: Run, spans: Spans | None) -> Run:
    """Return the run with samples missing that lie outside some stretches of time."""
    if spans is None:
        return run
    responses = {
        name: replace(
            stream, values=np.where(spans.within(stream.times)[:, None], stream.values, np.nan)
        )
        for name, stream in run.responses.items()
    }
    return replace(run, responses=responses)
