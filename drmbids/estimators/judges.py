"""Parts of the training data that judges predict: runs in turn, or blocks of a single run."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from drmbids.core.fold import Fold
from drmbids.core.run import Run
from drmbids.core.spans import Spans
from drmbids.iterators.iterator import DRMIterator
from drmbids.training.drm import DRM
from drmbids.training.epochs import MOST_EPOCHS
from drmbids.training.together import Fit

#: Judges, each of which has a part of the data missing: so many where there are as many runs.
N_JUDGES = 4

#: Seconds that are missing on either side of a block of a single run: its noise, and most of the
#: responses to what was shown in it.
GUARD = 12.0

#: Measured volumes that a block of a single run has at least; shorter ones say nothing.
LEAST_VOLUMES = 10

#: What judges are trained on, what they predict, and for how many epochs.
Part = tuple[DRMIterator, DRMIterator, int]

_NEVER = Spans([])
# Seconds above the tolerance of times in spans, below any sampling interval.
_CLOSE = 4e-6


def judged_parts(runs: Sequence[Run]) -> list[tuple[list[Run], list[Run]]]:
    """Return the runs that each judge is trained on, and those that it predicts.

    All are as long as they were, with samples missing, so that judges train side by side.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of (list of Run, list of Run)
        Empty where a single run is too short.

    Examples
    --------
    >>> from drmbids import Stream
    >>> run = Run({"V1": Stream(np.zeros((100, 1)), 2.0 * np.arange(100))}, tr=2.0)
    >>> for train, test in judged_parts([run]):
    ...     print(*(int(np.isfinite(r.responses["V1"].values).sum()) for r in (train[0], test[0])))
    69 25
    63 25
    63 25
    69 25
    >>> [len(test) for train, test in judged_parts([run] * 5)]
    [2, 1, 1, 1]
    """
    every = tuple(range(len(runs)))
    if len(runs) > 1:
        folds = []
        for part in np.array_split(every, min(N_JUDGES, len(runs))):
            held = tuple(part.tolist())
            folds.append(Fold("held", every, held, dict.fromkeys(held, _NEVER), kind="block"))
        return [(fold.training_runs(runs), fold.test_runs(runs)) for fold in folds]
    series = runs[0].responses.values()
    there = [s.times[np.isfinite(s.values).any(axis=1)] for s in series]
    times = np.unique(np.concatenate(there))
    if len(times) < N_JUDGES * LEAST_VOLUMES:
        return []
    found = []
    for part in np.array_split(times, N_JUDGES):
        first, last = part[0], part[-1] + _CLOSE
        trained = Spans([(-np.inf, first - GUARD), (last + GUARD, np.inf)])
        fold = Fold("held", every, every, {0: trained}, {0: Spans([(first, last)])}, "block")
        found.append((fold.training_runs(runs), fold.test_runs(runs)))
    return found


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
    parts = judged_parts(runs) if runs else []
    most = MOST_EPOCHS if parts or not runs else 0
    return most, [(iterate(seen), iterate(held), most) for seen, held in parts]


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
