"""Reduced Wong-Wang masses with excitatory and inhibitory cells."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass
from drmbids.brain.populations.wong_wang import firing_rate


class ReducedWongWangEI(Mass):
    """Shares of open receptors, NMDA of excitatory cells ``S_e`` and GABA of inhibitory ``S_i``.

    ``dS_e/dt = -S_e / tau_e + (1 - S_e) gamma H_e(W_e I_o + w J_N S_e + J_N drive - J_i S_i)``,
    ``dS_i/dt = -S_i / tau_i + gamma_i H_i(W_i I_o + J_N S_e - S_i)``,
    ``H(x) = (a x - b) / (1 - exp(-d (a x - b)))``.

    Activity is ``S_e``. ``J_i``, a value for each region, balances excitation and inhibition.

    References
    ----------
    Deco et al. 2014, J Neurosci 34:7886, equations 1 to 6 and table 1 (times there in ms, ``gamma``
    in 1/ms for rates in Hz).

    Examples
    --------
    A region without input fires at about 3 Hz, where ``S_e`` is 0.16:

    >>> import torch
    >>> population = ReducedWongWangEI(1, 1, coupled=True)
    >>> activity, _ = population([torch.zeros(2000, 1, 1)], population.initial_state(1))
    >>> round(activity[-1].item(), 2)
    0.16
    """

    resolution: float = 0.001
    longest_step: ClassVar = 0.001
    variables: ClassVar = ("S_e", "S_i")
    start: ClassVar = (0.1, 0.05)
    source: ClassVar = "Deco et al. 2014, J Neurosci 34:7886"
    constants: ClassVar = {
        "a_e": Constant(310.0, "Hz/nA", "gain of excitatory cells", 0.0),
        "b_e": Constant(125.0, "Hz", "threshold of excitatory cells"),
        "d_e": Constant(0.16, "s", "curvature of the rate of excitatory cells", 0.0),
        "a_i": Constant(615.0, "Hz/nA", "gain of inhibitory cells", 0.0),
        "b_i": Constant(177.0, "Hz", "threshold of inhibitory cells"),
        "d_i": Constant(0.087, "s", "curvature of the rate of inhibitory cells", 0.0),
        "gamma": Constant(0.641, "1", "share of NMDA receptors that a spike opens", 0.0),
        "gamma_i": Constant(1.0, "1", "share of GABA receptors that a spike opens", 0.0),
        "tau_e": Constant(0.1, "s", "decay time of NMDA gating", 0.0, 1.0),
        "tau_i": Constant(0.01, "s", "decay time of GABA gating", 0.0, 1.0),
        "w": Constant(1.4, "1", "recurrent excitation", 0.0, 10.0),
        "J_N": Constant(0.15, "nA", "excitatory synaptic coupling", 0.0, 5.0),
        "J_i": Constant(1.0, "nA", "inhibition of excitatory cells", 0.0, 20.0),
        "W_e": Constant(1.0, "1", "share of the outside current to excitatory cells", 0.0),
        "W_i": Constant(0.7, "1", "share of the outside current to inhibitory cells", 0.0),
        "I_o": Constant(0.382, "nA", "current from outside the model"),
    }

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dS_e/dt and dS_i/dt in 1/s."""
        S_e, S_i = state
        heard = p["J_N"] * (p["w"] * S_e + drive) - p["J_i"] * S_i + p["W_e"] * p["I_o"]
        x_i = p["J_N"] * S_e - S_i + p["W_i"] * p["I_o"]
        rate_e = firing_rate(p["a_e"] * heard - p["b_e"], p["d_e"])
        rate_i = firing_rate(p["a_i"] * x_i - p["b_i"], p["d_i"])
        return (
            (1 - S_e) * p["gamma"] * rate_e - S_e / p["tau_e"],
            p["gamma_i"] * rate_i - S_i / p["tau_i"],
        )
