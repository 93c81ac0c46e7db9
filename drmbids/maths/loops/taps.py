"""Reading the past at delays that are no whole number of ticks, so that they can be learned.

Linear interpolation between the two ticks around a delay has a gradient, the slope of the signal
there; a delay that is wrong by more than the signal is correlated over gets none that is of use. A
wide kernel about the delay sees further: training begins with one and narrows it to interpolation
(Hammouamri et al. 2024, ICLR, arXiv:2306.17670, who narrow a Gaussian).
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Elements gathered at a time: 16 MB in float32, more than which no cache holds.
CHUNK = 2**22


def interpolation_taps(delay: Tensor, shortest: int, longest: int) -> tuple[Tensor, Tensor]:
    """Return the two ticks around each delay and their shares.

    Parameters
    ----------
    delay : Tensor of shape (...)
        In ticks, between the limits but for rounding.
    shortest, longest : int
        First and last tick that can be read.

    Returns
    -------
    ticks : Tensor of shape (..., 2), int64
    shares : Tensor of shape (..., 2)

    Examples
    --------
    >>> import torch
    >>> interpolation_taps(torch.tensor(2.25), 0, 10)
    (tensor([2, 3]), tensor([0.7500, 0.2500]))
    """
    before = delay.detach().floor()
    late = delay - before
    ticks = torch.stack((before, before + 1), -1).long().clamp(shortest, longest)
    return ticks, torch.stack((1 - late, late), -1)


def wide_kernel(delay: Tensor, width: Tensor, shortest: int, longest: int) -> Tensor:
    """Return a triangular kernel about each delay, cut off at the ticks that can be read.

    Parameters
    ----------
    delay : Tensor of shape (...)
        In ticks.
    width : Tensor of shape (...)
        Half of the base of the triangle in ticks; below 1 it counts as 1, linear interpolation.
    shortest, longest : int
        First and last tick that can be read.

    Returns
    -------
    Tensor of shape (..., longest - shortest + 1)
        From the longest to the shortest delay; sums to 1.

    Examples
    --------
    >>> import torch
    >>> wide_kernel(torch.tensor(2.0), torch.tensor(2.0), 0, 4)
    tensor([0.0000, 0.2500, 0.5000, 0.2500, 0.0000])
    """
    ticks = torch.arange(longest, shortest - 1, -1, device=delay.device)
    away = (ticks - delay.unsqueeze(-1)).abs()
    kernel = (1 - away / width.clamp(min=1).unsqueeze(-1)).clamp(min=0)
    return kernel / kernel.sum(-1, keepdim=True)


def read_taps(sent: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Return the weighted sum of delayed copies of all units.

    Parameters
    ----------
    sent : Tensor of shape (n_ticks + n_before, batch, n)
    rows : Tensor of shape (n_taps, n_ticks), int64
        Where in ``sent`` each tick of each copy stands.
    weights : Tensor of shape (n_taps,)

    Returns
    -------
    Tensor of shape (n_ticks, batch, n)
    """
    copies = sent.index_select(0, rows.reshape(-1))
    return (weights @ copies.view(len(weights), -1)).view(-1, *sent.shape[1:])


class _PairSum(torch.autograd.Function):
    # Nothing is kept of what is gathered, which is as large as all pairs at all ticks: the backward
    # pass gathers again, and only where the weights are trained.
    generate_vmap_rule = True

    @staticmethod
    def forward(sent: Tensor, index: Tensor, weights: Tensor, n_ticks: int) -> Tensor:
        flat = sent.transpose(0, 1).flatten(1)
        parts = [
            torch.linalg.vecdot(_gather(flat, places, weights.shape), weights)
            for places in _places(index, n_ticks, sent)
        ]
        return torch.cat(parts, 1).transpose(0, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        sent, index, weights, ctx.n_ticks = inputs
        ctx.save_for_backward(sent, index, weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        sent, index, weights = ctx.saved_tensors
        flat, at_output = sent.transpose(0, 1).flatten(1), grads[0].transpose(0, 1).unsqueeze(-1)
        at_sent, at_weights, start = torch.zeros_like(flat), torch.zeros_like(weights), 0
        for places in _places(index, ctx.n_ticks, sent):
            n = len(places)
            now = at_output[:, start : start + n]
            start += n
            if ctx.needs_input_grad[0]:
                at_sent = at_sent.index_add(1, places.reshape(-1), (now * weights).flatten(1))
            if ctx.needs_input_grad[2]:
                at_weights = at_weights + (_gather(flat, places, weights.shape) * now).sum((0, 1))
        n_all, batch, n_units = sent.shape
        return at_sent.view(batch, n_all, n_units).transpose(0, 1), None, at_weights, None


def _places(index: Tensor, n_ticks: int, sent: Tensor) -> list[Tensor]:
    """Return where in the flattened past each tap is read, in chunks (ticks, taps of all)."""
    batch, n_units = sent.shape[1:]
    step = max(1, CHUNK // max(1, batch * index.numel()))
    ticks = torch.arange(n_ticks, device=index.device).split(step)
    return [index.reshape(-1) + n_units * t.unsqueeze(-1) for t in ticks]


def _gather(flat: Tensor, places: Tensor, shape: torch.Size) -> Tensor:
    """Return what stands at the places, shape (batch, ticks, *shape)."""
    return flat.index_select(1, places.reshape(-1)).view(len(flat), len(places), *shape)


def sum_pairs(sent: Tensor, index: Tensor, weights: Tensor, n_ticks: int) -> Tensor:
    """Return, for each target, a weighted sum over taps that each read one unit at one delay.

    Parameters
    ----------
    sent : Tensor of shape (n_ticks + n_before, batch, n)
    index : Tensor of shape (n_targets, n_taps), int64
        Where each tap of the first tick is read: ``row of sent * n + unit``.
    weights : Tensor of shape (n_targets, n_taps)
    n_ticks : int

    Returns
    -------
    Tensor of shape (n_ticks, batch, n_targets)
        Can be differentiated once, by ``sent`` and ``weights``.

    Examples
    --------
    >>> import torch
    >>> sent = torch.arange(6.0).view(3, 1, 2)
    >>> sum_pairs(sent, torch.tensor([[0, 3]]), torch.tensor([[1.0, 10.0]]), 2).flatten()
    tensor([30., 52.])
    """
    return _PairSum.apply(sent, index, weights, n_ticks)
