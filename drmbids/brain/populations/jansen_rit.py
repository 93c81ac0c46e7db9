"""Jansen-Rit masses: a cortical column of pyramidal cells and two kinds of interneurons."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from drmbids.brain.populations.equation import Constant, NoiseOptions, State
from drmbids.brain.populations.mass import Mass
from drmbids.data.tools.exceptions import ModelError
from drmbids.maths.loops.integrators import Integrator


class JansenRit(Mass):
    """Postsynaptic potentials of a cortical column, from which alpha rhythms arise.

    ``d2y0/dt2 = A a S(y1 - y2) - 2 a dy0/dt - a^2 y0``,
    ``d2y1/dt2 = A a (p + drive + C_2 S(C_1 y0)) - 2 a dy1/dt - a^2 y1``,
    ``d2y2/dt2 = B b C_4 S(C_3 y0) - 2 b dy2/dt - b^2 y2``,
    ``S(v) = 2 e_0 / (1 + exp(r (v_0 - v)))``.

    Six variables: the potentials at interneurons (``y0``) and, excitatory and inhibitory, at
    pyramidal cells (``y1, y2``) in mV, and ``y3, y4, y5``, their slopes in mV/s. Inputs are firing
    rates in Hz. Noise is added to them, as the paper has it.

    Readouts see the potential of pyramidal cells, which EEG and MEG reflect; other populations, and
    the population itself through its connections, hear their firing rate, as in models of coupled
    columns (David and Friston 2003; Sanz Leon et al. 2015).

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
        Steps a tick; one for each 1 ms or less when absent.
    compiled : bool
        Whether a window runs as machine code; see :class:`~drmbids.Mass`.
    noise : dict of {"sigma", "seed"} to float, optional
        Noise that the population draws itself: its size, and a whole number.
    initial : dict of str to float or list of float, optional
        Variables that start a run elsewhere than by default; a list has a value for each unit.
    activity : {"potential", "rate"}
        What readouts see: the potential of pyramidal cells ``y1 - y2`` in mV, or their firing rate
        ``S(y1 - y2)`` in Hz, for spikes. Other populations hear the rate, of the mean potential in
        a tick or, where it is activity, its mean: they differ by the square of the tick.

    References
    ----------
    Jansen and Rit 1995, Biol Cybern 73:357, equation 6 and section 3.1; David and Friston 2003,
    NeuroImage 20:1743; Sanz Leon et al. 2015, NeuroImage 111:385.

    Examples
    --------
    >>> import torch
    >>> population = JansenRit(1, 1)
    >>> activity, _ = population([torch.zeros(1000, 1, 1)], population.initial_state(1))
    >>> spectrum = torch.fft.rfft(activity[500:, 0, 0] - activity[500:].mean()).abs()
    >>> 2 * spectrum.argmax().item()  # Hz: an alpha rhythm
    10
    """

    resolution: float = 0.001
    longest_step: ClassVar = 0.001
    noise_in_drive: ClassVar = True
    sigma: ClassVar = Constant(1.0, "Hz*sqrt(s)", "standard deviation of the input in 1 s", 0.0)
    variables: ClassVar = ("y0", "y1", "y2", "y3", "y4", "y5")
    start: ClassVar = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    source: ClassVar = "Jansen and Rit 1995, Biol Cybern 73:357"
    constants: ClassVar = {
        "A": Constant(3.25, "mV", "amplitude of excitatory potentials", 0.0, 50.0),
        "B": Constant(22.0, "mV", "amplitude of inhibitory potentials", 0.0, 200.0),
        "a": Constant(100.0, "1/s", "rate of excitatory potentials", 0.0, 1000.0),
        "b": Constant(50.0, "1/s", "rate of inhibitory potentials", 0.0, 1000.0),
        "C_1": Constant(135.0, "1", "synapses of pyramidal cells on excitatory cells", 0.0, 2000.0),
        "C_2": Constant(108.0, "1", "synapses of excitatory cells on pyramidal cells", 0.0, 2000.0),
        "C_3": Constant(33.75, "1", "synapses of pyramidal cells on inhibitory cells", 0.0, 500.0),
        "C_4": Constant(33.75, "1", "synapses of inhibitory cells on pyramidal cells", 0.0, 500.0),
        "e_0": Constant(2.5, "Hz", "half of the largest firing rate", 0.0, 100.0),
        "v_0": Constant(6.0, "mV", "potential of half the largest firing rate", -20.0, 50.0),
        "r": Constant(0.56, "1/mV", "slope of the firing rate", 0.0, 10.0),
        "p": Constant(220.0, "Hz", "mean input from outside the model"),
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
        activity: Literal["potential", "rate"] = "potential",
    ):
        if activity not in ("potential", "rate"):
            raise ModelError(f"activity of JansenRit must be potential or rate, got {activity!r}")
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
            initial,
        )
        self.activity = activity

    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return the slopes of potentials in mV/s, and their slopes in mV/s^2."""
        y0, y1, y2, y3, y4, y5 = state
        a, b = p["a"], p["b"]
        excited = p["p"] + drive + p["C_2"] * _rate(p["C_1"] * y0, p)
        return (
            y3,
            y4,
            y5,
            p["A"] * a * _rate(y1 - y2, p) - 2 * a * y3 - a * a * y0,
            p["A"] * a * excited - 2 * a * y4 - a * a * y1,
            p["B"] * b * p["C_4"] * _rate(p["C_3"] * y0, p) - 2 * b * y5 - b * b * y2,
        )

    def output(self, state: State, p: Mapping[str, Tensor]) -> Tensor:
        """Return the potential of pyramidal cells in mV, or their firing rate in Hz."""
        potential = state[1] - state[2]
        return potential if self.activity == "potential" else _rate(potential, p)

    def firing(self, shown: Tensor, p: Mapping[str, Tensor]) -> Tensor:
        """Return the firing rate of pyramidal cells in Hz, from activity."""
        return _rate(shown, p) if self.activity == "potential" else shown


def _rate(potential: Tensor, p: Mapping[str, Tensor]) -> Tensor:
    """Return the firing rate in Hz at a potential in mV."""
    return 2 * p["e_0"] * torch.sigmoid(p["r"] * (potential - p["v_0"]))
