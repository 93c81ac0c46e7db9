"""An item of a stream of windows, and how it is cut into shorter ones."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import torch

from drmbids.core.time import TICK_TOLERANCE

#: What an iterator yields; see :class:`~drmbids.DRMIterator`.
Item = dict[str, Any]


def split_item(item: Item, n_ticks: int, resolution: float) -> Iterator[Item]:
    """Yield an item in pieces of at most ``n_ticks`` ticks, itself where it is no longer.

    Parameters
    ----------
    item : dict
        From a :class:`~drmbids.DRMIterator`.
    n_ticks : int
        Ticks in a piece.
    resolution : float
        Seconds per tick.
    """
    total = item["stimulus"][0].shape[0]
    if total <= n_ticks:
        yield item
        return
    # a measurement at the very start of a tick is due in the piece that holds the tick
    tick = torch.floor(item["times"] / resolution + TICK_TOLERANCE).clamp(0, total - 1).tolist()
    for start in range(0, total, n_ticks):
        stop = min(start + n_ticks, total)
        rows = slice(bisect_left(tick, start), bisect_left(tick, stop))
        yield {
            **item,
            "stimulus": [s[start:stop] for s in item["stimulus"]],
            "times": item["times"][rows] - start * resolution,
            "response": item["response"][rows],
            "confounds": item["confounds"][rows],
            "nuisance": [basis[rows] for basis in item["nuisance"]],
            "weight": None if item.get("weight") is None else item["weight"][rows],
            "first": item["first"] and start == 0,
            "last": item["last"] and stop == total,
        }
