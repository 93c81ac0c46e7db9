"""Long short-term memory."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import DRMPopulation

State = tuple[Tensor, Tensor]


class LSTM(DRMPopulation):
    """Long short-term memory (:class:`torch.nn.LSTM`): units with a cell that gates protect.

    A network of ticks, not of time: activity is constant within a tick, and another resolution is
    another model.

    What :class:`~drmbids.GRU` learns in most data with fewer weights; the cell can hold a value, a
    count say, for as long as its gates are shut.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.

    References
    ----------
    Hochreiter and Schmidhuber 1997, Neural Computation 9:1735; Gers et al. 2000, Neural Computation
    12:2451 (forget gate); Guclu and van Gerven 2017, Front Comput Neurosci 11:7 (for BOLD).

    Examples
    --------
    >>> import torch
    >>> population = LSTM(4, 2)
    >>> activity, (hidden, cell) = population([torch.rand(10, 3, 2)], population.initial_state(3))
    >>> activity.shape, cell.shape
    (torch.Size([10, 3, 4]), torch.Size([1, 3, 4]))
    """

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.lstm = nn.LSTM(n_inputs, n_units)

    def initial_state(self, batch: int) -> State:
        """Return hidden state and cell before the run: zero, each of shape (1, batch, n_units)."""
        zero = self.lstm.weight_hh_l0.new_zeros(1, batch, self.n_units)
        return zero, zero.clone()

    def forward(self, inputs: Sequence[Tensor], state: State) -> tuple[Tensor, State]:
        """Return activity of shape (L, batch, n_units) and the state."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        # what torch.nn.LSTM cannot do for many models at once (torch.vmap), a loop does
        if any(map(torch._C._functorch.is_batchedtensor, (x, self.lstm.weight_hh_l0))):
            return self._loop(x, state)
        return self.lstm(x, state)

    def _loop(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        lstm, (hidden, cell), ticks = self.lstm, (s[0] for s in state), []
        drive = nn.functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)
        for now in drive.unbind(0):
            gates = now + hidden @ lstm.weight_hh_l0.mT
            into, forget, candidate, out = gates.chunk(4, -1)
            cell = forget.sigmoid() * cell + into.sigmoid() * candidate.tanh()
            hidden = out.sigmoid() * cell.tanh()
            ticks.append(hidden)
        return torch.stack(ticks), (hidden[None], cell[None])
