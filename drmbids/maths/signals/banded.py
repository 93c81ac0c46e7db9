"""Sums over the recent past of many measured times, with memory in proportion to their number.

A matrix between all measured times and all ticks is zero but for a band: a measurement sees the
ticks of the ``reach`` before it alone. Ticks are cut into stretches about as long as that; the
measured times that end in one form blocks, each with a small matrix of its own.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

#: Most rows of a block over the mean number of measured times of a stretch: stretches of regular
#: samples differ by one, and each of them is one block.
SPARE = 1.25


@dataclass(frozen=True, eq=False)
class Bands:
    """Which ticks the measured times see, block by block.

    Parameters
    ----------
    step : int
        Ticks from one stretch to the next.
    reach : int
        Ticks before a stretch that its measurements see too.
    n_stretches : int
        Stretches that cover all measured times.
    stretch : Tensor of shape (n_blocks,)
        The stretch that each block ends in.
    lag : Tensor of shape (n_blocks, n_rows, step + reach)
        Seconds from the middles of ticks to measured times; infinite in rows that stand for none.
    place : Tensor of shape (n_measured,)
        Row of each measured time, those of all blocks one after the other.
    """

    step: int
    reach: int
    n_stretches: int
    stretch: Tensor
    lag: Tensor
    place: Tensor

    def on(self, device: torch.device) -> "Bands":
        """Return the same without the lags, on a device."""
        return replace(
            self,
            stretch=self.stretch.to(device),
            lag=self.lag[:0],
            place=self.place.to(device),
        )


def make_bands(times: Tensor, n_past: int, n_ticks: int, resolution: float, length: float) -> Bands:
    """Return the bands of measured times.

    Parameters
    ----------
    times : Tensor of shape (n_measured,)
        Seconds from the start of the window, in any order.
    n_past, n_ticks : int
        Ticks before and within the window.
    resolution : float
        Seconds per tick.
    length : float
        Seconds for which a tick is seen after it.

    Examples
    --------
    >>> import torch
    >>> bands = make_bands(torch.arange(0.0, 1000.0), 30, 1000, 1.0, 30.0)
    >>> tuple(bands.lag.shape)
    (32, 33, 66)
    """
    at = times.detach().to("cpu", torch.float64).numpy()
    step = reach = math.ceil(length / resolution) + 3
    # the last tick that may be seen, counted from the first of the past; what is far outside sees
    # nothing wherever it is put
    last = np.floor(at / resolution).astype(int) + 1 + n_past
    within = np.clip(last, 0, n_past + n_ticks + reach) // step
    order = np.argsort(within, kind="stable")
    used, first, counts = np.unique(within[order], return_index=True, return_counts=True)
    # about what a stretch holds: more is shared out among blocks, less is left empty
    n_rows = min(int(counts.max()), math.ceil(SPARE * len(at) / len(used)))
    slot = np.arange(len(at)) - np.repeat(first, counts)
    # blocks of one stretch, as many as its measured times need
    n_blocks = -(-counts // n_rows)
    block = np.repeat(np.cumsum(n_blocks) - n_blocks, counts) + slot // n_rows
    stretch = np.repeat(used, n_blocks)
    row = np.empty(len(at), dtype=int)
    row[order] = block * n_rows + slot % n_rows
    until = np.full(len(stretch) * n_rows, np.inf)
    until[row] = at
    ticks = stretch[:, None] * step + np.arange(step + reach) - reach - n_past
    lag = until.reshape(-1, n_rows, 1) - ((ticks + 0.5) * resolution)[:, None]
    return Bands(
        step,
        reach,
        int(used[-1]) + 1,
        torch.from_numpy(stretch),
        torch.from_numpy(lag),
        torch.from_numpy(row),
    )


def banded_product(matrix: Tensor, bands: Bands, activity: Tensor) -> Tensor:
    """Return the sums over ticks of a matrix, given in blocks, times activity.

    Parameters
    ----------
    matrix : Tensor of shape (n_basis, n_blocks, n_rows, step + reach)
        In the layout of :attr:`Bands.lag`.
    bands : Bands
        On the device of the matrix.
    activity : Tensor of shape (n_past + n_ticks, batch, n_units)

    Returns
    -------
    Tensor of shape (n_basis, n_measured, batch, n_units)
    """
    n_more = max(bands.n_stretches * bands.step - len(activity), 0)
    silence = activity.new_zeros(1, *activity.shape[1:])
    padded = torch.cat(
        [
            silence.expand(bands.reach, -1, -1),
            activity[: bands.n_stretches * bands.step],
            silence.expand(n_more, -1, -1),
        ]
    )
    seen = padded.unfold(0, bands.step + bands.reach, bands.step)  # (stretch, batch, unit, tick)
    product = torch.einsum("pgrw,gbuw->pgrbu", matrix, seen.index_select(0, bands.stretch))
    return product.flatten(1, 2)[:, bands.place]
