"""The step of one unit, and its transposed derivative, as source for a compiler."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from drmbids.maths.loops.scalar_code import scalar_code


@dataclass(frozen=True)
class UnitCode:
    """Source of the step of one unit.

    Parameters
    ----------
    step : str
        From state, input and parameters to the next state.
    pull : str
        From these and the gradient of the next state to those of state, input and parameters.
    n_states, n_inputs : int
    trained : tuple of int
        Parameters whose gradient is worked out.
    """

    step: str
    pull: str
    n_states: int
    n_inputs: int
    trained: tuple[int, ...]


def unit_code(
    step: Callable[..., tuple[Tensor, ...]],
    n_states: int,
    n_inputs: int,
    n_parameters: int,
    trained: tuple[int, ...],
) -> UnitCode:
    """Return the source of a step and of its transposed derivative.

    Parameters
    ----------
    step : callable
        ``step(*states, *inputs, *parameters)`` gives the next states; elementwise.
    n_states, n_inputs, n_parameters : int
    trained : tuple of int
        Parameters whose gradient is needed.

    Raises
    ------
    ModelError
        If the step is not elementwise.
    """
    n_moved = n_states + n_inputs

    def pull(*values: Tensor) -> tuple[Tensor, ...]:
        at, gradient = values[:-n_states], values[-n_states:]
        rest = at[n_moved:]

        def moved(*some: Tensor) -> tuple[Tensor, ...]:
            parameters = list(rest)
            for place, value in zip(trained, some[n_moved:], strict=True):
                parameters[place] = value
            return step(*some[:n_moved], *parameters)

        backward = torch.func.vjp(moved, *at[:n_moved], *(rest[k] for k in trained))[1]
        return backward(gradient)

    sizes = [n_states, n_inputs, n_parameters]
    return UnitCode(
        scalar_code(step, sizes), scalar_code(pull, [*sizes, n_states]), n_states, n_inputs, trained
    )
