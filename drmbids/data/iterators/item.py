"""An item of a stream of windows, and how it is cut into shorter ones."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from drmbids.data.runs.align import ONLY
from drmbids.data.runs.time import TICK_TOLERANCE

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
    several = item.get("readouts")
    measured = {ONLY: item} if several is None else several
    due = {name: _ticks_of(part["times"], total, resolution) for name, part in measured.items()}
    for start in range(0, total, n_ticks):
        stop = min(start + n_ticks, total)
        parts = {}
        for name, part in measured.items():
            rows = slice(bisect_left(due[name], start), bisect_left(due[name], stop))
            parts[name] = _some_rows(part, rows, start * resolution)
        yield {
            **item,
            **(parts[ONLY] if several is None else {"readouts": parts}),
            "stimulus": [s[start:stop] for s in item["stimulus"]],
            "first": item["first"] and start == 0,
            "last": item["last"] and stop == total,
        }


def _ticks_of(times: Tensor, total: int, resolution: float) -> list[float]:
    """Return the ticks at which measurements are due."""
    # a measurement at the very start of a tick is due in the piece that holds the tick
    return torch.floor(times / resolution + TICK_TOLERANCE).clamp(0, total - 1).tolist()


def _some_rows(measured: Mapping[str, Any], rows: slice, since: float) -> Item:
    """Return some of what a readout measured, its times from another start on."""
    return {
        "times": measured["times"][rows] - since,
        "response": measured["response"][rows],
        "confounds": measured["confounds"][rows],
        "nuisance": [basis[rows] for basis in measured["nuisance"]],
        "weight": None if measured.get("weight") is None else measured["weight"][rows],
    }


def part_of(item: Item, readout: str) -> Item:
    """Return an item as a model with only this readout would get it.

    Parameters
    ----------
    item : dict
        From a :class:`~drmbids.DRMIterator`.
    readout : str
        Its name; :data:`drmbids.data.runs.align.ONLY` where there is but one.
    """
    if readout == ONLY:
        return item
    return {**item, **item["readouts"][readout]}
