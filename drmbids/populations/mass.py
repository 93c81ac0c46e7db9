"""Mass: populations that follow a differential equation, written once."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from drmbids.core.exceptions import ModelError, UsageError
from drmbids.functional.integrators import Integrator, check_integrator, integrate
from drmbids.functional.unit_code import UnitCode, unit_code
from drmbids.functional.unit_dynamics import Taps, run_units
from drmbids.populations.base import DRMPopulation, prefer_inputs

State = tuple[Tensor, ...]


class Constant(NamedTuple):
    """A parameter of an equation: default, unit, meaning and exclusive limits."""

    value: float
    unit: str
    meaning: str
    lower: float | None = None
    upper: float | None = None


SIGMA = Constant(0.01, "1/sqrt(s)", "standard deviation of the noise after one second", 0.0)


class Mass(DRMPopulation):
    """Units that each follow ``dX/dt = f(X, drive)``: neural masses, one for each region.

    Name the variables, their start and the constants, and write :meth:`derivative`. The first
    variable is the activity. The drive is constant within a tick.

    Inputs are, in this order: those that reach the drive through trained weights; with ``noisy``
    one column of standard normal noise for each variable and unit; with ``coupled`` one column
    for each unit, which is added to its drive as it is (what :class:`~drmbids.Tracts` from the
    population to itself delivers).

    Noise is an input like any other (:meth:`draw_noise`), so that a run can be repeated, cut into
    windows and compared with other programs; ``sigma`` scales it and can be trained.

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
        Method (:mod:`drmbids.functional.integrators`).
    n_substeps : int
        Steps a tick.
    compiled : bool
        Whether a window runs as machine code, ten times as fast, on the CPU only. Needs numba, and
        a derivative of elementwise operations. Takes a few seconds at the first window.

    Attributes
    ----------
    variables : tuple of str
        Names of the variables.
    start : tuple of float
        Their values before a run.
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

    variables: ClassVar[tuple[str, ...]]
    start: ClassVar[tuple[float, ...]]
    constants: ClassVar[Mapping[str, Constant]]
    source: ClassVar[str] = ""

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        values: dict[str, float | list[float]] | None = None,
        trainable: Sequence[str] | None = None,
        coupled: bool = False,
        noisy: bool = False,
        integrator: Integrator = "heun",
        n_substeps: int = 1,
        compiled: bool = False,
    ):
        super().__init__(n_units, n_inputs)
        check_integrator(integrator, n_substeps)
        self.coupled, self.noisy, self.compiled = coupled, noisy, compiled
        self.integrator: Integrator = integrator
        self.n_substeps = n_substeps
        self.n_noise = len(self.variables) * n_units if noisy else 0
        self.n_weighted = n_inputs - self.n_noise - (n_units if coupled else 0)
        if self.n_weighted < 0:
            raise UsageError(
                f"{type(self).__name__} of {n_units} units has {n_inputs} inputs; "
                f"coupled={coupled}, noisy={noisy} take {n_inputs - self.n_weighted}"
            )
        empty = torch.empty(n_units, self.n_weighted)
        self.weight = nn.Parameter(empty, requires_grad=self.n_weighted > 0)
        self.initialise_inputs(n_inputs)
        self._add_constants(values or {}, trainable or ())
        self._code: dict[tuple[float, tuple[int, ...]], UnitCode] = {}

    def _add_constants(
        self, values: Mapping[str, float | list[float]], trainable: Sequence[str]
    ) -> None:
        constants = {**self.constants, **({"sigma": SIGMA} if self.noisy else {})}
        for name in (*values, *trainable):
            if name not in constants:
                raise ModelError(
                    f"{type(self).__name__} has no constant {name!r}; there are: "
                    f"{', '.join(constants)}"
                )
        for name, constant in constants.items():
            value = torch.as_tensor(values.get(name, constant.value), dtype=torch.float64)
            if value.ndim and value.shape != (self.n_units,):
                raise UsageError(f"{value.numel()} values of {name} for {self.n_units} units")
            self.add_parameter(
                name,
                value,
                unit=constant.unit,
                meaning=constant.meaning,
                lower=constant.lower,
                upper=constant.upper,
                trainable=name in trainable,
                source=self.source,
            )

    @abstractmethod
    def derivative(self, state: State, drive: Tensor, p: Mapping[str, Tensor]) -> State:
        """Return dX/dt in 1/s, one tensor for each variable.

        Parameters
        ----------
        state : tuple of Tensor of shape (batch, n_units)
            The variables.
        drive : Tensor of shape (batch, n_units)
            Weighted inputs and coupling.
        p : mapping of str to Tensor
            The constants, of shape () or (n_units,).
        """

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights: each unit prefers one stimulus column."""
        if self.n_weighted:
            prefer_inputs(self.weight, min(n_stimulus, self.n_weighted))

    def input_weights(self) -> Tensor | None:
        """Return the weights on the afferents; None where some reach the units without."""
        return None if self.coupled or self.noisy else self.weight

    def initial_state(self, batch: int) -> Tensor:
        """Return the variables before the run, shape (batch, n_variables, n_units)."""
        start = self.weight.new_tensor(self.start)
        return start[:, None].expand(batch, -1, self.n_units).clone()

    def draw_noise(self, n_ticks: int, batch: int, seed: int) -> Tensor:
        """Return standard normal noise for a run, the input that ``noisy`` asks for.

        Parameters
        ----------
        n_ticks, batch : int
        seed : int
            The same seed gives the same noise.

        Returns
        -------
        Tensor of shape (n_ticks, batch, n_variables * n_units)
            Units of the first variable, then of the next.
        """
        generator = torch.Generator().manual_seed(seed)
        width = len(self.variables) * self.n_units
        noise = torch.randn(n_ticks, batch, width, generator=generator)
        return noise.to(self.weight)

    def forward(self, inputs: Sequence[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
        """Return activity of shape (L, batch, n_units) and the variables after the block."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(tuple(inputs), dim=-1)
        received = self.received(x)
        if self.compiled:
            return self.run_compiled(received, state)
        constants = [self.value(name) for name in self.constants]
        now, activity = state.unbind(1), []
        for tick in received.unbind(0):
            now = self._step(*now, *tick.unbind(1), *constants)
            activity.append(now[0])
        return torch.stack(activity), torch.stack(now, 1)

    def received(self, x: Tensor) -> Tensor:
        """Return what each unit receives: its drive, and the noise of each variable in 1/s.

        Parameters
        ----------
        x : Tensor of shape (L, batch, n_inputs)
            All afferents; those of the coupling may be left out.

        Returns
        -------
        Tensor of shape (L, batch, 1 or 1 + n_variables, n_units)
        """
        end = self.n_weighted + self.n_noise
        drive = nn.functional.linear(x[..., : self.n_weighted], self.weight).unsqueeze(-2)
        if x.shape[-1] > end:
            drive = drive + x[..., None, end:]
        if not self.noisy:
            return drive
        noise = x[..., self.n_weighted : end].unflatten(-1, (-1, self.n_units))
        # a Wiener process moves by sqrt(dt) in dt
        return torch.cat((drive, self.value("sigma") * self.resolution**-0.5 * noise), dim=-2)

    def run_compiled(
        self, received: Tensor, state: Tensor, taps: Taps | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return activity and variables after a block, run as machine code.

        Parameters
        ----------
        received : Tensor of shape (L, batch, n_received, n_units)
            From :meth:`received`.
        state : Tensor of shape (batch, n_variables, n_units)
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
        key = (self.resolution, trained)
        if key not in self._code:
            sizes = len(self.variables), received.shape[2], len(names)
            self._code[key] = unit_code(self._step, *sizes, trained)
        constants = torch.stack([self.value(name).expand(self.n_units) for name in names])
        return run_units(self._code[key], state, received, constants, taps)

    def _step(self, *values: Tensor) -> State:
        """Return the variables after a tick, from variables, what is received, and constants."""
        n_states = len(self.variables)
        n_received = n_states + (1 + n_states if self.noisy else 1)
        drive, *noise = values[n_states:n_received]
        p = dict(zip(self.constants, values[n_received:], strict=True))

        def slope(state: State) -> State:
            slopes = tuple(self.derivative(state, drive, p))
            if len(slopes) != n_states:
                raise ModelError(
                    f"{type(self).__name__}.derivative gives {len(slopes)} tensors for the "
                    f"variables {', '.join(self.variables)}"
                )
            return tuple(s + n for s, n in zip(slopes, noise, strict=True)) if noise else slopes

        state = values[:n_states]
        return integrate(slope, state, self.resolution, self.integrator, self.n_substeps)
