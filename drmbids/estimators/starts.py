"""Several starts of one model, of which the best is kept: their seeds, and what they leave."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from drmbids.core.exceptions import UsageError
from drmbids.training.trainee import Callback


def seeds_of_starts(random_state: int, n_starts: int) -> list[int]:
    """Return the seed of each start.

    The first is the seed itself, so that one start is what it is without others. The others are
    drawn from it: neighbouring seeds have no start in common, and more starts add to fewer.

    Parameters
    ----------
    random_state : int
    n_starts : int

    Raises
    ------
    UsageError
        If there is no start.

    Examples
    --------
    >>> seeds_of_starts(3, 2) == seeds_of_starts(3, 4)[:2]
    True
    """
    if n_starts < 1:
        raise UsageError(f"a model starts once at least, got n_starts={n_starts}")
    drawn = np.random.SeedSequence(random_state).generate_state(n_starts - 1)
    return [random_state, *drawn.tolist()]


def of_start(callbacks: Sequence[Callback], start: int) -> list[Callback]:
    """Return callbacks that are told of which start a row of the history is.

    Parameters
    ----------
    callbacks : sequence of callable
    start : int
    """

    def tell(callback: Callback) -> Callback:
        return lambda row: callback({**row, "start": start})

    return [tell(callback) for callback in callbacks]


def history_of_starts(
    histories: Sequence[Sequence[Mapping[str, Any]]], best: int
) -> list[dict[str, Any]]:
    """Return the history of the start that is kept, with the objectives of all beside it.

    Parameters
    ----------
    histories : sequence of sequence of mapping
        Rows of each start.
    best : int
        The start that is kept.

    Returns
    -------
    list of dict
        Rows of that start, with ``start`` and ``objective_start_<k>`` for each.
    """
    rows = []
    for epoch in zip(*histories, strict=True):
        objectives = {f"objective_start_{k}": row["objective"] for k, row in enumerate(epoch)}
        rows.append({**epoch[best], "start": best, **objectives})
    return rows
