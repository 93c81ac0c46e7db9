"""Compiled units against a loop over ticks, and their gradients by finite differences."""

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

from drmbids.data.tools.exceptions import DeviceError
from drmbids.maths.loops.unit_code import UnitCode, unit_code
from drmbids.maths.loops.unit_dynamics import Taps, run_units

N, DEPTH, N_TAPS = 3, 4, 2


def step(x: Tensor, z: Tensor, drive: Tensor, extra: Tensor, a: Tensor, b: Tensor) -> Any:
    """Return the next state of a unit of two variables, two inputs and two parameters."""
    return torch.tanh(a * x + drive) - 0.1 * z, z + b * x * extra


def case(batch: int = 2, n_ticks: int = 6) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(batch)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "state": draw(batch, 2, N),
        "inputs": draw(n_ticks, batch, 2, N),
        "parameters": draw(2, N),
        "weights": draw(N, N_TAPS),
        "strength": draw(()),
        "past": draw(DEPTH, batch, N),
        "ticks": torch.randint(1, DEPTH + 1, (N, N_TAPS), generator=generator),
        "sources": torch.randint(0, N, (N, N_TAPS), generator=generator),
    }


def loop(c: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the same as :func:`run_units`, pair by pair."""
    said, state = list(c["past"]), c["state"]
    for now in c["inputs"]:
        heard = [
            sum(
                w * said[len(said) - k][:, j]
                for w, k, j in zip(c["weights"][i], c["ticks"][i], c["sources"][i], strict=True)
            )
            for i in range(N)
        ]
        drive = now[:, 0] + c["strength"] * torch.stack(heard, -1)
        state = torch.stack(step(*state.unbind(1), drive, now[:, 1], *c["parameters"]), 1)
        said.append(state[:, 0])
    return torch.stack(said[DEPTH:]), state


@cache
def traced(trained: tuple[int, ...]) -> UnitCode:
    return unit_code(step, 2, 2, 2, trained)


def compiled(c: dict[str, Tensor], trained: tuple[int, ...] = (0, 1)) -> tuple[Tensor, Tensor]:
    code = traced(trained)
    taps = Taps(c["ticks"], c["sources"], c["weights"], c["strength"], c["past"])
    return run_units(code, c["state"], c["inputs"], c["parameters"], taps)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("n_ticks", [1, 3, 6])
def test_units_run_as_a_loop_over_ticks(batch: int, n_ticks: int) -> None:
    c = case(batch, n_ticks)
    for got, wanted in zip(compiled(c), loop(c), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_the_loop() -> None:
    names = [name for name, x in case().items() if x.dtype == torch.float64]
    grads = []
    for run in (compiled, loop):
        c = {name: x.clone().requires_grad_(name in names) for name, x in case().items()}
        activity, state = run(c)
        (activity.square().sum() + (state**3).sum()).backward()
        grads.append([c[name].grad for name in names])
    for got, wanted in zip(*grads, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10)


def test_gradients_by_finite_differences() -> None:
    c = case(1, 3)
    names = [name for name, x in c.items() if x.dtype == torch.float64]

    def run(*values: Tensor) -> tuple[Tensor, Tensor]:
        return compiled({**c, **dict(zip(names, values, strict=True))})

    assert torch.autograd.gradcheck(run, [c[name].requires_grad_() for name in names])


def test_only_trained_parameters_get_a_gradient() -> None:
    c = case()
    c["parameters"].requires_grad_()
    compiled(c, trained=(1,))[0].sum().backward()
    assert not c["parameters"].grad[0].any()
    assert c["parameters"].grad[1].all()


def test_without_taps_units_do_not_hear_each_other() -> None:
    c = case()
    silent = {**c, "strength": torch.zeros((), dtype=torch.float64)}
    alone = run_units(traced(()), c["state"], c["inputs"], c["parameters"])
    for got, wanted in zip(alone, loop(silent), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)


def test_other_devices_are_refused() -> None:
    state, inputs = torch.zeros(1, 2, N, device="meta"), torch.zeros(5, 1, 2, N, device="meta")
    with pytest.raises(DeviceError, match="compiled masses run on the CPU, not on meta"):
        run_units(traced(()), state, inputs, torch.zeros(2, N, device="meta"))
