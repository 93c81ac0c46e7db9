"""The contract of connections."""

from collections.abc import Callable

import torch
from torch import Tensor

from drmbids.connections.base import DRMConnection
from drmbids.core.exceptions import ModelError
from drmbids.net.net import DRMNet
from drmbids.populations.additive import Additive
from drmbids.readouts.bold import BOLD
from drmbids.testing.common import (
    DTYPES,
    check_copies,
    check_declared,
    check_gradients,
    require,
    require_equal,
    require_form,
    seeded,
)

# Delays in ticks, and a resolution whose multiples are not exact in binary.
TICKS = (0, 1, 3, 7)
RESOLUTION = 0.1


def check_connection(build: Callable[..., DRMConnection], device: str = "cpu") -> None:
    """Check that a connection keeps its contract.

    What leaves the source depends on one tick at a time; it arrives exactly a delay later, silence
    before; a delay that is negative or no whole number of ticks is refused; state dict and
    copies; gradients; documentation.

    Parameters
    ----------
    build : callable
        The class, or a function of ``delay`` in seconds.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import DRMConnection
    >>> check_connection(DRMConnection)
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            single = build(delay=0.0).to(device=device, dtype=dtype)
            block = torch.randn(9, 2, 3, device=device, dtype=dtype)
            _check_pointwise(single, block, tolerance)
            _check_delays(build, single, block, tolerance)
        _check_refusals(build)
        connection, fresh = (build(delay=0.0).to(device).double() for _ in range(2))
        x = torch.randn(9, 2, 3, device=device, dtype=torch.float64)
        check_declared(connection)
        check_copies(connection, fresh, lambda c: c(x))
        check_gradients(connection, lambda c, y: c(y), (x[:4],))


def _check_pointwise(connection: DRMConnection, x: Tensor, tolerance: float) -> None:
    name, sent = type(connection).__name__, connection(x)
    require_form(sent, (*x.shape[:2], sent.shape[-1]), x, f"{name}: what is sent")
    ticks = torch.cat([connection(x[k : k + 1]) for k in range(len(x))])
    require_equal(ticks, sent, tolerance, f"{name}: what is sent depends on other ticks")
    alone = torch.cat([connection(x[:, k : k + 1]) for k in range(x.shape[1])], dim=1)
    require_equal(alone, sent, tolerance, f"{name}: a batch differs from its elements")


def _check_delays(
    build: Callable[..., DRMConnection], at_once: DRMConnection, x: Tensor, tolerance: float
) -> None:
    """Check that what arrives through a net is what was sent, so many ticks before."""
    name, width = type(at_once).__name__, at_once(x).shape[-1]
    for ticks in TICKS:
        connection = build(delay=ticks * RESOLUTION).to(x)
        connection.load_state_dict(at_once.state_dict())
        target = Additive(width, width, nonlinearity="linear").to(x)
        with torch.no_grad():
            target.weight.copy_(torch.eye(width))
        net = DRMNet(
            [target],
            ws=[connection],
            Wp=[[None]],
            readout=BOLD([width], [1]).to(x),
            resolution=RESOLUTION,
            stimuli={"stimulus": x.shape[-1]},
        )
        require(
            connection.delay_ticks() == ticks,
            f"{name}: {ticks * RESOLUTION:g} s are {connection.delay_ticks()} ticks, not {ticks}",
        )
        (arrived,), _, _ = net.run([x], net.initial_carry(x.shape[1]))
        silence = torch.zeros_like(x[:ticks])
        wanted = at_once(torch.cat((silence, x))[: len(x)])
        require_equal(arrived, wanted, tolerance, f"{name}: the delay is not {ticks} ticks")


def _check_refusals(build: Callable[..., DRMConnection]) -> None:
    for delay in (1.5 * RESOLUTION, -RESOLUTION, float("nan")):
        connection = build(delay=delay)
        connection.set_resolution(RESOLUTION)
        try:
            connection.delay_ticks()
        except ModelError:
            continue
        raise AssertionError(
            f"{type(connection).__name__}: a delay of {delay:g} s at a resolution of "
            f"{RESOLUTION:g} s is not refused"
        )
