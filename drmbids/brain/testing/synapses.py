"""The contract of synapses and of short-term plasticity."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from drmbids.brain.connections.synapse import Synapse
from drmbids.brain.net.carry import map_tensors
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    require_equal,
    require_form,
    seeded,
)


def check_synapse(build: Callable[[], Synapse], n_units: int = 3, device: str = "cpu") -> None:
    """Check that a synapse keeps its contract.

    Shapes and types; silence stays silence; a block cut at any tick equals the whole; a batch
    equals its elements; no response depends on later input; state dict and copies; gradients;
    units and documentation.

    Parameters
    ----------
    build : callable
        Returns a new synapse, the same each time; the class, where it needs no arguments.
    n_units : int
        Units whose activity arrives.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids.brain.connections.synapse import AlphaSynapse
    >>> check_synapse(AlphaSynapse)
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            synapse = build().to(device=device, dtype=dtype)
            x = torch.rand(9, 2, n_units, device=device, dtype=dtype)
            _check_blocks(synapse, x, tolerance)
        synapse, fresh = (build().to(device).double() for _ in range(2))
        x = torch.rand(9, 2, n_units, device=device, dtype=torch.float64)
        check_declared(synapse)
        check_copies(synapse, fresh, lambda s: _respond(s, x)[0])
        parts: list[Tensor] = []
        map_tensors(lambda p: parts.append(p) or p, synapse.initial_state(2, n_units))

        def compute(s: Synapse, arrived: Tensor, *state: Tensor) -> Tensor:
            rest = iter(state)
            start = map_tensors(lambda _: next(rest), s.initial_state(2, n_units))
            response, end = s(arrived, start)
            ends: list[Tensor] = [response]
            map_tensors(lambda p: ends.append(p) or p, end)
            return torch.cat([p.flatten() for p in ends])

        some = [p + 0.3 * torch.rand_like(p) for p in parts]
        check_gradients(synapse, compute, (x[:4], *some))


def _respond(synapse: Synapse, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    return synapse(x, synapse.initial_state(*x.shape[1:]) if state is None else state)


def _check_blocks(synapse: Synapse, x: Tensor, tolerance: float) -> None:
    name = type(synapse).__name__
    whole, _ = _respond(synapse, x)
    require_form(whole, x.shape, x, f"{name}: response")
    silent, _ = _respond(synapse, torch.zeros_like(x))
    require_equal(silent, torch.zeros_like(x), 0.0, f"{name}: silence has a response")
    for cut in range(1, len(x)):
        head, state = _respond(synapse, x[:cut])
        tail, _ = _respond(synapse, x[cut:], state)
        message = f"{name}: cut at tick {cut} differs from the whole"
        require_equal(torch.cat((head, tail)), whole, tolerance, message)
        other = torch.cat((x[:cut], torch.rand_like(x[cut:])))
        message = f"{name}: the response up to tick {cut} depends on later input"
        require_equal(_respond(synapse, other)[0][:cut], whole[:cut], tolerance, message)
    alone = [_respond(synapse, x[:, [k]])[0] for k in range(x.shape[1])]
    require_equal(torch.cat(alone, 1), whole, tolerance, f"{name}: a batch is not its elements")
