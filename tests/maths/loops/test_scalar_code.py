"""Source for one element: the same numbers as the tensor function, and what is refused."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.maths.loops import scalar_code as module
from drmbids.maths.loops.scalar_code import compile_code, scalar_code

FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sums": lambda x, y: torch.add(x, y, alpha=3) - 2 * y + (1 - x) - torch.sub(x, y, alpha=2),
    "quotients": lambda x, y: x / (1 + y * y) + 1 / (2 + x * x) + (3 + y).reciprocal(),
    "powers": lambda x, y: x**3 + (y * y + 0.1) ** 0.7 + x.square() + (y.abs() + 1).sqrt(),
    "exponentials": lambda x, y: x.exp() + y.expm1() + (x * x + 0.1).log() + (y * y).log1p(),
    "waves": lambda x, y: x.sin() * y.cos(),
    "sigmoids": lambda x, y: x.tanh() + y.sigmoid() - torch.relu(x),
    "limits": lambda x, y: x.clamp(-0.5, 0.5) + y.clamp(min=0.1) + (x + y).clamp(max=0.3),
    "larger": lambda x, y: torch.maximum(x, y) - torch.minimum(x, 2 * y),
    "branches": lambda x, y: torch.where((x > y) & (x <= 1.0), x, -y) + torch.where(x < 0, 1.0, y),
    "signs": lambda x, y: x.sign() * y + torch.where(~(x >= 0.2), x.abs(), 0.0),
    "constants": lambda x, y: torch.ones_like(x) + torch.full_like(y, 0.25) + torch.zeros_like(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_element_gives_what_the_tensors_give(name: str, dtype: str) -> None:
    function = FUNCTIONS[name]

    def with_slopes(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        value, pull = torch.func.vjp(function, x, y)
        return value, *pull(torch.ones_like(value))

    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(2, 50, generator=generator).to(getattr(torch, dtype))
    out = np.empty((3, 50), dtype)
    compile_code(scalar_code(with_slopes, [1, 1]), dtype)(x[None].numpy(), y[None].numpy(), out)
    wanted = torch.stack(with_slopes(x, y))
    rtol = 1e-5 if dtype == "float32" else 1e-12
    torch.testing.assert_close(torch.from_numpy(out), wanted, rtol=rtol, atol=rtol)


def test_groups_of_arguments() -> None:
    source = scalar_code(lambda a, b, c: (a + b, c), [2, 1])
    pair, single, out = (
        np.array([[1.0, 2.0], [10.0, 20.0]]),
        np.array([[5.0, 6.0]]),
        np.ones((2, 2)),
    )
    compile_code(source, "float64")(pair, single, out)
    assert out.tolist() == [[11.0, 22.0], [5.0, 6.0]]


@pytest.mark.parametrize("function", [lambda x: (x.sum() + x,), lambda x: (x.cumsum(0),)])
def test_units_must_be_on_their_own(function: Callable[[Tensor], tuple[Tensor]]) -> None:
    with pytest.raises(ModelError, match=r"operation '\w+' cannot be compiled for single units"):
        scalar_code(function, [1])


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(UsageError, match=r"compiled=True needs numba: pip install"):
        module.jit.__wrapped__(abs)
