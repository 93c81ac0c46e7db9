"""Kuramoto masses: phases that pull each other."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from drmbids.brain.populations.equation import Constant, NoiseOptions, State
from drmbids.brain.populations.mass import Mass
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.integrators import Integrator

#: Angle between the phases that two units in a row start from, so that none are together: the
#: golden section of a circle.
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


class Kuramoto(Mass):
    """Oscillators that are nothing but a phase; activity is its sine.

    ``dtheta_i/dt = omega_i + K / n sum_j sin(theta_j - theta_i) + drive_i``, the sum over the units
    of the population.

    What other populations send, sines of phases among it, acts as ``response`` says: it shifts the
    frequency, or it is multiplied by ``cos(theta_i)``. The latter pulls phases together: for weak
    coupling and similar frequencies it is, on average over a cycle, half of
    ``sin(theta_j - theta_i)`` (Winfree 1967).

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
        Steps a tick; one for each 2 ms or less when absent.
    compiled : bool
        Whether a window runs as machine code; needs ``mean_field=False``.
    noise : dict of {"sigma", "seed"} to float, optional
        Noise that the population draws itself: its size, and a whole number.
    initial : dict of str to float or list of float, optional
        Phases before a run in rad; spread over the circle when absent.
    response : {"frequency", "phase"}
        Whether the drive is added, or multiplied by ``cos(theta)``.
    mean_field : bool
        Whether units of the population pull each other.

    References
    ----------
    Kuramoto 1984, Chemical Oscillations, Waves, and Turbulence, chapter 5; Winfree 1967, J Theor
    Biol 16:15; Breakspear et al. 2010, Front Hum Neurosci 4:190 (for brains).

    Examples
    --------
    >>> import torch
    >>> population = Kuramoto(8, 1, values={"K": 40.0})
    >>> activity, state = population([torch.zeros(500, 1, 1)], population.initial_state(1))
    >>> bool(activity[-1].std() < 0.01)  # all in step
    True
    """

    resolution: float = 0.002
    longest_step: ClassVar = 0.002
    sigma: ClassVar = Constant(0.01, "rad/sqrt(s)", "standard deviation of the noise in 1 s", 0.0)
    variables: ClassVar = ("theta",)
    start: ClassVar = (0.0,)
    source: ClassVar = "Kuramoto 1984; Breakspear et al. 2010, Front Hum Neurosci 4:190"
    constants: ClassVar = {
        "omega": Constant(2 * math.pi * 10, "rad/s", "angular frequency (10 Hz)"),
        "K": Constant(1.0, "rad/s", "how much the units of the population pull each other"),
    }

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        values: dict[str, float | list[float]] | None = None,
        trainable: Sequence[str] | None = None,
        coupled: bool = False,
        noisy: bool = False,
        integrator: Integrator = "heun",
        n_substeps: int | None = None,
        compiled: bool = False,
        noise: NoiseOptions | None = None,
        initial: dict[str, float | list[float]] | None = None,
        response: Literal["frequency", "phase"] = "frequency",
        mean_field: bool = True,
    ):
        if response not in ("frequency", "phase"):
            raise ModelError(f"response of Kuramoto must be frequency or phase, got {response!r}")
        if compiled and mean_field:
            raise ModelError("a compiled Kuramoto has no sum over its units; set mean_field=False")
        spread = [(k * GOLDEN_ANGLE) % (2 * math.pi) for k in range(n_units)]
        super().__init__(
            n_units,
            n_inputs,
            values,
            trainable,
            coupled,
            noisy,
            integrator,
            n_substeps,
            compiled,
            noise,
            {"theta": spread, **(initial or {})},
        )
        self.response, self.mean_field = response, mean_field

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return the angular velocity in rad/s."""
        (theta,) = state
        sine, cosine = torch.sin(theta), torch.cos(theta)
        velocity = p["omega"] + (drive if self.response == "frequency" else drive * cosine)
        if self.mean_field:
            means = sine.mean(-1, keepdim=True), cosine.mean(-1, keepdim=True)
            velocity = velocity + p["K"] * (cosine * means[0] - sine * means[1])
        return (velocity + 0 * theta,)

    def output(self, state: State, p: Mapping[str, Tensor]) -> Tensor:
        """Return the sine of the phase."""
        return torch.sin(state[0])
