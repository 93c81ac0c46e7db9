"""Hopf masses: oscillators at the edge of a limit cycle."""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from drmbids.brain.populations.equation import Constant, State
from drmbids.brain.populations.mass import Mass


class Hopf(Mass):
    """The normal form of a supercritical Hopf bifurcation, also called Stuart-Landau oscillator.

    ``tau dx/dt = (a - x^2 - y^2) x - omega y + drive - strength_in x``,
    ``tau dy/dt = (a - x^2 - y^2) y + omega x``.

    Below ``a = 0`` the units damp what drives them, above they oscillate with amplitude
    ``sqrt(a)``. With ``strength_in`` the sum of the tracts that reach each unit, times their
    strength, the coupling is diffusive: ``sum_j C_ij (x_j - x_i)``.

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
        Whether inputs before those are noise, of ``x`` for all units, then of ``y``.
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
    Deco et al. 2017, Sci Rep 7:3095, equations 4 and 5 (``beta`` there is ``sigma`` here).

    Examples
    --------
    >>> import torch
    >>> population = Hopf(1, 1, values={"a": 4.0, "omega": 6.3})
    >>> population.set_resolution(0.01)
    >>> activity, _ = population([torch.zeros(1000, 1, 1)], population.initial_state(1))
    >>> round(activity.max().item(), 2)
    2.0
    """

    variables: ClassVar = ("x", "y")
    start: ClassVar = (0.1, 0.0)
    source: ClassVar = "Deco et al. 2017, Sci Rep 7:3095"
    constants: ClassVar = {
        "a": Constant(-0.02, "1", "bifurcation parameter"),
        "omega": Constant(0.3142, "rad", "angular frequency in a time tau (0.05 Hz)"),
        "tau": Constant(1.0, "s", "unit of time of the other constants", 0.0),
        "strength_in": Constant(0.0, "1", "coupling that a unit loses to those it hears"),
    }

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dx/dt and dy/dt in 1/s."""
        x, y = state
        growth = p["a"] - x * x - y * y
        return (
            (growth * x - p["omega"] * y + drive - p["strength_in"] * x) / p["tau"],
            (growth * y + p["omega"] * x) / p["tau"],
        )
