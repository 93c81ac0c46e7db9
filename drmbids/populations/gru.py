"""Gated recurrent units."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from drmbids.populations.base import DRMPopulation


class GRU(DRMPopulation):
    """Gated recurrent units (:class:`torch.nn.GRU`): a population that learns what to remember.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.

    References
    ----------
    Cho et al. 2014, EMNLP, arXiv:1406.1078.

    Examples
    --------
    >>> import torch
    >>> population = GRU(4, 2)
    >>> activity, state = population([torch.rand(10, 3, 2)], population.initial_state(3))
    >>> activity.shape
    torch.Size([10, 3, 4])
    """

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.gru = nn.GRU(n_inputs, n_units)

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before the run: zero, shape (1, batch, n_units)."""
        return self.gru.weight_hh_l0.new_zeros(1, batch, self.n_units)

    def forward(self, inputs: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Return activity of shape (L, batch, n_units) and the state."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        return self.gru(x, state)
