"""Gated recurrent units."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import DRMPopulation, GatedForm
from drmbids.maths.loops.recurrence import gated_recurrence

#: Ticks from which the recurrence without a graph is faster on the CPU.
MIN_TICKS = 8


class GRU(DRMPopulation):
    """Gated recurrent units (:class:`torch.nn.GRU`): a population that learns what to remember.

    A network of ticks, not of time: activity is constant within a tick, and another resolution is
    another model.

    On the CPU the recurrence runs without a graph through time: on one core, forward and backward,
    5 times as fast as :class:`torch.nn.GRU` with 8 units, 3.5 times with 128, 1.3 times with 128
    units in each of 16 runs, as fast with 64 runs. On other devices, and for a few ticks at a time,
    it is :class:`torch.nn.GRU`, but for many models at once (:func:`torch.vmap`), which that cannot
    run.

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
        many_models = any(map(torch._C._functorch.is_batchedtensor, (x, self.gru.weight_hh_l0)))
        if not many_models and (not x.is_cpu or len(x) < MIN_TICKS):
            return self.gru(x, state)
        weight, bias, recurrent, recurrent_bias = self._form()
        drive = nn.functional.linear(x, weight, bias)
        activity = gated_recurrence(state, drive, recurrent, recurrent_bias)
        return activity, activity[-1:]

    def loop_form(self) -> GatedForm | None:
        """Return the units with their gates; None for a subclass with another ``forward``."""
        return self._form() if type(self).forward is GRU.forward else None

    def _form(self) -> GatedForm:
        n, gru = self.n_units, self.gru
        # the biases of both gates are sums; that of the candidate's recurrent part stands alone
        to_gates = nn.functional.pad(gru.bias_hh_l0[: 2 * n], (0, n))
        return GatedForm(
            gru.weight_ih_l0,
            gru.bias_ih_l0 + to_gates,
            gru.weight_hh_l0.roll(n, 0),
            gru.bias_hh_l0[2 * n :],
        )
