"""First-order equations over ticks: the state at the end of a tick, and the mean within it.

``tau ds/dt = -s + u`` with a target ``u`` that is constant within a tick has the exact solution
``s(t) = s(t - 1) + approach (u - s(t - 1))`` at the end of a tick. Its mean over the tick, which is
what activity of a tick is, is a weighted mean of both ends, ``(1 - late) s(t - 1) + late s(t)``.
"""

import torch
from torch import Tensor

from drmbids.maths.loops.scan import leaky_scan

#: Ticks in a time constant below which the weight of the end is worked out by its series: the first
#: term left out is below the rounding of double precision there.
FEW = 0.3


def tick_weights(ticks: Tensor) -> Tensor:
    """Return how far a state goes in a tick, and what its end weighs in the mean over the tick.

    Parameters
    ----------
    ticks : Tensor of shape (n_units,)
        Length of a tick in time constants, above 0.

    Returns
    -------
    Tensor of shape (2, n_units)
        ``approach = 1 - exp(-x)``, the share of the way to the target, and
        ``late = 1 / (1 - exp(-x)) - 1 / x``, which grows from a half to 1.

    Examples
    --------
    >>> import torch
    >>> tick_weights(torch.tensor([1e-6, 1.0, 1e6]))
    tensor([[1.0000e-06, 6.3212e-01, 1.0000e+00],
            [5.0000e-01, 5.8198e-01, 1.0000e+00]])
    """
    approach = -torch.expm1(-ticks)
    is_small = ticks < FEW
    x = torch.where(is_small, ticks, 1.0)
    square = x * x
    # Bernoulli numbers over factorials
    series = 1 / 12 - square * (
        1 / 720 - square * (1 / 30240 - square * (1 / 1209600 - square / 47900160))
    )
    large = torch.where(is_small, 1.0, ticks)
    late = torch.where(is_small, 0.5 + x * series, -1 / torch.expm1(-large) - 1 / large)
    return torch.stack((approach, late))


def follow(target: Tensor, ticks: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean over each tick of what follows a target, and its state after the block.

    Parameters
    ----------
    target : Tensor of shape (L, batch, n_units)
        Constant within each tick.
    ticks : Tensor of shape (n_units,)
        Length of a tick in time constants.
    state : Tensor of shape (batch, n_units)
        At the end of the tick before the block.

    Returns
    -------
    means : Tensor of shape (L, batch, n_units)
    state : Tensor of shape (batch, n_units)
        At the end of the last tick.

    Examples
    --------
    The mean of ``1 - exp(-t)`` between 0 and 1 is ``exp(-1)``:

    >>> import torch
    >>> means, end = follow(torch.ones(1, 1, 1), torch.ones(1), torch.zeros(1, 1))
    >>> round(means.item(), 4), round(end.item(), 4)
    (0.3679, 0.6321)
    """
    approach, late = tick_weights(ticks).unbind(0)
    ends = leaky_scan(torch.exp(-ticks), approach * target, state)
    return torch.lerp(torch.cat((state[None], ends[:-1])), ends, late), ends[-1]
