"""What one window hands to the next."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Carry(NamedTuple):
    """The past that a window needs: plain tensors, so it can be detached, copied or saved.

    Attributes
    ----------
    stimuli : tuple of Tensor of shape (n_past, batch, n_columns)
        Last ticks of each stimulus, as many as its longest delay.
    activity : tuple of Tensor of shape (n_past, batch, n_units)
        Last ticks of each population: its longest delay or the memory of the readout.
    states : tuple of Tensor, tuple or None
        State of each population.
    connections : tuple of tuple or None
        State of each connection, in the order of the net; empty where none remembers anything.
    """

    stimuli: tuple[Tensor, ...]
    activity: tuple[Tensor, ...]
    states: tuple[Any, ...]
    connections: tuple[Any, ...] = ()

    def detach(self) -> "Carry":
        """Return the same values cut off from the graph: where backpropagation is truncated."""
        return Carry(*(map_tensors(Tensor.detach, part) for part in self))


def map_tensors(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """Apply a function to every tensor of nested tuples and lists; None stays None."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, tuple | list):
        return tuple(map_tensors(function, branch) for branch in tree)
    return tree


def last_ticks(past: Tensor, new: Tensor) -> Tensor:
    """Return the last ``len(past)`` ticks of the past followed by what is new."""
    n = past.shape[0]
    if n == 0:
        return past
    if new.shape[0] >= n:
        return new[-n:]
    return torch.cat((past[new.shape[0] :], new))
