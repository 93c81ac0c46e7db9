"""How many epochs a model is trained for, as its judges say.

A judge is the same model, trained with a part of the data missing, which it predicts after every
epoch. Where it is not fairly sure that these predictions gain from training (one-sided t-test over
judges), the model stays as it starts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student

#: How sure it has to be that training is a gain.
CONFIDENCE = 0.9

#: Epochs that are looked at where the data choose how many are best.
MOST_EPOCHS = 30


def best_epoch(histories: Sequence[Sequence[Mapping[str, Any]]]) -> int:
    """Return the epoch after which held-out parts are predicted best, 0 where training is no gain.

    Parameters
    ----------
    histories : sequence of sequence of mapping
        Rows of each judge, with its ``val_loss`` after so many epochs. One that diverged counts as
        far as it came.

    Examples
    --------
    >>> better, same = [1.0, 0.8, 0.7, 0.75], [1.0, 0.99, 1.03, 1.1]
    >>> def rows(*judges):
    ...     return [[{"val_loss": value} for value in losses] for losses in judges]
    >>> best_epoch(rows(better, better[:3] + [0.8])), best_epoch(rows(same, [1.0, 1.01, 1.0, 1.0]))
    (2, 0)
    """
    n_epochs = min((len(rows) for rows in histories), default=0)
    losses = np.array([[row["val_loss"] for row in rows[:n_epochs]] for rows in histories], float)
    losses = losses[np.isfinite(losses).all(axis=1)] if losses.size else losses
    if not losses.size or n_epochs < 2:
        return 0
    best = int(losses.mean(axis=0).argmin())
    gain = losses[:, 0] - losses[:, best]
    if len(gain) < 2:
        return 0
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return best if gain.mean() > student.ppf(CONFIDENCE, len(gain) - 1) * error else 0
