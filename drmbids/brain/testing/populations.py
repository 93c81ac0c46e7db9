"""The contract of populations."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from drmbids.brain.net.carry import map_tensors
from drmbids.brain.populations.base import DRMPopulation
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    randomise,
    require,
    require_equal,
    require_form,
    seeded,
)


def check_population(
    build: Callable[[int, int], DRMPopulation],
    n_units: int = 4,
    n_inputs: int = 3,
    n_ticks: int = 9,
    device: str = "cpu",
) -> None:
    """Check that a population keeps its contract.

    Shapes and types; several afferents; a batch equals its elements one by one; a block cut at any
    tick equals the whole; no output depends on later input; a fresh state repeats the result;
    state dict and copies; gradients; units and documentation.

    Parameters
    ----------
    build : callable
        The class, or a function of ``n_units`` and ``n_inputs``.
    n_units, n_inputs : int
        Sizes to build; at least two inputs.
    n_ticks : int
        Length of the block that is cut up.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import Leaky
    >>> check_population(Leaky)
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            single = build(n_units, n_inputs).to(device=device, dtype=dtype)
            randomise(single)
            block = torch.randn(n_ticks, 3, n_inputs, device=device, dtype=dtype)
            _check_blocks(single, block, tolerance)
        population, fresh = (build(n_units, n_inputs).to(device).double() for _ in range(2))
        x = torch.randn(n_ticks, 3, n_inputs, device=device, dtype=torch.float64)
        _check_weights(population)
        check_declared(population)
        check_copies(population, fresh, lambda p: _run(p, x)[0])
        _check_gradients(population, x[:4, :2])


def _run(population: Any, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """Return activity and state for one afferent, from silence when no state is given."""
    state = _start(population, range(x.shape[1])) if state is None else state
    return population([x], state)


def _start(population: Any, runs: Iterable[int]) -> Any:
    """Return the state before runs of given numbers, which noise follows from."""
    numbers = torch.tensor(list(runs))
    like = next(population.parameters(), numbers)
    state = population.initial_state(len(numbers))
    return population.number_runs(state, numbers.to(like.device), "population")


def _check_blocks(population: DRMPopulation, x: Tensor, tolerance: float) -> None:
    """Check everything that compares one block with another."""
    name, n_ticks = type(population).__name__, x.shape[0]
    before = x.clone()
    whole, _ = _run(population, x)
    require_form(whole, (*x.shape[:2], population.n_units), x, f"{name}: activity")
    require_equal(x, before, 0.0, f"{name} changes its input in place")
    start = _start(population, range(x.shape[1]))
    split, _ = population([x[..., :1], x[..., 1:]], start)
    require_form(split, whole.shape, x, f"{name}: activity for two afferents")
    each = [_run(population, x[:, [k]], _start(population, [k]))[0] for k in range(x.shape[1])]
    require_equal(
        torch.cat(each, dim=1), whole, tolerance, f"{name}: a batch differs from its elements"
    )
    for cut in range(1, n_ticks):
        head, state = _run(population, x[:cut])
        tail, _ = _run(population, x[cut:], state)
        joined = torch.cat((head, tail))
        require_equal(joined, whole, tolerance, f"{name}: cut at tick {cut} differs from the whole")
    state, ticks = _start(population, range(x.shape[1])), []
    for k in range(n_ticks):
        now, state = population([x[k : k + 1]], state)
        ticks.append(now)
    require_equal(torch.cat(ticks), whole, tolerance, f"{name}: tick by tick differs")
    for t in range(n_ticks - 1):
        other = torch.cat((x[: t + 1], torch.randn_like(x[t + 1 :])))
        early = _run(population, other)[0][: t + 1]
        message = f"{name}: activity up to tick {t} depends on later input"
        require_equal(early, whole[: t + 1], tolerance, message)


def _check_weights(population: DRMPopulation) -> None:
    weights, name = population.input_weights(), type(population).__name__
    if weights is not None:
        wanted = (population.n_units, population.n_inputs)
        require(tuple(weights.shape) == wanted, f"{name}: input weights are not of shape {wanted}")
    population.initialise_inputs(1)


def _check_gradients(population: DRMPopulation, x: Tensor) -> None:
    """Check gradients of activity and state for input, parameters and the state before."""
    parts = [p + 0.3 * torch.randn_like(p) for p in _numbers(_start(population, range(x.shape[1])))]

    def compute(component: Any, inputs: Tensor, *state: Tensor) -> list[Tensor]:
        rest = iter(state)
        start = map_tensors(
            lambda p: next(rest) if p.is_floating_point() else p,
            _start(component, range(inputs.shape[1])),
        )
        activity, end = component([inputs], start)
        return [activity, *_numbers(end)]

    def one(component: Any, *inputs: Tensor) -> Tensor:
        return torch.cat([part.flatten() for part in compute(component, *inputs)])

    randomise(population)
    check_gradients(population, one, (x, *parts))


def _numbers(state: Any) -> list[Tensor]:
    """Return the tensors of a state that have gradients: clocks of noise are whole numbers."""
    found: list[Tensor] = []
    map_tensors(lambda p: found.append(p) or p, state)
    return [p for p in found if p.is_floating_point()]
