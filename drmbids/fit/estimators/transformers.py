"""Steps before a model in a pipeline: what they learn, they learn from training runs alone."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.base import as_runs, refuse_y
from drmbids.fit.estimators.contents import condition_label
from drmbids.fit.estimators.tags import RunsOut


class RunTransformer(RunsOut, TransformerMixin, BaseEstimator, ABC):
    """Base of steps that change runs, for scikit-learn's ``make_pipeline``.

    A derived class gives :meth:`_learn` and :meth:`_change`.

    Examples
    --------
    >>> class Halved(RunTransformer):
    ...     def _learn(self, runs):
    ...         self.factor_ = 0.5
    ...
    ...     def _change(self, run):
    ...         shown = run.stimuli["film"]
    ...         half = Stream(self.factor_ * shown.values, shown.times, shown.columns)
    ...         return replace(run, stimuli={"film": half})
    >>> run = Run({}, {"film": Stream(np.full((4, 1), 8.0), np.arange(4.0))}, duration=4.0)
    >>> Halved().fit_transform([run])[0].stimuli["film"].values[0]
    array([4.])
    """

    @abstractmethod
    def _learn(self, runs: list[Run]) -> None:
        """Learn from training runs; set an attribute whose name ends in ``_``."""

    @abstractmethod
    def _change(self, run: Run) -> Run:
        """Return the changed run; what was measured in it may not bear on its stimuli."""

    def fit(self, X: Sequence[Run], y: None = None) -> Self:
        """Learn from training runs.

        Parameters
        ----------
        X : sequence of Run
        y : None
            Runs carry their own responses.

        Returns
        -------
        self
        """
        refuse_y(y)
        self._learn(_runs(X))
        return self

    def transform(self, X: Sequence[Run]) -> list[Run]:
        """Return changed runs.

        Parameters
        ----------
        X : sequence of Run
        """
        check_is_fitted(self)
        return [self._change(run) for run in _runs(X)]


class SelectStreams(RunTransformer):
    """Keeps some of the streams of one kind by name; a derived class says which kind.

    Parameters
    ----------
    names : sequence of str
        Those to keep.
    """

    _kind: ClassVar[Literal["stimuli", "responses"]]

    def __init__(self, names: Sequence[str]):
        self.names = names

    def _learn(self, runs: list[Run]) -> None:
        known = {name for run in runs for name in getattr(run, self._kind)}
        missing = sorted(set(self.names) - known)
        if missing or not self.names:
            there = sorted(known)
            raise DataError(f"{runs[0].label}: no {self._kind} {missing}; the runs have {there}")
        self.names_ = tuple(self.names)

    def _change(self, run: Run) -> Run:
        streams = getattr(run, self._kind)
        return replace(run, **{self._kind: {n: s for n, s in streams.items() if n in self.names_}})


class SelectStimuli(SelectStreams):
    """Keeps some of the stimuli: models that differ in these alone say what each stimulus adds.

    Parameters
    ----------
    names : sequence of str
        Stimuli to keep.

    Attributes
    ----------
    names_ : tuple of str
        The same, found in the training runs.

    Raises
    ------
    DataError
        If no training run has one of them.

    Examples
    --------
    >>> film = Stream(np.ones((4, 1)), np.arange(4.0))
    >>> run = Run({}, {"film": film, "sound": film}, duration=4.0)
    >>> list(SelectStimuli(["sound"]).fit_transform([run])[0].stimuli)
    ['sound']
    """

    _kind = "stimuli"


class SelectConditions(RunTransformer):
    """Keeps some of the conditions: models that differ in these alone say what each adds.

    Parameters
    ----------
    names : sequence of str
        Trial types to keep, by the name that ``events.tsv`` gives them; columns of other stimuli
        as ``stimulus:column``.

    Attributes
    ----------
    names_ : tuple of str
        The same, found in the training runs.

    Raises
    ------
    DataError
        If no training run has one of them.

    Examples
    --------
    >>> from drmbids import Events
    >>> events = Events([1.0, 2.0], [1.0, 1.0], ["face", "house"])
    >>> run = Run({}, {"events": events}, duration=4.0)
    >>> SelectConditions(["face"]).fit_transform([run])[0].stimuli["events"].columns
    ('face',)
    """

    def __init__(self, names: Sequence[str]):
        self.names = names

    def _learn(self, runs: list[Run]) -> None:
        known = {
            condition_label(name, column)
            for run in runs
            for name, shown in run.stimuli.items()
            for column in shown.columns
        }
        missing = sorted(set(self.names) - known)
        if missing or not self.names:
            raise DataError(
                f"{runs[0].label}: no conditions {missing}; the runs have {sorted(known)}"
            )
        self.names_ = tuple(self.names)

    def _change(self, run: Run) -> Run:
        stimuli = {}
        for name, shown in run.stimuli.items():
            kept = [c for c in shown.columns if condition_label(name, c) in self.names_]
            if kept and len(kept) < len(shown.columns):
                stimuli[name] = _some_columns(shown, kept)
            elif kept:
                stimuli[name] = shown
        return replace(run, stimuli=stimuli)


def _some_columns(shown: Stream | Events, kept: Sequence[str]) -> Stream | Events:
    """Return a stimulus with some of its columns."""
    if isinstance(shown, Events):
        rows = np.isin(shown.conditions, kept)
        return Events(
            shown.onsets[rows],
            shown.durations[rows],
            np.asarray(shown.conditions)[rows].tolist(),
            np.asarray(shown.amplitudes)[rows],
            kept,
            shown.unit,
            modulators=[name for name in shown.modulators if name in kept],
        )
    where = [shown.columns.index(column) for column in kept]
    return Stream(shown.values[:, where], shown.times, kept, shown.unit)


class ScaleStimuli(RunTransformer):
    """Gives every column of sampled stimuli a root mean square of 1 over the training runs.

    Weights of a net start at a size that suits inputs of about 1. Zero stays zero, the value of an
    absent stimulus; events are left as they are, and so is a column that is zero throughout.

    Attributes
    ----------
    scales_ : dict of str to dict of str to float
        Root mean square in the training runs, by stimulus and column.

    Raises
    ------
    UsageError
        If a stimulus lies in a file and is too large to be changed in memory.

    Examples
    --------
    >>> film = Stream([[3.0], [-3.0]], [0.0, 1.0])
    >>> run = Run({}, {"film": film}, duration=2.0)
    >>> ScaleStimuli().fit_transform([run])[0].stimuli["film"].values.ravel()
    array([ 1., -1.])
    """

    def _learn(self, runs: list[Run]) -> None:
        sums: dict[str, dict[str, np.ndarray]] = {}
        for run in runs:
            for name in _sampled(run):
                values = _in_memory(run, name)
                of_stimulus = sums.setdefault(name, {})
                for column, x in zip(run.stimuli[name].columns, values.T, strict=True):
                    more = np.array([(x**2).sum(), len(x)])
                    of_stimulus[column] = of_stimulus.get(column, np.zeros(2)) + more
        self.scales_ = {
            name: {c: float(np.sqrt(total / n)) or 1.0 for c, (total, n) in columns.items()}
            for name, columns in sums.items()
        }

    def _change(self, run: Run) -> Run:
        stimuli = dict(run.stimuli)
        for name in _sampled(run):
            shown = stimuli[name]
            scales = [self.scales_.get(name, {}).get(column, 1.0) for column in shown.columns]
            values = _in_memory(run, name) / scales
            stimuli[name] = Stream(values, shown.times, shown.columns)
        return replace(run, stimuli=stimuli)


class PCAStimuli(RunTransformer):
    """Replaces the columns of a sampled stimulus by their principal components.

    For stimuli of very many columns, such as features of a deep network.

    Parameters
    ----------
    stimulus : str
        Name of the stimulus.
    n_components : int, float or None
        How many, or the share of the variance that they have to explain, as scikit-learn's ``PCA``
        takes it; all when None.

    Attributes
    ----------
    pca_ : sklearn.decomposition.PCA
        Fitted to all samples of the training runs.
    columns_ : tuple of str
        Columns of the stimulus in the training runs.

    Raises
    ------
    DataError
        If a run shows other columns than the first training run.
    UsageError
        If the stimulus lies in a file and is too large to be changed in memory.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> film = Stream(rng.normal(size=(40, 10)), np.arange(40.0))
    >>> run = Run({}, {"film": film}, duration=40.0)
    >>> PCAStimuli("film", 3).fit_transform([run])[0].stimuli["film"].columns
    ('component0', 'component1', 'component2')
    """

    def __init__(self, stimulus: str, n_components: float | None = None):
        self.stimulus = stimulus
        self.n_components = n_components

    def _learn(self, runs: list[Run]) -> None:
        shown = [run for run in runs if self.stimulus in _sampled(run)]
        if not shown:
            raise DataError(
                f"{runs[0].label}: no run has a sampled stimulus {self.stimulus!r}; it has "
                f"{list(runs[0].stimuli)}"
            )
        self.columns_ = tuple(shown[0].stimuli[self.stimulus].columns)
        samples = np.concatenate([self._samples(run) for run in shown])
        # the solver that gives the same numbers every time
        self.pca_ = PCA(self.n_components, svd_solver="full").fit(samples)

    def _change(self, run: Run) -> Run:
        if self.stimulus not in run.stimuli:
            return run
        found = self.pca_.transform(self._samples(run))
        names = [f"component{k}" for k in range(found.shape[1])]
        changed = Stream(found, run.stimuli[self.stimulus].times, names)
        return replace(run, stimuli={**run.stimuli, self.stimulus: changed})

    def _samples(self, run: Run) -> np.ndarray:
        columns = tuple(run.stimuli[self.stimulus].columns)
        if columns != self.columns_:
            raise DataError(
                f"{run.label}: stimulus {self.stimulus!r} has {len(columns)} columns that are not "
                f"the {len(self.columns_)} of training"
            )
        return _in_memory(run, self.stimulus)


def _runs(X: Any) -> list[Run]:
    runs = as_runs(X)
    if not runs:
        raise UsageError("give a list of runs")
    return runs


def _sampled(run: Run) -> list[str]:
    """Return the names of stimuli that are sampled."""
    return [name for name, shown in run.stimuli.items() if isinstance(shown, Stream)]


def _in_memory(run: Run, name: str) -> np.ndarray:
    shown = run.stimuli[name]
    if shown.in_file:
        raise UsageError(
            f"{run.label}: stimulus {name!r} lies in a file, to be read piece by piece; change the "
            "file instead"
        )
    return shown.samples()
