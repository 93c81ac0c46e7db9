"""Short-term plasticity: synapses that tire, or that activity strengthens for a while."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from drmbids.brain.connections.synapse import Synapse
from drmbids.maths.loops.scan import varying_scan


class TsodyksMarkram(Synapse):
    """Short-term depression and facilitation of a connection, by the activity that travels over it.

    ``dx/dt = (1 - x) / tau_recovery - u x r``, the share ``x`` of resources that is there;
    ``du/dt = (U - u) / tau_facilitation + U (1 - u) r``, the share ``u`` of it that a spike uses.

    What arrives is multiplied by ``u x / U`` at the middle of the tick, which is 1 for a connection
    at rest. The rate ``r`` is the activity, where it is above 0, times ``rate``. Both equations are
    linear in their variable and solved for a rate that is constant in a tick: exactly without
    facilitation (``tau_facilitation`` absent), where ``u`` stays ``U``, else with the ``u`` of the
    middle of the tick.

    Parameters
    ----------
    U : float
        Share of resources that a spike of a connection at rest uses, between 0 and 1.
    tau_recovery : float
        Recovery from depression in seconds.
    tau_facilitation : float, optional
        Decay of facilitation in seconds; no facilitation when absent.
    rate : float
        Hz that activity of 1 means.
    trainable : bool
        Whether training moves ``U`` and the time constants.

    References
    ----------
    Tsodyks and Markram 1997, PNAS 94:719 (depression); Tsodyks, Pawelzik and Markram 1998, Neural
    Comput 10:821, equations 2.3 and 2.5 to 2.7 (facilitation, mean rates).

    Examples
    --------
    Depression to ``1 / (1 + U tau r)`` of what a rested connection transmits:

    >>> import torch
    >>> synapse = TsodyksMarkram(U=0.5, tau_recovery=0.8, rate=10.0)
    >>> sent = torch.ones(100, 1, 1)
    >>> arrived, _ = synapse(sent, synapse.initial_state(1, 1))
    >>> round(arrived[-1].item(), 3), round(1 / (1 + 0.5 * 0.8 * 10), 3)
    (0.2, 0.2)
    """

    option_units: ClassVar = {"tau_recovery": "s", "tau_facilitation": "s", "rate": "Hz"}

    def __init__(
        self,
        U: float = 0.5,
        tau_recovery: float = 0.8,
        tau_facilitation: float | None = None,
        rate: float = 10.0,
        trainable: bool = True,
    ):
        super().__init__()
        self.facilitates = tau_facilitation is not None
        source = "Tsodyks et al. 1998, Neural Comput 10:821"
        self.add_parameter(
            "U",
            U,
            meaning="share of resources that a spike uses at rest",
            lower=0.0,
            upper=1.0,
            trainable=trainable,
            source=source,
        )
        self.add_time_constant("tau_recovery", tau_recovery, "recovery of resources", trainable)
        if tau_facilitation is not None:
            self.add_time_constant(
                "tau_facilitation", tau_facilitation, "decay of facilitation", trainable
            )
        self.add_parameter(
            "rate",
            rate,
            unit="Hz",
            meaning="firing rate that activity of 1 means",
            lower=0.0,
            trainable=False,
            source=source,
        )

    def initial_state(self, batch: int, n_units: int) -> Tensor:
        """Return what is used up, and what is facilitated: nothing, (2, batch, n_units)."""
        return self.value("U").new_zeros(2, batch, n_units)

    def forward(self, arrived: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return what passes, shape (L, batch, n_units), and the state."""
        U, tau, dt = self.value("U"), self.value("tau_recovery"), self.resolution
        rate = self.value("rate") * torch.relu(arrived)
        used, more = state
        # kept as distances from rest: 1 - x, and u - U
        u = U.expand_as(rate)
        if self.facilitates:
            after, u = _in_tick(
                1 / self.value("tau_facilitation") + U * rate, U * (1 - U) * rate, more, dt
            )
            u, more = U + u, after[-1]
        after, middle = _in_tick(1 / tau + u * rate, u * rate, used, dt)
        return arrived * u * (1 - middle) / U, torch.stack((after[-1], more))


def _in_tick(decay: Tensor, drive: Tensor, start: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """Return the solution of ``dz/dt = -decay z + drive`` at the ends and middles of ticks.

    Both are constant within a tick and of shape (L, batch, n_units); ``start`` is z before.
    """
    whole, half = torch.exp(-dt * decay), torch.exp(-dt / 2 * decay)
    end = varying_scan(whole, (1 - whole) * drive / decay, start)
    before: Any = torch.cat((start[None], end[:-1]))
    return end, half * before + (1 - half) * drive / decay
