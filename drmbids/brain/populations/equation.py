"""What the equation of a mass is made of: constants, starting values, noise."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from drmbids.brain.populations.base import DRMPopulation
from drmbids.data.tools.exceptions import ModelError, UsageError

State = tuple[Tensor, ...]

#: Noise that a population draws itself, as model files state it.
NoiseOptions = dict[Literal["sigma", "seed"], float]


class Constant(NamedTuple):
    """A parameter of an equation: default, unit, meaning and exclusive limits."""

    value: float
    unit: str
    meaning: str
    lower: float | None = None
    upper: float | None = None


SIGMA = Constant(0.01, "1/sqrt(s)", "standard deviation of the noise after one second", 0.0)


def add_constants(
    population: DRMPopulation,
    constants: Mapping[str, Constant],
    values: Mapping[str, float | list[float]],
    trainable: Sequence[str],
    source: str,
) -> None:
    """Add the constants of an equation to the parameters of a population.

    Parameters
    ----------
    population : DRMPopulation
    constants : mapping of str to Constant
    values : mapping of str to float or list of float
        Those that differ from their defaults; a list has one for each unit.
    trainable : sequence of str
        Those that training moves.
    source : str
        Where they come from.

    Raises
    ------
    ModelError
        If a constant is unknown.
    UsageError
        If there are not as many values as units, or one is beyond its limits.
    """
    for name in (*values, *trainable):
        if name not in constants:
            raise ModelError(
                f"{type(population).__name__} has no constant {name!r}; there are: "
                f"{', '.join(constants)}"
            )
    for name, constant in constants.items():
        value = torch.as_tensor(values.get(name, constant.value), dtype=torch.float64)
        if value.ndim and value.shape != (population.n_units,):
            raise UsageError(f"{value.numel()} values of {name} for {population.n_units} units")
        population.add_parameter(
            name,
            value,
            unit=constant.unit,
            meaning=constant.meaning,
            lower=constant.lower,
            upper=constant.upper,
            trainable=name in trainable,
            source=source,
        )


def starting_values(
    start: Mapping[str, float], initial: Mapping[str, float | list[float]], kind: str, n_units: int
) -> tuple[tuple[float, ...], ...]:
    """Return the variables of all units before a run, ``[variable][unit]``.

    Parameters
    ----------
    start : mapping of str to float
        Value of each variable by default.
    initial : mapping of str to float or list of float
        Those that differ from ``start``; a list has one for each unit.
    kind : str
        Name of the population's class, for messages.
    n_units : int
        Units of the population.

    Raises
    ------
    ModelError
        If a variable is unknown.
    UsageError
        If there are not as many values as units.
    """
    for name in initial:
        if name not in start:
            raise ModelError(f"{kind} has no variable {name!r}; there are: {', '.join(start)}")
    rows = []
    for name, default in start.items():
        value = torch.as_tensor(initial.get(name, default), dtype=torch.float64)
        if value.ndim and value.shape != (n_units,):
            raise UsageError(f"{value.numel()} initial {name} for {n_units} units")
        rows.append(tuple(value.expand(n_units).tolist()))
    return tuple(rows)


def noise_seed(noise: NoiseOptions | None, noisy: bool) -> int | None:
    """Return the seed of noise that a mass draws itself, None where it draws none.

    Parameters
    ----------
    noise : dict of {"sigma", "seed"} to float, or None
    noisy : bool
        Whether noise is an input.

    Raises
    ------
    UsageError
        If both are asked for, a key is unknown, or the seed is no whole number.
    """
    if noise is None:
        return None
    if noisy:
        raise UsageError("noise is an input (noisy) or drawn by the population (noise), not both")
    unknown, seed = set(noise) - {"sigma", "seed"}, noise.get("seed", 0)
    if unknown or seed != int(seed) or not 0 <= seed < 2**32:
        raise UsageError(
            f"noise takes sigma and seed, a whole number from 0 to 2**32 - 1; got {noise}"
        )
    return int(seed)


class Equation(DRMPopulation):
    """Units with variables that move, are shown and are sent: what a mass writes of its own."""

    variables: ClassVar[tuple[str, ...]]
    start: ClassVar[tuple[float, ...]]
    constants: ClassVar[Mapping[str, Constant]]
    source: ClassVar[str] = ""

    @property
    def _fires(self) -> bool:
        return type(self).firing is not Equation.firing

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

    def output(self, state: State, p: Mapping[str, Tensor]) -> Tensor:
        """Return what units show, whose mean over a tick is activity: the first by default.

        The arguments are those of :meth:`derivative`.
        """
        return state[0]

    def firing(self, shown: Tensor, p: Mapping[str, Tensor]) -> Tensor:
        """Return what other populations hear of what units show: the same by default.

        Parameters
        ----------
        shown : Tensor of shape (..., n_units)
            Activity: means of :meth:`output` over ticks.
        p : mapping of str to Tensor
            The constants, of shape () or (n_units,).
        """
        return shown

    def sent(self, activity: Tensor) -> Tensor:
        """Return what other populations hear of activity, by :meth:`firing`."""
        if not self._fires:
            return activity
        return self.firing(activity, {name: self.value(name) for name in self.constants})
