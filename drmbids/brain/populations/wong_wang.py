"""Reduced Wong-Wang masses: slow NMDA gating driven by a firing rate."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass


class ReducedWongWang(Mass):
    """Excitatory masses with one slow variable, the share ``S`` of open NMDA receptors.

    ``dS/dt = -S / tau_s + (1 - S) gamma H(x)``, ``x = w J_N S + J_N drive + I_o``,
    ``H(x) = (a x - b) / (1 - exp(-d (a x - b)))``.

    The coupling between regions is the strength of the :class:`~drmbids.Tracts` that deliver it
    (``G`` in the paper).

    Parameters
    ----------
    n_units, n_inputs : int
        Units, and width of all afferents together.
    values : dict of str to float or list of float, optional
        Constants that differ from their defaults, in their units; a list has one for each unit.
    trainable : list of str, optional
        Constants that training moves; the input weights are trained always.
    coupled : bool
        Whether the last ``n_units`` inputs are added to the drives as they are.
    noisy : bool
        Whether inputs before those are noise.
    integrator : {"euler", "exponential_euler", "heun", "rk4"}
        Method (:mod:`drmbids.maths.loops.integrators`).
    n_substeps : int, optional
        Steps a tick; one for each 50 ms or less when absent.
    compiled : bool
        Whether a window runs as machine code; see :class:`~drmbids.Mass`.
    noise : dict of {"sigma", "seed"} to float, optional
        Noise that the population draws itself: its size, and a whole number.
    initial : dict of str to float or list of float, optional
        Variables that start a run elsewhere than by default; a list has a value for each unit.

    References
    ----------
    Deco et al. 2013, J Neurosci 33:11239, equations 1 to 3 (times there in ms, rates in kHz for
    gamma).

    Examples
    --------
    A region without input settles at its low state:

    >>> import torch
    >>> population = ReducedWongWang(1, 1, coupled=True)
    >>> population.set_resolution(0.001)
    >>> activity, _ = population([torch.zeros(2000, 1, 1)], population.initial_state(1))
    >>> round(activity[-1].item(), 3)
    0.034
    """

    variables: ClassVar = ("S",)
    start: ClassVar = (0.1,)
    source: ClassVar = "Deco et al. 2013, J Neurosci 33:11239"
    longest_step: ClassVar = 0.05
    constants: ClassVar = {
        "a": Constant(270.0, "Hz/nA", "gain of the firing rate", 0.0),
        "b": Constant(108.0, "Hz", "threshold of the firing rate"),
        "d": Constant(0.154, "s", "curvature of the firing rate", 0.0),
        "gamma": Constant(0.641, "1", "share of receptors that a spike opens", 0.0),
        "tau_s": Constant(0.1, "s", "decay time of NMDA gating", 0.0),
        "w": Constant(0.9, "1", "recurrent excitation", 0.0),
        "J_N": Constant(0.2609, "nA", "synaptic coupling", 0.0),
        "I_o": Constant(0.3, "nA", "current from outside the model"),
    }

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dS/dt in 1/s."""
        (S,) = state
        x = p["J_N"] * (p["w"] * S + drive) + p["I_o"]
        rate = firing_rate(p["a"] * x - p["b"], p["d"])
        return ((1 - S) * p["gamma"] * rate - S / p["tau_s"],)


def firing_rate(drive: Tensor, curvature: Tensor) -> Tensor:
    """Return ``u / (1 - exp(-d u))``: 0 far below ``u = 0``, ``u`` far above.

    Parameters
    ----------
    drive : Tensor
        The drive above threshold ``u`` in Hz.
    curvature : Tensor
        ``d`` in s.
    """
    return _quotient(curvature * drive) / curvature


def _quotient(y: Tensor) -> Tensor:
    """Return ``y / (1 - exp(-y))``, by its series near 0 (next term ``y**8 / 1e6``)."""
    near = y.abs() < 0.1
    square = y * y
    series = 1 + y / 2 + square * (1 / 12 - square * (1 / 720 - square / 30240))
    # the lower limit keeps the exponential within single precision; the quotient is 0 there
    away = torch.where(near, 1.0, y).clamp(min=-80.0)
    return torch.where(near, series, away / (1 - torch.exp(-away)))
