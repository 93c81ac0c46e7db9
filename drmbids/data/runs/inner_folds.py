"""Inner folds: parts of training data that are left out in turn, to choose by what predicts them.

They are runs, or blocks of a single run. What is left out is missing, its stimuli are not, so that
all folds have runs of the same lengths, whose models are trained side by side.
"""

from collections.abc import Sequence

import numpy as np

from drmbids.data.runs.fold import Fold
from drmbids.data.runs.run import Run
from drmbids.data.runs.spans import Spans

#: Folds, where there are as many runs, or blocks.
N_INNER_FOLDS = 4

#: Seconds that are missing on either side of a block of a single run: its noise, and most of the
#: responses to what was shown in it.
GUARD = 12.0

#: Measured volumes that a block of a single run has at least; shorter ones say nothing.
LEAST_VOLUMES = 10

_NEVER = Spans([])
# Seconds above the tolerance of times in spans, below any sampling interval.
_CLOSE = 4e-6


def inner_folds(runs: Sequence[Run]) -> list[Fold]:
    """Return folds of training data, of runs in turn or of the blocks of a single run.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of Fold
        Empty where a single run is too short: for its blocks, or for the guards about them, which
        would leave less than a third of it.

    Examples
    --------
    >>> from drmbids import Stream
    >>> run = Run({"V1": Stream(np.zeros((100, 1)), 2.0 * np.arange(100))}, tr=2.0)
    >>> for fold in inner_folds([run]):
    ...     both = *fold.training_runs([run]), *fold.test_runs([run])
    ...     print(*(int(np.isfinite(r.responses["V1"].values).sum()) for r in both))
    69 25
    63 25
    63 25
    69 25
    >>> [len(fold.test) for fold in inner_folds([run] * 5)]
    [2, 1, 1, 1]
    """
    every = tuple(range(len(runs)))
    if len(runs) > 1:
        parts = np.array_split(every, min(N_INNER_FOLDS, len(runs)))
        held = [tuple(part.tolist()) for part in parts]
        return [
            Fold(f"inner-{k + 1}", every, h, dict.fromkeys(h, _NEVER)) for k, h in enumerate(held)
        ]
    series = runs[0].responses.values()
    there = [s.times[np.isfinite(s.values).any(axis=1)] for s in series]
    times = np.unique(np.concatenate(there))
    if len(times) < N_INNER_FOLDS * LEAST_VOLUMES:
        return []
    folds = []
    for k, part in enumerate(np.array_split(times, N_INNER_FOLDS)):
        first, last = part[0], part[-1] + _CLOSE
        trained = Spans([(-np.inf, first - GUARD), (last + GUARD, np.inf)])
        if trained.within(times).sum() < len(times) / 3:
            return []
        tested = Spans([(first, last)])
        folds.append(Fold(f"inner-{k + 1}", every, every, {0: trained}, {0: tested}, "block"))
    return folds
