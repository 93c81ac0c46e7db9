"""Folds of a cross-validation over whole runs, blocks of time or stimuli, or none."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from drmbids.compare.splits.stimulus_folds import StimulusFolds
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.data.runs.fold import IN_SAMPLE, Fold
from drmbids.data.runs.freedom import nothing_left
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import as_runs
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError

#: Entities that say which runs are held out together.
_GROUPS = {"session": ("subject", "session"), "subject": ("subject",)}


_CHOICES = (
    "cv must be auto, run, session, subject, blocks, stimulus, none, a number of folds, a splitter "
    "of scikit-learn or a list of pairs (train, test)"
)
_PAIRS = "a fold of cv must be a pair of lists of indices of runs (train, test)"


def make_folds(
    runs: Sequence[Run], cv: Any = "auto", blocks: BlockFolds | None = None
) -> list[Fold]:
    """Return the folds of a cross-validation.

    All that decides whether data can be cross-validated is here: :func:`compare_models`, the
    participant level and ``drmbids check`` ask nothing else.

    Parameters
    ----------
    runs : sequence of Run
        The data.
    cv : {"auto", "run", "session", "subject", "blocks", "stimulus", "none"}, BlockFolds, \
StimulusFolds, int, splitter or iterable
        As in :func:`compare_models`; folds that were made before stay as they are.
    blocks : BlockFolds, optional
        How runs are cut where ``cv`` is, or comes to, ``"blocks"``; default: ``BlockFolds()``.

    Returns
    -------
    list of Fold

    Raises
    ------
    DataError
        If an entity is missing, labels of runs are not unique, there are fewer runs than folds, all
        runs would be held out at once, or a run is too short for its blocks.
    UsageError
        If ``cv`` is unknown, a fold is empty, or a run is in training and test or held out twice.
    """
    runs = as_runs(runs)
    _check_labels(runs)
    if not runs:
        raise DataError("there is no run to train on or to hold out; add runs")
    if isinstance(cv, list) and cv and all(isinstance(fold, Fold) for fold in cv):
        return cv
    if cv is None or (isinstance(cv, str) and cv == "auto"):
        cv = "run" if len(runs) > 1 else "blocks"
    if not isinstance(cv, str):
        own = isinstance(cv, StimulusFolds | BlockFolds)
        return cv.folds(runs) if own else _checked(_split(runs, cv), runs)
    if cv == "stimulus":
        return StimulusFolds().folds(runs)
    if cv == "blocks":
        return (blocks or BlockFolds()).folds(runs)
    if cv == "none":
        every = tuple(range(len(runs)))
        return [Fold(IN_SAMPLE, every, every, kind="none")]
    return _grouped(runs, cv)


def _grouped(runs: Sequence[Run], cv: str) -> list[Fold]:
    """Return folds that hold out one run, session or subject after another."""
    if cv != "run" and cv not in _GROUPS:
        raise UsageError(f"{_CHOICES}, got {cv!r}")
    groups = [run.label if cv == "run" else _group(run, cv) for run in runs]
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        raise DataError(
            f"cv={cv!r} leaves out one {cv} after another and needs two or more, found only "
            f"{', '.join(names) or 'none'}; add runs, or hold out blocks of time (cv='blocks')"
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


def with_freedom(folds: Sequence[Fold], runs: Sequence[Run], nuisance: Nuisance) -> list[Fold]:
    """Return the folds without the runs of which the nuisance leaves nothing, and warn of these.

    Parameters
    ----------
    folds : sequence of Fold
    runs : sequence of Run
    nuisance : Nuisance
        What is fitted to each run, or, with blocks held out, to the scans that are trained on.

    Raises
    ------
    DataError
        If a fold would have no run left to train on.

    Warns
    -----
    DataWarning
        Of each run that is left out, in one line.
    """
    gone = {}
    for k, run in enumerate(runs):
        why = nothing_left(run, nuisance) or _nothing_left_of_blocks(folds, k, runs, nuisance)
        if why is not None:
            gone[k] = why
    if gone and len(gone) == len(runs):
        raise DataError(next(iter(gone.values())))
    for why in gone.values():
        warnings.warn(f"run left out: {why}", DataWarning, stacklevel=3)
    left = [fold for fold in (fold.without(gone) for fold in folds) if fold.test]
    if not left or not all(fold.train for fold in left):
        raise DataError(
            f"{runs[min(gone)].label}: drift and confounds leave nothing of it, and without it a "
            "fold has no training run; use fewer confounds"
        )
    return left


def _nothing_left_of_blocks(
    folds: Sequence[Fold], k: int, runs: Sequence[Run], nuisance: Nuisance
) -> str | None:
    """Say which block leaves too few scans to fit the nuisance to, None where all leave enough."""
    for fold in folds:
        if fold.kind == "block" and k in fold.train:
            (trained,) = replace(fold, train=(k,)).training_runs(runs)
            why = nothing_left(trained, nuisance)
            if why is not None:
                return why.replace(runs[k].label, f"{runs[k].label} without {fold.label}", 1)
    return None


def _check_labels(runs: Sequence[Run]) -> None:
    """Raise unless each run has a label of its own."""
    twice = [label for label, n in Counter(run.label for run in runs).items() if n > 1]
    if twice:
        raise DataError(f"several runs are called {twice[0]!r}; give each its own entities")


def _split(runs: Sequence[Run], cv: Any) -> Iterable[tuple[Any, Any]]:
    """Return (train, test) of a scikit-learn splitter, with the subjects as groups."""
    if len(runs) < 2:
        raise DataError(
            f"cross-validation over runs needs 2 or more, found {len(runs)}; add runs, "
            "or hold out blocks of time (cv='blocks')"
        )
    subjects = [run.entities.get("subject") for run in runs]
    groups = None if None in subjects else subjects
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        if not 2 <= cv <= len(runs):
            raise DataError(
                f"cv={cv} is a number of folds, which must be from 2 to the number of runs, "
                f"{len(runs)}"
            )
    elif isinstance(cv, bool | type) or not (hasattr(cv, "split") or _is_list(cv)):
        raise UsageError(f"{_CHOICES}, got {shortly(cv)}")
    try:
        splitter = check_cv(cv)
        splitter.get_n_splits(np.arange(len(runs)), groups=groups)
        return list(splitter.split(np.arange(len(runs)), groups=groups))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{_CHOICES}, got {shortly(cv)}: {error}") from error


def _is_list(cv: Any) -> bool:
    """Return whether there is something to go through."""
    return isinstance(cv, Iterable) and not (isinstance(cv, Sized) and len(cv) == 0)


def _checked(splits: Iterable[tuple[Any, Any]], runs: Sequence[Run]) -> list[Fold]:
    """Return splits as folds; no run may be seen and held out, or held out twice."""
    folds, held_out = [], set()
    for split in splits:
        try:
            train, test = (tuple(int(k) for k in part) for part in split)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{_PAIRS}, got {shortly(split)}") from error
        wrong = [k for k in (*train, *test) if not 0 <= k < len(runs)]
        if wrong:
            raise UsageError(
                f"{_PAIRS}; there is no run {wrong[0]}, they count from 0 to {len(runs) - 1}"
            )
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


def _group(run: Run, cv: str) -> str:
    """Return the label of the session or subject of a run."""
    missing = [name for name in _GROUPS[cv] if name not in run.entities]
    if missing:
        raise DataError(
            f"{run.label}: cv={cv!r} leaves out one {cv} after another, and this run has no "
            f"{missing[0]} in its name; hold out runs (cv='run') or blocks of time (cv='blocks')"
        )
    return replace(run, entities={name: run.entities[name] for name in _GROUPS[cv]}).label
