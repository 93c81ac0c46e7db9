"""Folds of a cross-validation over whole runs, blocks of time or stimuli, or none."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

from drmbids.comparison.fold import IN_SAMPLE, Fold
from drmbids.comparison.stimulus_folds import StimulusFolds
from drmbids.comparison.time_blocks import BlockFolds
from drmbids.core.exceptions import DataError, UsageError
from drmbids.core.nuisance import Nuisance
from drmbids.core.run import Run

#: Entities that say which runs are held out together.
_GROUPS = {"session": ("subject", "session"), "subject": ("subject",)}


def make_folds(
    runs: Sequence[Run], cv: Any = "auto", nuisance: Nuisance | None = None
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
    nuisance : Nuisance, optional
        What is fitted to the scans trained on, of which it has to leave something.

    Returns
    -------
    list of Fold

    Raises
    ------
    DataError
        If an entity is missing, labels of runs are not unique, all runs would be held out at once,
        a run is too short for blocks, or nuisance leaves nothing of the scans trained on.
    UsageError
        If ``cv`` is unknown, a fold is empty, or a run is in training and test or held out twice.
    """
    _check_labels(runs)
    if isinstance(cv, list) and cv and all(isinstance(fold, Fold) for fold in cv):
        return cv
    if isinstance(cv, StimulusFolds) or cv == "stimulus":
        return (cv if isinstance(cv, StimulusFolds) else StimulusFolds()).folds(runs)
    if cv == "auto":
        cv = "run" if len(runs) > 1 else "blocks"
    if isinstance(cv, BlockFolds) or cv == "blocks":
        folds = (cv if isinstance(cv, BlockFolds) else BlockFolds()).folds(runs)
        return folds if nuisance is None else _with_freedom(folds, runs, nuisance)
    if cv == "none":
        every = tuple(range(len(runs)))
        return [Fold(IN_SAMPLE, every, every, kind="none")]
    if isinstance(cv, str):
        if cv != "run" and cv not in _GROUPS:
            raise UsageError(
                "cv must be auto, run, session, subject, blocks, stimulus, none or a splitter, "
                f"got {cv!r}"
            )
        groups = [run.label if cv == "run" else _group(run, cv) for run in runs]
        names = list(dict.fromkeys(groups))
        if len(names) < 2:
            raise DataError(
                f"cv={cv!r} leaves out one {cv} after another and needs two at least, found "
                f"{names}; add runs, or hold out blocks of time (cv='blocks')"
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


def _with_freedom(folds: list[Fold], runs: Sequence[Run], nuisance: Nuisance) -> list[Fold]:
    """Return the folds if nuisance leaves something of each run's scans trained on, or raise."""
    for k, run in enumerate(runs):
        for stream in run.responses.values():
            rank = nuisance.basis(run, stream.times).shape[1]
            there = np.isfinite(stream.values).any(axis=1)
            for fold in folds:
                n = int((there & fold.trained[k].within(stream.times)).sum())
                if rank >= n:
                    raise DataError(
                        f"{run.label}, {fold.label}: {rank} drift and confound columns leave "
                        f"nothing of {n} volumes trained on; use fewer confounds or more runs"
                    )
    return folds


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
    splitter = check_cv(cv)
    n_folds = splitter.get_n_splits(np.arange(len(runs)), groups=groups)
    if isinstance(cv, int) and n_folds > len(runs):
        raise DataError(f"cv={cv} asks for more folds than there are runs, {len(runs)}; lower it")
    return splitter.split(np.arange(len(runs)), groups=groups)


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


def _group(run: Run, cv: str) -> str:
    """Return the label of the session or subject of a run."""
    missing = [name for name in _GROUPS[cv] if name not in run.entities]
    if missing:
        raise DataError(f"{run.label}: cv={cv!r} needs the entity {missing[0]!r}, which it lacks")
    return replace(run, entities={name: run.entities[name] for name in _GROUPS[cv]}).label
