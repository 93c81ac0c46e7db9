"""What a population promises to the net: blocks of ticks in, blocks of ticks out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from drmbids.brain.nodes import DRMNode
from drmbids.data.tools.exceptions import ModelError, UsageError

#: Names of nonlinearities, as model files use them.
Nonlinearity = Literal["linear", "relu", "tanh", "sigmoid", "elu", "softplus"]

NONLINEARITIES: dict[Nonlinearity, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "elu": nn.functional.elu,
    "softplus": nn.functional.softplus,
}

#: How input weights start, as model files name it.
Start = Literal["preferred", "single", "random"]

#: Standard deviations of random starting weights on stimuli and on populations, in units of the
#: rate for a unit of the input: units tell stimuli apart from the start, loops start stable.
RANDOM_STIMULUS_SD, RANDOM_POPULATION_SD = 0.3, 0.2


def check_nonlinearity(name: Nonlinearity) -> Nonlinearity:
    """Return the name of a nonlinearity, or raise :class:`ModelError` listing those there are."""
    if name not in NONLINEARITIES:
        raise ModelError(
            f"unknown nonlinearity {name!r}; choose one of: {', '.join(NONLINEARITIES)}"
        )
    return name


class DRMPopulation(DRMNode, ABC):
    """A neural population.

    Write :meth:`forward` and, where the population remembers, :meth:`initial_state`. ``forward``
    is called by :class:`~drmbids.DRMNet` with any number of consecutive ticks: all ticks of a
    window where nothing feeds back, shorter blocks where something does. How a run is cut into
    blocks must not change the result. Activity of a tick is the mean over the tick, of inputs and
    of the population alike.

    Parameters
    ----------
    n_units : int
        Units, the width of the activity.
    n_inputs : int
        Width of all afferents together.

    Raises
    ------
    UsageError
        If a size is below 1.
    """

    #: Whether input weights are read through :meth:`signed`, so that they can hold signs.
    holds_signs: ClassVar[bool] = False
    input_signs: Tensor | None

    def __init__(self, n_units: int, n_inputs: int):
        super().__init__()
        if n_units < 1 or n_inputs < 1:
            raise UsageError(
                f"{type(self).__name__} needs at least one unit and one input, "
                f"got n_units={n_units}, n_inputs={n_inputs}"
            )
        self.n_units, self.n_inputs = n_units, n_inputs
        self.register_buffer("input_signs", None, persistent=False)

    @classmethod
    def fewest_inputs(cls, n_units: int, options: dict[str, Any]) -> int:
        """Return how many inputs a population of these options needs at least; 1 by default.

        Parameters
        ----------
        n_units : int
        options : dict of str to object
            Further arguments of ``__init__``.
        """
        return 1

    @abstractmethod
    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the activity and the state after a block of ticks.

        Parameters
        ----------
        inputs : sequence of Tensor of shape (L, batch, n_j)
            Afferents, delayed already; ``L >= 1`` consecutive ticks.
        state : Tensor or tuple of Tensor or None
            What :meth:`initial_state` or the last call returned.

        Returns
        -------
        activity : Tensor of shape (L, batch, n_units)
        state : as the argument
        """

    def initial_state(self, batch: int) -> Any:
        """Return the state before the first tick of a run; None for a population without memory."""
        return None

    def sent(self, activity: Tensor) -> Tensor:
        """Return what other populations hear of activity, which readouts see: the same by default.

        Called by the net for what leaves the population over connections and gates, in blocks of
        any length: each tick on its own.

        Parameters
        ----------
        activity : Tensor of shape (L, batch, n_units)
            From :meth:`forward`; 0 before a run.

        Returns
        -------
        Tensor of shape (L, batch, n_units)
        """
        return activity

    def number_runs(self, state: Any, runs: Tensor, name: str) -> Any:
        """Return the state before the first tick, for runs that have numbers.

        A population that draws noise makes it a function of the number of the run and of its own
        name. Returns the state as it is by default.

        Parameters
        ----------
        state : Tensor or tuple of Tensor or None
            From :meth:`initial_state`.
        runs : Tensor of shape (batch,), int64
            Number of each run in its data set.
        name : str
            Name of the population in its net.
        """
        return state

    def initialise_inputs(self, n_stimulus: int) -> None:
        """Draw fresh input weights, knowing that the first ``n_stimulus`` inputs are stimuli.

        Model files call this when the afferents are known. Does nothing by default.
        """

    def hold_input_signs(self, signs: Tensor) -> None:
        """Hold the signs of the input weights, as Dale's law asks for.

        Parameters
        ----------
        signs : Tensor of shape (n_inputs,)
            1 or -1 for the weights on an input; 0 where they are free.

        Raises
        ------
        ModelError
            If the population has no input weights of which each has one sign.
        """
        if not self.holds_signs:
            raise ModelError(
                f"{type(self).__name__} has no input weights that could hold a sign; take out dale"
            )
        self.input_signs = signs.to(next(self.parameters()))

    def signed(self, weight: Tensor) -> Tensor:
        """Return input weights with the signs that are held, shape (n_units, n_inputs)."""
        if self.input_signs is None:
            return weight
        signs = self.input_signs[: weight.shape[1]]
        return torch.where(signs == 0, weight, weight.abs() * signs)

    def input_weights(self) -> Tensor | None:
        """Return the weights on the afferents, shape (n_units, n_inputs), or None if not linear."""
        return None

    def unit_bands(self) -> Tensor:
        """Return the band of each unit, shape (n_units,), whole numbers from 0.

        Units of a band have maps that are alike in size (:mod:`drmbids.fit.maps.evidence`); those
        of band 0 are what the population is about, others how targets deviate from it.
        """
        return torch.zeros(self.n_units, dtype=torch.long)

    def weight_matrix(self) -> Tensor | None:
        """Return the weights on the afferents, which a prior may be set on."""
        return self.input_weights()

    def loop_form(self) -> "RateForm | GatedForm | None":
        """Return the population as rate units or gated units, or None where it is something else.

        Units of a known form that feed back on each other run together without a graph through
        time, which is what makes loops fast; the result is the same. They send their activity.
        """
        return None


class RateForm(NamedTuple):
    """Units that follow ``phi(weight x(t) + bias)``, activity being their mean over the tick."""

    weight: Tensor  # shape: (n_units, n_inputs)
    bias: Tensor  # shape: (n_units,)
    nonlinearity: Nonlinearity
    # shape: (2, n_units), see drmbids.maths.loops.first_order; None for units without memory, whose
    # activity is what they would follow
    dynamics: Tensor | None


class GatedForm(NamedTuple):
    """Gated recurrent units, see :func:`drmbids.maths.loops.recurrence.gated_recurrence`."""

    weight: Tensor  # shape: (3 * n_units, n_inputs): reset gate, update gate, candidate
    bias: Tensor  # shape: (3 * n_units,)
    recurrent: Tensor  # shape: (3 * n_units, n_units): recurrent part of the candidate, both gates
    recurrent_bias: Tensor  # shape: (n_units,), of the recurrent part of the candidate


class StepPopulation(DRMPopulation):
    """A population written one tick at a time; the loop over a block is done for you.

    Write :meth:`step`. Simpler to write than :class:`DRMPopulation`, slower to run.
    """

    @abstractmethod
    def step(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the mean activity of a tick, shape (batch, n_units), and the state after it.

        Parameters
        ----------
        inputs : sequence of Tensor of shape (batch, n_j)
            Afferents at this tick.
        state : Tensor or tuple of Tensor or None
            State after the tick before.
        """

    def forward(self, inputs: Sequence[Tensor], state: Any) -> tuple[Tensor, Any]:
        """Return the activity and the state after a block of ticks, by one step for each."""
        ticks = []
        for now in zip(*(x.unbind(0) for x in inputs), strict=True):
            activity, state = self.step(now, state)
            ticks.append(activity)
        return torch.stack(ticks), state


def start_inputs(weights: Tensor, n_stimulus: int, start: Start) -> None:
    """Fill input weights in place, in one of the ways that :data:`Start` names.

    ``preferred`` is :func:`prefer_inputs`. ``single`` is the same with all other weights at 0, so
    that a net of linear units starts as the linear model of the stimuli. ``random`` draws all
    weights from normal distributions about 0, as echo state networks do, of
    :data:`RANDOM_STIMULUS_SD` for stimuli and
    :data:`RANDOM_POPULATION_SD` for populations: units start as different mixtures of all inputs,
    coupled to each other from the first epoch on.

    Parameters
    ----------
    weights : Tensor of shape (n_units, n_inputs)
    n_stimulus : int
        Leading inputs that come from stimuli.
    start : {"preferred", "single", "random"}

    Raises
    ------
    ModelError
        If there is no such start.

    References
    ----------
    Jaeger 2001, The "echo state" approach to analysing and training recurrent neural networks, GMD
    report 148 (random fixed weights that span what inputs can drive).
    """
    if start in ("preferred", "single"):
        prefer_inputs(weights, n_stimulus, spread=0.1 if start == "preferred" else 0.0)
    elif start == "random":
        with torch.no_grad():
            weights[:, :n_stimulus].normal_(0.0, RANDOM_STIMULUS_SD)
            weights[:, n_stimulus:].normal_(0.0, RANDOM_POPULATION_SD)
    else:
        raise ModelError(f"unknown start {start!r}; choose one of: {', '.join(get_args(Start))}")


def prefer_inputs(weights: Tensor, n_stimulus: int, spread: float = 0.1) -> None:
    """Fill input weights in place: each unit prefers one input and sees a little of the others.

    Ridge maps read the units out, so units that start with different preferences span the space
    of stimuli from the first epoch on; the small rest breaks ties. Other populations start weak
    where there are stimuli, and at half strength where there are none, so that loops start stable.

    Parameters
    ----------
    weights : Tensor of shape (n_units, n_inputs)
    n_stimulus : int
        Leading inputs that come from stimuli.
    spread : float
        Standard deviation of the rest, over all inputs together.
    """
    n_units, n_inputs = weights.shape
    preferred, strength = (n_stimulus, 1.0) if n_stimulus else (n_inputs, 0.5)
    with torch.no_grad():
        weights.normal_(0.0, spread / n_inputs**0.5)
        # as often as it takes for every unit to have an input, and every input a unit: a condition
        # that starts below zero for all rectified units gets no gradient, for good
        pair = torch.arange(max(n_units, preferred))
        weights[pair % n_units, pair % preferred] += strength
