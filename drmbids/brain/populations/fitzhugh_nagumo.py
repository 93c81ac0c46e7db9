"""FitzHugh-Nagumo masses: excitation and recovery."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass


class FitzHughNagumo(Mass):
    """A fast excitation ``v`` and a slow recovery ``w``: units that rest, pulse or oscillate.

    ``tau dv/dt = v - v^3 / 3 - w + I + drive``, ``tau dw/dt = (v + a - b w) / slow``.

    Activity is ``v``. Between inputs ``I`` of 0.33 and 1.42 the units oscillate; below they rest
    and answer a pulse with one large excursion.

    References
    ----------
    FitzHugh 1961, Biophys J 1:445 (with the sign of ``v`` and ``I`` turned); Nagumo et al. 1962,
    Proc IRE 50:2061.

    Examples
    --------
    >>> import torch
    >>> population = FitzHughNagumo(1, 1, values={"I": 0.5})
    >>> activity, _ = population([torch.zeros(400, 1, 1)], population.initial_state(1))
    >>> bool(activity[200:].max() > 1.5 and activity[200:].min() < -1.5)
    True
    """

    resolution: float = 0.0005
    longest_step: ClassVar = 0.0002
    variables: ClassVar = ("v", "w")
    start: ClassVar = (-1.1994, -0.6243)  # where units without input rest
    source: ClassVar = "FitzHugh 1961, Biophys J 1:445"
    constants: ClassVar = {
        "a": Constant(0.7, "1", "excitation at which recovery rests at 0", -5.0, 5.0),
        "b": Constant(0.8, "1", "decay of recovery", 0.0, 5.0),
        "slow": Constant(12.5, "1", "time constant of recovery in times tau", 0.0, 1000.0),
        "tau": Constant(0.001, "s", "time constant of excitation", 0.0),
        "I": Constant(0.0, "1", "input from outside the model"),
    }

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dv/dt and dw/dt in 1/s."""
        v, w = state
        return (
            (v - v * v * v / 3 - w + p["I"] + drive) / p["tau"],
            (v + p["a"] - p["b"] * w) / (p["slow"] * p["tau"]),
        )
