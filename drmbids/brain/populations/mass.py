"""Mass: populations that follow a differential equation, written once."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from drmbids.brain.populations.base import prefer_inputs
from drmbids.brain.populations.equation import (
    SIGMA,
    Constant,
    Equation,
    NoiseOptions,
    State,
    add_constants,
    noise_seed,
    starting_values,
)
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.loops.integrators import Integrator, check_integrator, integrate_mean
from drmbids.maths.loops.random_numbers import first_clock, noise_at
from drmbids.maths.loops.unit_code import UnitCode, unit_code
from drmbids.maths.loops.unit_dynamics import Taps, run_units


class Mass(Equation):
    """Units that each follow ``dX/dt = f(X, drive)``: neural masses, one for each region.

    Name the variables, their start and the constants, and write :meth:`derivative`. The first
    variable is what units show, unless :meth:`output` is written too; activity is its mean over the
    tick, by trapezoids between the steps of the integrator. The drive is constant within a tick.
    Other populations hear activity too, unless :meth:`firing` says what they hear of it.

    Inputs are, in this order: those that reach the drive through trained weights; with ``noisy``
    one column of standard normal noise for each variable and unit; with ``coupled`` one column
    for each unit, which is added to its drive as it is (what :class:`~drmbids.Tracts` from the
    population to itself delivers).

    With ``noise`` the population draws noise itself: each number follows from seed, name of the
    population, number of the run and tick, so that windows, batches and epochs see the same.
    ``sigma`` scales it and can be trained. Noise from elsewhere is an input (``noisy``).

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
        Steps a tick; as many as keep a step within the ``longest_step`` of the class when absent.
    compiled : bool
        Whether a window runs as machine code, ten times as fast, on the CPU only. Needs numba, and
        a derivative of elementwise operations. Takes a few seconds at the first window.
    noise : dict of {"sigma", "seed"} to float, optional
        Noise that the population draws itself: its size, and a whole number; (0.01, 0) for what is
        left out. None for no noise.
    initial : dict of str to float or list of float, optional
        Variables that start a run elsewhere than by default; a list has a value for each unit.

    Attributes
    ----------
    variables : tuple of str
        Names of the variables.
    start : tuple of float
        Their values before a run.
    longest_step : float
        Seconds that a step may last where ``n_substeps`` does not say how many there are.
    noise_in_drive : bool
        Whether noise is added to the drive, not to the slope of each variable.
    sigma : Constant
        Size of the noise.
    constants : mapping of str to Constant
        Parameters of the equation.
    source : str
        Where the equation and the defaults come from.

    Raises
    ------
    ModelError
        If a constant or the integrator is unknown.
    UsageError
        If sizes do not fit, or a value is beyond its limits.

    Examples
    --------
    A decaying trace of the input:

    >>> class Trace(Mass):
    ...     variables, start = ("x",), (0.0,)
    ...     constants = {"tau": Constant(0.2, "s", "time constant", 0.0)}
    ...
    ...     def derivative(self, state, drive, p):
    ...         return ((drive - state[0]) / p["tau"],)
    >>> population = Trace(3, 2)
    >>> activity, _ = population([torch.rand(10, 1, 2)], population.initial_state(1))
    >>> activity.shape
    torch.Size([10, 1, 3])
    """

    holds_signs = True
    longest_step: ClassVar[float] = math.inf
    noise_in_drive: ClassVar[bool] = False
    sigma: ClassVar[Constant] = SIGMA

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
    ):
        super().__init__(n_units, n_inputs)
        check_integrator(integrator, 1 if n_substeps is None else n_substeps)
        self.coupled, self.noisy, self.compiled = coupled, noisy, compiled
        self.integrator: Integrator = integrator
        self.n_substeps = n_substeps
        self.seed = noise_seed(noise, noisy)
        start = dict(zip(self.variables, self.start, strict=True))
        self.initial = starting_values(start, initial or {}, type(self).__name__, n_units)
        self.n_noise = self._noise_width if noisy else 0
        self.n_weighted = n_inputs - self.n_noise - (n_units if coupled else 0)
        if self.n_weighted < 0:
            raise UsageError(
                f"{type(self).__name__} of {n_units} units has {n_inputs} inputs; "
                f"coupled={coupled}, noisy={noisy} take {n_inputs - self.n_weighted}"
            )
        empty = torch.empty(n_units, self.n_weighted)
        self.weight = nn.Parameter(empty, requires_grad=self.n_weighted > 0)
        self.initialise_inputs(n_inputs)
        constants = {**self.constants, **({"sigma": self.sigma} if self._has_noise else {})}
        sigma = {} if noise is None or "sigma" not in noise else {"sigma": noise["sigma"]}
        add_constants(self, constants, {**sigma, **(values or {})}, trainable or (), self.source)
        self._code: dict[tuple[float, tuple[int, ...], bool], UnitCode] = {}

    @classmethod
    def fewest_inputs(cls, n_units: int, options: dict[str, Any]) -> int:
        """Return the inputs that noise and coupling take, and at least 1."""
        noise = n_units * (1 if cls.noise_in_drive else len(cls.variables))
        return max(1, noise * bool(options.get("noisy")) + n_units * bool(options.get("coupled")))

    @property
    def steps_per_tick(self) -> int:
        """Steps of the integrator in a tick."""
        if self.n_substeps is not None:
            return self.n_substeps
        return max(1, math.ceil(self.resolution / self.longest_step - 1e-9))

    @property
    def _has_noise(self) -> bool:
        return self.noisy or self.seed is not None

    @property
    def _noise_width(self) -> int:
        return self.n_units * (1 if self.noise_in_drive else len(self.variables))

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights: each unit prefers one stimulus column."""
        if self.n_weighted:
            prefer_inputs(self.weight, min(n_stimulus, self.n_weighted))

    def input_weights(self) -> Tensor | None:
        """Return the weights on the afferents; None where some reach the units without."""
        return None if self.coupled or self.noisy else self.signed(self.weight)

    def initial_state(self, batch: int) -> Any:
        """Return the state before the run, shape (batch, 1 + n_variables, n_units).

        The activity of the last tick, 0 before a run, comes before the variables at its end; a mass
        with ``noise`` has a clock beside them.
        """
        start = self.weight.new_tensor(self.initial)
        start = torch.cat((torch.zeros_like(start[:1]), start))
        variables = start.expand(batch, *start.shape).clone()
        if self.seed is None:
            return variables
        runs = torch.arange(batch, device=variables.device)
        return variables, first_clock(self.seed, runs, "")

    def number_runs(self, state: Any, runs: Tensor, name: str) -> Any:
        """Return the state with the noise of the numbers of runs, and of the population's name."""
        if self.seed is None:
            return state
        return state[0], first_clock(self.seed, runs, name)

    def draw_noise(self, n_ticks: int, batch: int, seed: int) -> Tensor:
        """Return standard normal noise for a run, the input that ``noisy`` asks for.

        Returns a tensor of shape (n_ticks, batch, n_variables * n_units), units of the first
        variable, then of the next; one number for each unit where noise is added to the drive.
        """
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n_ticks, batch, self._noise_width, generator=generator)
        return noise.to(self.weight)

    def forward(
        self, inputs: Sequence[Tensor], state: Any, taps: Taps | None = None
    ) -> tuple[Tensor, Any]:
        """Return activity of shape (L, batch, n_units) and the state after the block.

        Parameters
        ----------
        inputs : sequence of Tensor of shape (L, batch, n_j)
        state : Tensor or tuple of Tensor
            From :meth:`initial_state` or the block before.
        taps : Taps, optional
            What the units hear of each other in this block, added to their drives; compiled only.
        """
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        variables, clock = (state, None) if self.seed is None else state
        noise = None
        if clock is not None:
            noise, clock = noise_at(clock, len(x), self._noise_width)
        received = self.received(x, noise)
        if self.compiled:
            activity, variables = self.run_compiled(received, variables, taps)
        else:
            activity, variables = self._run(received, variables)
        return activity, variables if clock is None else (variables, clock)

    def _run(self, received: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        constants = [self.value(name) for name in self.constants]
        now, activity = state.unbind(1), []
        for tick in received.unbind(0):
            now = self._step(*now, *tick.unbind(1), *constants)
            activity.append(now[0])
        return torch.stack(activity), torch.stack(now, 1)

    def received(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Return what each unit receives: its drive, and the noise of each variable in 1/s.

        Parameters
        ----------
        x : Tensor of shape (L, batch, n_inputs)
            All afferents; those of the coupling may be left out.
        noise : Tensor of shape (L, batch, n_noise), optional
            Standard normal noise that is no input.

        Returns
        -------
        Tensor of shape (L, batch, 1 or 1 + n_variables, n_units)
        """
        end = self.n_weighted + self.n_noise
        drive = nn.functional.linear(x[..., : self.n_weighted], self.signed(self.weight))
        drive = drive.unsqueeze(-2)
        if x.shape[-1] > end:
            drive = drive + x[..., None, end:]
        if self.noisy:
            noise = x[..., self.n_weighted : end]
        if noise is None:
            return drive
        # a Wiener process moves by sqrt(dt) in dt
        scaled = self.value("sigma") * self.resolution**-0.5 * noise.to(drive)
        scaled = scaled.unflatten(-1, (-1, self.n_units))
        return drive + scaled if self.noise_in_drive else torch.cat((drive, scaled), dim=-2)

    def run_compiled(
        self, received: Tensor, state: Tensor, taps: Taps | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return activity, and the state after a block, run as machine code.

        Parameters
        ----------
        received : Tensor of shape (L, batch, n_received, n_units)
            From :meth:`received`.
        state : Tensor of shape (batch, 1 + n_variables, n_units)
        taps : Taps, optional
            What the units hear of each other, added to their drives.

        Raises
        ------
        DeviceError, UsageError, ModelError
            If the tensors are not on the CPU, numba is not installed, or the derivative has an
            operation that is not elementwise.
        """
        names = list(self.constants)
        trained = tuple(
            k for k, name in enumerate(names) if getattr(self, f"free_{name}").requires_grad
        )
        constants = torch.stack([self.value(name).expand(self.n_units) for name in names])
        # one more variable for what the units hear of each other, where that is not activity
        fires = taps is not None and self._fires
        if fires:
            state = torch.cat((state, torch.zeros_like(state[:, :1])), 1)
        key = (self.resolution, trained, fires)
        if key not in self._code:
            sizes = state.shape[1], received.shape[2], len(names)
            step = self._step_and_firing if fires else self._step
            self._code[key] = unit_code(step, *sizes, trained)
        heard = state.shape[1] - 1 if fires else 0
        activity, state = run_units(self._code[key], state, received, constants, taps, heard)
        return activity, state[:, :heard] if fires else state

    def _step_and_firing(self, *values: Tensor) -> State:
        """Return the state after a tick, and what other units hear of its activity."""
        n_states = 1 + len(self.variables)
        after = self._step(*values[:n_states], *values[n_states + 1 :])
        p = dict(zip(self.constants, values[-len(self.constants) :], strict=True))
        return *after, self.firing(after[0], p)

    def _step(self, *values: Tensor) -> State:
        """Return the state after a tick, from the state, what is received, and constants."""
        n = len(self.variables)
        n_states = 1 + n
        n_received = n_states + (1 + n if self._has_noise and not self.noise_in_drive else 1)
        drive, *noise = values[n_states:n_received]
        p = dict(zip(self.constants, values[n_received:], strict=True))

        def slope(state: State) -> State:
            slopes = tuple(self.derivative(state, drive, p))
            if len(slopes) != n:
                raise ModelError(
                    f"{type(self).__name__}.derivative gives {len(slopes)} tensors for the "
                    f"variables {', '.join(self.variables)}"
                )
            return tuple(s + e for s, e in zip(slopes, noise, strict=True)) if noise else slopes

        method = self.resolution, self.integrator, self.steps_per_tick
        start = values[1:n_states]
        after, mean = integrate_mean(slope, lambda x: self.output(x, p), start, *method)
        return mean, *after
