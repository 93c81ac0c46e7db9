"""Samples of the past from a list of consecutive blocks."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Block(NamedTuple):
    """Activity of one population over the ticks ``[start, stop)`` of a window.

    The past that a window inherits is a block that ends at tick 0.
    """

    start: int
    stop: int
    activity: Tensor  # shape: (stop - start, batch, unit)


def past_block(tail: Tensor) -> Block:
    """Return the samples before a window as a block, ``tail`` of shape (n_ticks, batch, unit)."""
    return Block(-tail.shape[0], 0, tail)


def gather(blocks: Sequence[Block], start: int, stop: int) -> Tensor:
    """Return the samples of the ticks ``[start, stop)``.

    Blocks stay a list that is searched from its end: writing into one buffer, or slicing one, per
    block would make the backward pass quadratic in the length of the window.

    Parameters
    ----------
    blocks : sequence of Block
        Consecutive in time.
    start, stop : int
        Ticks of the window; negative ones lie before it.

    Returns
    -------
    Tensor of shape (stop - start, batch, unit)
    """
    pieces: list[Tensor] = []
    for block in reversed(blocks):
        low, high = max(start, block.start), min(stop, block.stop)
        if low < high:
            whole = low == block.start and high == block.stop
            part = block.activity[low - block.start : high - block.start]
            pieces.append(block.activity if whole else part)
        if block.start <= start:
            break
    return pieces[0] if len(pieces) == 1 else torch.cat(pieces[::-1])
