"""Ornstein-Uhlenbeck masses: linear units that forget, the simplest of all."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass


class OrnsteinUhlenbeck(Mass):
    """Linear units with one time constant: ``tau dx/dt = -x + drive``.

    Coupled and with noise, a multivariate Ornstein-Uhlenbeck process, whose coupling is the
    effective connectivity of resting-state models.

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
        Steps a tick; one when absent.
    compiled : bool
        Whether a window runs as machine code; see :class:`~drmbids.Mass`.
    noise : dict of {"sigma", "seed"} to float, optional
        Noise that the population draws itself: its size, and a whole number.
    initial : dict of str to float or list of float, optional
        Variables that start a run elsewhere than by default; a list has a value for each unit.

    References
    ----------
    Gilson et al. 2016, PLoS Comput Biol 12:e1004762 (equation 3).

    Examples
    --------
    >>> import torch
    >>> population = OrnsteinUhlenbeck(1, 1, coupled=True)
    >>> population.set_resolution(0.01)
    >>> steady, _ = population([torch.ones(2000, 1, 1)], population.initial_state(1))
    >>> round(steady[-1].item(), 3)
    1.0
    """

    variables: ClassVar = ("x",)
    start: ClassVar = (0.0,)
    source: ClassVar = "Gilson et al. 2016, PLoS Comput Biol 12:e1004762"
    constants: ClassVar = {"tau": Constant(1.0, "s", "time constant", 0.0)}

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dx/dt in 1/s."""
        (x,) = state
        return ((drive - x) / p["tau"],)
