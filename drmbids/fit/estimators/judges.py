"""Judges of how many epochs serve: the same model, trained without a part of the data."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.inner_folds import inner_folds
from drmbids.data.runs.run import Run
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.epochs import MOST_EPOCHS
from drmbids.fit.training.together import Fit

#: What judges are trained on, what they predict, and for how many epochs.
Part = tuple[DRMIterator, DRMIterator, int]


def judging(
    n_epochs: int | Literal["auto"],
    runs: Sequence[Run],
    iterate: Callable[[Sequence[Run]], DRMIterator],
) -> tuple[int, list[Part]]:
    """Return the epochs of a training, and the parts of the data that judges are given.

    Parameters
    ----------
    n_epochs : int or "auto"
        As they were asked for.
    runs : sequence of Run
        To be judged by; empty where other runs decide which epoch is kept. Of a run that is too
        short to judge by, nothing but maps is fitted.
    iterate : callable
        Makes an iterator of runs.
    """
    if n_epochs != "auto":
        return n_epochs, []
    folds = inner_folds(runs) if runs else []
    most = MOST_EPOCHS if folds or not runs else 0
    parts = [(iterate(f.training_runs(runs)), iterate(f.test_runs(runs)), most) for f in folds]
    return most, parts


def judges(
    model: DRM, options: Mapping[str, Any], parts: Sequence[Part], cutoff: int | None
) -> tuple[Fit, ...]:
    """Return the fits of judges of a model, which start as it does.

    Parameters
    ----------
    model : DRM
        Not trained yet.
    options : mapping of str to object
        Its options.
    parts : sequence of Part
    cutoff : int or None
        Ticks that gradients flow back.
    """
    return tuple(
        Fit(DRM(deepcopy(model.net), **options), seen, held, n_epochs, cutoff, f"judge {k}")
        for k, (seen, held, n_epochs) in enumerate(parts)
    )
