"""Wilson-Cowan masses: excitatory and inhibitory cells of one piece of cortex."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass


class WilsonCowan(Mass):
    """Shares of excitatory cells ``E`` and inhibitory cells ``I`` that fire at a time.

    ``tau_e dE/dt = -E + (k_e - r_e E) S_e(c_1 E - c_2 I + P + drive)``,
    ``tau_i dI/dt = -I + (k_i - r_i I) S_i(c_3 E - c_4 I + Q)``,
    ``S(x) = 1 / (1 + exp(-a (x - theta))) - 1 / (1 + exp(a theta))``; ``k`` is the largest value
    of ``S``. Activity is ``E``. With the default constants, those of the paper's limit cycle, the
    cells oscillate; without ``P`` they rest at 0.

    References
    ----------
    Wilson and Cowan 1972, Biophys J 12:1, equations 11, 12 and 15.

    Examples
    --------
    >>> import torch
    >>> population = WilsonCowan(1, 1)
    >>> activity, _ = population([torch.zeros(400, 1, 1)], population.initial_state(1))
    >>> bool(activity[200:].max() - activity[200:].min() > 0.15)
    True
    """

    resolution: float = 0.001
    longest_step: ClassVar = 0.001
    variables: ClassVar = ("E", "I")
    start: ClassVar = (0.1, 0.05)
    source: ClassVar = "Wilson and Cowan 1972, Biophys J 12:1"
    constants: ClassVar = {
        "c_1": Constant(16.0, "1", "synapses from E to E", 0.0, 100.0),
        "c_2": Constant(12.0, "1", "synapses from I to E", 0.0, 100.0),
        "c_3": Constant(15.0, "1", "synapses from E to I", 0.0, 100.0),
        "c_4": Constant(3.0, "1", "synapses from I to I", 0.0, 100.0),
        "a_e": Constant(1.3, "1", "slope of the response of E", 0.0, 10.0),
        "theta_e": Constant(4.0, "1", "threshold of E", 0.0, 60.0),
        "a_i": Constant(2.0, "1", "slope of the response of I", 0.0, 10.0),
        "theta_i": Constant(3.7, "1", "threshold of I", 0.0, 60.0),
        "r_e": Constant(1.0, "1", "refractory period of E in times tau_e", 0.0, 10.0),
        "r_i": Constant(1.0, "1", "refractory period of I in times tau_i", 0.0, 10.0),
        "tau_e": Constant(0.008, "s", "time constant of E", 0.0, 1.0),
        "tau_i": Constant(0.008, "s", "time constant of I", 0.0, 1.0),
        "P": Constant(1.25, "1", "input to E from outside the model"),
        "Q": Constant(0.0, "1", "input to I from outside the model"),
    }

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dE/dt and dI/dt in 1/s."""
        E, I = state  # noqa: E741
        e, most_e = _response(p["c_1"] * E - p["c_2"] * I + p["P"] + drive, p["a_e"], p["theta_e"])
        i, most_i = _response(p["c_3"] * E - p["c_4"] * I + p["Q"], p["a_i"], p["theta_i"])
        return (
            ((most_e - p["r_e"] * E) * e - E) / p["tau_e"],
            ((most_i - p["r_i"] * I) * i - I) / p["tau_i"],
        )


def _response(x: Tensor, slope: Tensor, threshold: Tensor) -> tuple[Tensor, Tensor]:
    """Return the response to a drive, 0 without, and the largest there is."""
    at_rest = torch.sigmoid(-slope * threshold)
    return torch.sigmoid(slope * (x - threshold)) - at_rest, 1 - at_rest
