"""First-order recurrences over a block of ticks, without a loop over ticks."""

import torch
from torch import Tensor


def leaky_scan(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Return ``y[t] = decay * y[t - 1] + drive[t]`` for a block of ticks.

    The sum over the past is built by doubling: after ``k`` rounds every sample holds the last
    ``2**k`` terms, so ``log2(L)`` shifted additions replace ``L`` steps, forward and backward.

    Parameters
    ----------
    decay : Tensor of shape (n_units,)
        Between 0 and 1.
    drive : Tensor of shape (L, batch, n_units)
    initial : Tensor of shape (batch, n_units)
        ``y`` before the block.

    Returns
    -------
    Tensor of shape (L, batch, n_units)

    Examples
    --------
    >>> import torch
    >>> y = leaky_scan(torch.tensor([0.5]), torch.ones(3, 1, 1), torch.zeros(1, 1))
    >>> y.flatten().tolist()
    [1.0, 1.5, 1.75]
    """
    y = torch.cat((drive[:1] + decay * initial, drive[1:]))
    step, power = 1, decay
    while step < y.shape[0]:
        y = torch.cat((y[:step], y[step:] + power * y[:-step]))
        step, power = 2 * step, power * power
    return y


def linear_scan(step: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Return ``y[t] = step y[t - 1] + drive[t]`` for a block of ticks, by doubling as well.

    Parameters
    ----------
    step : Tensor of shape (n_units, n_units)
        ``[to][from]``, a contraction: its powers must not grow.
    drive : Tensor of shape (L, batch, n_units)
    initial : Tensor of shape (batch, n_units)
        ``y`` before the block.

    Returns
    -------
    Tensor of shape (L, batch, n_units)

    Examples
    --------
    >>> import torch
    >>> turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> linear_scan(turn, torch.zeros(3, 1, 2), torch.tensor([[1.0, 0.0]]))[:, 0].tolist()
    [[0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    """
    y = torch.cat((drive[:1] + initial @ step.mT, drive[1:]))
    length, power = 1, step
    while length < y.shape[0]:
        y = torch.cat((y[:length], y[length:] + y[:-length] @ power.mT))
        length, power = 2 * length, power @ power
    return y


def varying_scan(decay: Tensor, drive: Tensor, initial: Tensor) -> Tensor:
    """Return ``y[t] = decay[t] * y[t - 1] + drive[t]`` for a block of ticks, by doubling as well.

    Parameters
    ----------
    decay, drive : Tensor of shape (L, batch, n_units)
        The first between 0 and 1.
    initial : Tensor of shape (batch, n_units)
        ``y`` before the block.

    Returns
    -------
    Tensor of shape (L, batch, n_units)

    Examples
    --------
    >>> import torch
    >>> decay = torch.tensor([0.5, 0.0, 1.0]).view(3, 1, 1)
    >>> varying_scan(decay, torch.ones(3, 1, 1), torch.tensor([[4.0]])).flatten().tolist()
    [3.0, 1.0, 2.0]
    """
    y = torch.cat((drive[:1] + decay[:1] * initial, drive[1:]))
    length, product = 1, decay
    while length < y.shape[0]:
        y = torch.cat((y[:length], y[length:] + product[length:] * y[:-length]))
        product = torch.cat((product[:length], product[length:] * product[:-length]))
        length *= 2
    return y
