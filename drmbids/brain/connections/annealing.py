"""From wide to narrow: how training finds delays that start far from where they belong.

The gradient of a delay is the slope of the signal there. Where the delay is wrong by more than the
signal is correlated over, that slope is of no use, and training ends in a nearby local minimum. A
delay read through a wide kernel feels all of the past that the kernel covers; as the kernel narrows
the delay settles where the signal is.
"""

from torch import nn

from drmbids.brain.connections.base import DRMConnection

#: Width at the start, as a share of the range between the limits of a delay: from anywhere within
#: them the kernel reaches at least half of the range.
FIRST_WIDTH = 0.5
#: The same where delays begin at the lowest of 32 values all over their range
#: (:mod:`drmbids.fit.training.profiles`): the kernel reaches the values beside it, no other
#: minimum.
SOUGHT_WIDTH = 1 / 16
#: Share of the epochs in which the width falls in a straight line; the rest is interpolation alone,
#: so that delays end where the model that is kept has them.
ANNEALED = 2 / 3


def delay_width(epoch: int, n_epochs: int, first: float = FIRST_WIDTH) -> float:
    """Return the width of kernels in an epoch, 0 where the past is interpolated.

    Parameters
    ----------
    epoch : int
        From 0 on.
    n_epochs : int
        Epochs of training in all.
    first : float
        Width at the start.

    Examples
    --------
    >>> [delay_width(epoch, 6) for epoch in range(6)]
    [0.5, 0.375, 0.25, 0.125, 0.0, 0.0]
    """
    n_wide = ANNEALED * n_epochs
    return first * (1 - epoch / n_wide) if epoch < n_wide else 0.0


def set_delay_width(net: nn.Module, width: float) -> bool:
    """Set the width of kernels of all connections of a net whose delays are trained.

    Parameters
    ----------
    net : Module
        Any module with connections among its parts.
    width : float
        Half-width of the kernel as a share of the range between the limits of each delay; 0 is
        linear interpolation.

    Returns
    -------
    bool
        Whether there is such a connection.

    Examples
    --------
    >>> from drmbids import DRMConnection, LearnedDelay
    >>> learned = LearnedDelay(0.2, delay_min=0.1, delay_max=0.5)
    >>> set_delay_width(learned, 0.5), learned.width
    (True, 0.5)
    >>> set_delay_width(DRMConnection(0.2), 0.5)
    False
    """
    learned = [m for m in net.modules() if isinstance(m, DRMConnection) and m.learns_delay]
    for connection in learned:
        connection.width = width
    return bool(learned)


def anneal_delays(net: nn.Module, epoch: int, n_epochs: int, first: float = FIRST_WIDTH) -> bool:
    """Set the width of kernels for an epoch of training.

    Parameters
    ----------
    net : Module
        Any module with connections among its parts.
    epoch, n_epochs, first
        As for :func:`delay_width`.

    Returns
    -------
    bool
        Whether this is the first epoch without wide kernels. Losses from before cannot be compared
        with those from now on, and the moments that an optimiser keeps of gradients through wide
        kernels would slow the steps that follow: both are to be forgotten.

    Examples
    --------
    >>> from drmbids import LearnedDelay
    >>> learned = LearnedDelay(0.2, delay_min=0.1, delay_max=0.5)
    >>> [anneal_delays(learned, epoch, 6) for epoch in range(6)]
    [False, False, False, False, True, False]
    """
    width = delay_width(epoch, n_epochs, first)
    learned = set_delay_width(net, width)
    return learned and epoch > 0 and width == 0.0 < delay_width(epoch - 1, n_epochs, first)
