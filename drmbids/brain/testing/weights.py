"""The contract of weights of connections."""

from collections.abc import Callable

import torch

from drmbids.brain.connections.weights import Weights
from drmbids.brain.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    require,
    require_equal,
    require_form,
    seeded,
)


def check_weights(
    build: Callable[..., Weights], n_from: int = 4, n_to: int = 3, device: str = "cpu"
) -> None:
    """Check that weights of a connection keep their contract.

    What arrives is the matrix times what is sent, tick by tick; signs that are held stay, whatever
    the parameters; state dict and copies; gradients; documentation.

    Parameters
    ----------
    build : callable
        The class, or a function of ``n_from``, ``n_to`` and ``sign``.
    n_from, n_to : int
        Sizes to build; the class says how many units arrive where ``n_to`` are wanted.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids.brain.connections.weights import Dense
    >>> check_weights(Dense)
    """
    arriving = getattr(build, "arriving", None)
    n_to = n_to if arriving is None else arriving(n_from, n_to, {})
    with seeded():
        for dtype, tolerance in DTYPES.items():
            weights = build(n_from, n_to).to(device=device, dtype=dtype)
            name = type(weights).__name__
            x = torch.randn(5, 2, n_from, device=device, dtype=dtype)
            arrived = weights(x)
            require_form(arrived, (5, 2, n_to), x, f"{name}: what arrives")
            wanted = x @ weights.matrix().mT
            require_equal(arrived, wanted, tolerance, f"{name}: not the matrix times what is sent")
        for sign, factor in (("positive", 1.0), ("negative", -1.0)):
            held = build(n_from, n_to, sign=sign).to(device)
            for parameter in held.parameters():
                torch.nn.init.normal_(parameter)
            signed = factor * held.matrix()
            require(bool((signed >= 0).all()), f"{name}: weights that are {sign} change sign")
        weights, fresh = (build(n_from, n_to).to(device).double() for _ in range(2))
        x = torch.randn(4, 2, n_from, device=device, dtype=torch.float64)
        check_declared(weights)
        check_copies(weights, fresh, lambda w: w(x))
        check_gradients(weights, lambda w, y: w(y), (x,))
