"""Whether several starts ended in the same minimum, as their table says."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from drmbids.brain.net.net import DRMNet
from drmbids.fit.training.together import Trained

#: How a start ended, beside that which is kept.
SAME, EXCHANGED, OTHER, HIGHER, DIVERGED = "same", "exchanged", "other", "higher", "diverged"
#: Objectives within this share of the lowest count as equal, and parameters within this share of
#: each other as the same.
EQUAL, CLOSE = 1e-3, 0.1


def table_of_starts(nets: Sequence[DRMNet], ended: Sequence[Trained], best: int) -> pd.DataFrame:
    """Return how each start ended.

    Parameters
    ----------
    nets : sequence of DRMNet
        Trained.
    ended : sequence of Trained
        How the training of each ended.
    best : int
        The start that is kept.

    Returns
    -------
    DataFrame
        ``start``, ``objective``, ``ending`` and a column for each trained physical parameter, such
        as ``"V1.tau[0]"``. The ending is ``"same"`` where objective and parameters are those of
        the start that is kept; ``"exchanged"`` where the parameters are too, but populations have
        changed places, which the data cannot tell; ``"other"`` where the objective is the same at
        other parameters, so that they are not determined; ``"higher"`` in another minimum; or
        ``"diverged"``.
    """
    rows = [_trained_rows(net) for net in nets]
    endings = endings_of_starts(rows, ended, best)
    told = [
        {"start": k, "objective": end.objective, "ending": ending}
        | {f"{r['node']}.{r['parameter']}[{r['index']}]": r["value"] for r in own}
        for k, (end, ending, own) in enumerate(zip(ended, endings, rows, strict=True))
    ]
    return pd.DataFrame(told)


def _trained_rows(net: DRMNet) -> list[dict[str, Any]]:
    return [row for row in net.parameter_rows() if row["trainable"]]


def endings_of_starts(
    rows: Sequence[Sequence[dict[str, Any]]], ended: Sequence[Trained], best: int
) -> list[str]:
    """Return how each start ended, in a word; see :func:`table_of_starts`.

    Parameters
    ----------
    rows : sequence of sequence of dict
        Trained rows of :meth:`~drmbids.DRMNet.parameter_rows` of each start.
    ended : sequence of Trained
    best : int

    Examples
    --------
    >>> def chain(*taus):
    ...     return [{"node": n, "parameter": "tau", "value": t} for n, t in zip("AB", taus)]
    >>> rows = [chain(1.0, 3.0), chain(3.02, 0.99), chain(2.0, 2.0)]
    >>> endings_of_starts(rows, [Trained(0.5), Trained(0.5), Trained(0.6)], best=0)
    ['same', 'exchanged', 'higher']
    """
    lowest = ended[best].objective
    endings = []
    for own, end in zip(rows, ended, strict=True):
        if end.failure is not None:
            endings.append(DIVERGED)
        elif end.objective - lowest > EQUAL * abs(lowest):
            endings.append(HIGHER)
        elif _are_close(own, rows[best], ("node", "parameter")):
            endings.append(SAME)
        elif _are_close(own, rows[best], ("parameter",)):
            endings.append(EXCHANGED)
        else:
            endings.append(OTHER)
    return endings


def _are_close(
    some: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]], kinds: Sequence[str]
) -> bool:
    """Return whether values agree, of each kind in order of size: units have no order."""
    one, other = (
        pd.DataFrame(rows, columns=["node", "parameter", "value"])
        .sort_values([*kinds, "value"])["value"]
        .to_numpy(float)
        for rows in (some, others)
    )
    return bool(np.all(abs(one - other) <= CLOSE * np.maximum(abs(one), abs(other))))
