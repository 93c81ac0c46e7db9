"""Models against each other on the same held-out runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import check_cv

from drmbids.core.exceptions import DataError, UsageError
from drmbids.core.nuisance import Nuisance
from drmbids.core.results import FOLD_COLUMNS, SCORE_COLUMNS, Results
from drmbids.core.run import Run
from drmbids.core.stream import Stream
from drmbids.estimators.together import fit_together
from drmbids.metrics.scores import score_run

#: Entities that say which runs are held out together.
_GROUPS = {"session": ("subject", "session"), "subject": ("subject",)}


@dataclass(frozen=True)
class Fold:
    """Indices of the runs a fold trains on and holds out, and its label."""

    label: str
    train: tuple[int, ...]
    test: tuple[int, ...]


def compare_models(
    models: Mapping[str, Any],
    runs: Sequence[Run],
    cv: Any = "run",
    return_estimators: bool = False,
    nuisance: Nuisance | None = None,
    on_fold: Callable[[str, str, int, int], None] | None = None,
    n_models_at_once: int = 1,
) -> Results:
    """Fit each model on training runs and score it on the runs held out, fold by fold.

    All models meet the same folds, targets and scoring nuisance. A model predicts held-out runs
    whose measured values were blanked, so it cannot have looked.

    Parameters
    ----------
    models : mapping of str to estimator
        Unfitted estimators over runs (:class:`~drmbids.DRMRegressor`,
        :class:`~drmbids.GLMBaseline`); each is cloned for each fold.
    runs : sequence of Run
        Two or more, each with a label of its own.
    cv : {"run", "session", "subject"}, int, splitter or iterable of (train, test)
        What is held out at once: one run, session or subject; or any scikit-learn splitter
        over runs, which gets the subjects as ``groups`` when all runs name one. No run may be held
        out twice.
    return_estimators : bool
        Whether the fitted estimators are kept.
    nuisance : Nuisance, optional
        Taken out of measured and predicted series before they are compared; ``Nuisance()`` when
        absent.
    on_fold : callable, optional
        ``on_fold(model, fold, i, n)`` after each of the ``n`` fits, ``i`` from 1 (progress bars).
    n_models_at_once : int
        Fits that are trained side by side where their structure allows it
        (:func:`~drmbids.fit_together`): faster for small models with feedback and few runs.

    Returns
    -------
    Results
        One row for each model, fold, region and target; where a fold holds out several runs,
        the mean of their scores.

    Raises
    ------
    DataError
        If there are fewer than two runs, labels are not unique, or an entity is missing.
    UsageError
        If there is no model, the folds overlap, or ``n_models_at_once`` is below 1.
    TrainingError
        If a fit fails; the message names model and fold.

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline, Run, Stream, compare_models
    >>> rng = np.random.default_rng(0)
    >>> def run(k):
    ...     bold = Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    ...     events = Events([10.0, 60.0], [20.0, 20.0], ["face", "house"])
    ...     return Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})
    >>> results = compare_models({"glm": GLMBaseline()}, [run(k) for k in range(3)])
    >>> results.table["fold"].unique().tolist()
    ['run-0', 'run-1', 'run-2']
    """
    runs, nuisance = list(runs), Nuisance() if nuisance is None else nuisance
    if not models:
        raise UsageError("no model to compare: give {name: estimator}")
    if n_models_at_once < 1:
        raise UsageError(f"n_models_at_once must be 1 or more, got {n_models_at_once}")
    _check_runs(runs)
    folds = make_folds(runs, cv)
    tables: list[pd.DataFrame] = []
    predictions: dict[str, dict[str, np.ndarray]] = {name: {} for name in models}
    estimators: dict[str, dict[str, Any]] = (
        {name: {} for name in models} if return_estimators else {}
    )
    pairs = [(name, fold) for name in models for fold in folds]
    for i, (name, fold, estimator) in enumerate(_fitted(models, runs, pairs, n_models_at_once), 1):
        test = [runs[k] for k in fold.test]
        predicted = estimator.predict([_blanked(run) for run in test])
        scores = [
            score_run(run, series, estimator.regions_, nuisance)
            for run, series in zip(test, predicted, strict=True)
        ]
        tables.append(_mean_over_runs(scores).assign(model=name, fold=fold.label))
        predictions[name].update(zip((run.label for run in test), predicted, strict=True))
        if return_estimators:
            estimators[name][fold.label] = estimator
        if on_fold is not None:
            on_fold(name, fold.label, i, len(pairs))
    table = pd.concat(tables, ignore_index=True)[list(SCORE_COLUMNS)]
    return Results(table, predictions, estimators, _fold_table(folds, runs), nuisance)


def _fold_table(folds: Sequence[Fold], runs: Sequence[Run]) -> pd.DataFrame:
    """Return which runs each fold trained on and held out, and how many volumes they have."""
    rows = [
        (fold.label, runs[k].label, part, len(runs[k].measured_times()))
        for fold in folds
        for part, members in (("train", fold.train), ("test", fold.test))
        for k in members
    ]
    return pd.DataFrame(rows, columns=list(FOLD_COLUMNS))


def _fitted(
    models: Mapping[str, Any], runs: Sequence[Run], pairs: Sequence[tuple[str, Fold]], at_once: int
) -> Iterator[tuple[str, Fold, Any]]:
    """Yield model, fold and the estimator fitted to it, so many fits at once."""
    for start in range(0, len(pairs), at_once):
        some = pairs[start : start + at_once]
        estimators = [clone(models[name]) for name, _ in some]
        fit_together(
            estimators,
            [[runs[k] for k in fold.train] for _, fold in some],
            [f"model {name!r}, fold {fold.label!r}" for name, fold in some],
        )
        for (name, fold), estimator in zip(some, estimators, strict=True):
            yield name, fold, estimator


def make_folds(runs: Sequence[Run], cv: Any = "run") -> list[Fold]:
    """Return the folds of a cross-validation over whole runs.

    Parameters
    ----------
    runs : sequence of Run
        The data.
    cv : {"run", "session", "subject"}, int, splitter or iterable of (train, test)
        As in :func:`compare_models`.

    Returns
    -------
    list of Fold

    Raises
    ------
    DataError
        If an entity is missing, or all runs would be held out at once.
    UsageError
        If ``cv`` is unknown, a fold is empty, or a run is in training and test or held out twice.
    """
    if isinstance(cv, str):
        if cv != "run" and cv not in _GROUPS:
            raise UsageError(f"cv must be run, session, subject or a splitter, got {cv!r}")
        groups = [run.label if cv == "run" else _group(run, cv) for run in runs]
        names = list(dict.fromkeys(groups))
        if len(names) < 2:
            raise DataError(
                f"cv={cv!r} leaves out one {cv} after another and needs two at least, found "
                f"{names}; add runs, or choose another cv"
            )
        every = range(len(runs))
        return [
            Fold(
                name,
                train=tuple(k for k in every if groups[k] != name),
                test=tuple(k for k in every if groups[k] == name),
            )
            for name in names
        ]
    return _checked(_split(runs, cv), runs)


def _split(runs: Sequence[Run], cv: Any) -> Iterable[tuple[Any, Any]]:
    """Return (train, test) of a scikit-learn splitter, with the subjects as groups."""
    subjects = [run.entities.get("subject") for run in runs]
    groups = None if None in subjects else subjects
    return check_cv(cv).split(np.arange(len(runs)), groups=groups)


def _checked(splits: Iterable[tuple[Any, Any]], runs: Sequence[Run]) -> list[Fold]:
    """Return splits as folds; no run may be seen and held out, or held out twice."""
    folds, held_out = [], set()
    for split in splits:
        train, test = (tuple(int(k) for k in part) for part in split)
        label = "+".join(runs[k].label for k in test)
        if not train or not test:
            raise UsageError(
                f"fold {len(folds)} of cv has no {'test' if train else 'training'} runs"
            )
        if set(train) & set(test):
            raise UsageError(f"fold {label!r}: a run is in training and test")
        if held_out & set(test) or len(set(test)) < len(test):
            raise UsageError(
                f"fold {label!r}: a run is held out twice; use a splitter without repeats"
            )
        held_out.update(test)
        folds.append(Fold(label, train, test))
    return folds


def _check_runs(runs: Sequence[Run]) -> None:
    """Raise unless there are two runs at least, each with a label of its own."""
    if len(runs) < 2:
        raise DataError(f"cross-validation needs 2 runs or more, found {len(runs)}")
    twice = [label for label, n in Counter(run.label for run in runs).items() if n > 1]
    if twice:
        raise DataError(f"several runs are called {twice[0]!r}; give each its own entities")


def _group(run: Run, cv: str) -> str:
    """Return the label of the session or subject of a run."""
    missing = [name for name in _GROUPS[cv] if name not in run.entities]
    if missing:
        raise DataError(f"{run.label}: cv={cv!r} needs the entity {missing[0]!r}, which it lacks")
    return replace(run, entities={name: run.entities[name] for name in _GROUPS[cv]}).label


def _blanked(run: Run) -> Run:
    """Return the run with NaN for every measured value; the measured times stay."""
    responses = {
        name: Stream(np.full_like(s.values, np.nan), s.times, s.columns, s.unit)
        for name, s in run.responses.items()
    }
    return replace(run, responses=responses)


def _mean_over_runs(scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the mean of the scores of several runs, NaN left out."""
    if len(scores) == 1:
        return scores[0]
    stacked = pd.concat(scores)
    return stacked.groupby(["region", "target"], sort=False)[["r", "r2"]].mean().reset_index()
