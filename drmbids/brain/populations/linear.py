"""Linear populations: a state space whose dynamics are stable whatever training does."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import DRMPopulation, prefer_inputs
from drmbids.brain.populations.leaky import DEFAULT_TAUS
from drmbids.maths.loops.scan import linear_scan

#: Longest time constant in seconds that the dynamics can have: a few of the longest runs.
LONGEST_TAU = 1000.0


class Linear(DRMPopulation):
    """Units that excite and inhibit each other linearly: ``dx/dt = A (x - W u - b)``.

    Activity is the mean of ``x`` over the tick. It approaches ``W u + b``, the response to a
    lasting input, in the way that ``A`` says: units may integrate, oscillate, or hand activity on
    to each other. Input is constant within a tick and the equation is solved exactly over it.
    ``A = S - S^T - L L^T - 1 / 1000 s`` has eigenvalues with negative real parts for every ``S``
    and ``L``, so no training step can make the population diverge. Units start alone, with time
    constants of 0.3, 3 and 10 s.

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.

    References
    ----------
    Friston et al. 2003, NeuroImage 19:1273 (bilinear models of neural populations, here without
    modulation); Duan and Patton 1998, IEEE Trans Autom Control 43:1607 (matrices with a negative
    definite symmetric part are stable).

    Examples
    --------
    >>> import torch
    >>> population = Linear(4, 2)
    >>> activity, _ = population([torch.rand(10, 1, 2)], population.initial_state(1))
    >>> activity.shape
    torch.Size([10, 1, 4])
    >>> bool((torch.linalg.eigvals(population.dynamics()).real < 0).all())
    True
    """

    holds_signs = True

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__(n_units, n_inputs)
        self.weight = nn.Parameter(torch.empty(n_units, n_inputs))
        self.bias = nn.Parameter(torch.zeros(n_units))
        self.turning = nn.Parameter(torch.zeros(n_units, n_units))
        self.damping = nn.Parameter(torch.zeros(n_units, n_units))
        self.initialise_inputs(n_inputs)

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights and deal out the time constants, so that each input meets all.

        A little coupling between units breaks ties.
        """
        prefer_inputs(self.weight, n_stimulus)
        group = torch.arange(self.n_units) // (n_stimulus or self.n_inputs)
        taus = torch.tensor(DEFAULT_TAUS)[group % len(DEFAULT_TAUS)]
        with torch.no_grad():
            self.damping.copy_(torch.diag((1 / taus - 1 / LONGEST_TAU).sqrt()))
            self.turning.normal_(0.0, 0.01)

    def dynamics(self) -> Tensor:
        """Return the matrix ``A`` in 1/s, shape (n_units, n_units), ``[to][from]``."""
        least = torch.eye(self.n_units, dtype=self.weight.dtype, device=self.weight.device)
        turning = self.turning - self.turning.mT
        return turning - self.damping @ self.damping.mT - least / LONGEST_TAU

    def initial_state(self, batch: int) -> Tensor:
        """Return ``x`` before the run: zero, shape (batch, n_units)."""
        return self.weight.new_zeros(batch, self.n_units)

    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return activity of shape (L, batch, n_units) and ``x`` at the end of the block."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        target = nn.functional.linear(x, self.signed(self.weight), self.bias)
        step, mean = self._propagators()
        ends = linear_scan(step, target - target @ step.mT, state)
        away = torch.cat((state[None], ends[:-1])) - target
        return target + away @ mean.mT, ends[-1]

    def _propagators(self) -> tuple[Tensor, Tensor]:
        """Return ``exp(A dt)`` and its mean over a tick (Van Loan 1978, IEEE Trans AC 23:395)."""
        n, A = self.n_units, self.dynamics() * self.resolution
        above = torch.cat((A, torch.eye(n, dtype=A.dtype, device=A.device)), 1)
        block = torch.linalg.matrix_exp(torch.cat((above, torch.zeros_like(above))))
        return block[:n, :n], block[:n, n:]

    def input_weights(self) -> Tensor:
        """Return the weights on the afferents, shape (n_units, n_inputs)."""
        return self.signed(self.weight)
