"""The contract of connections."""

from collections.abc import Callable

import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.readouts.bold import BOLD
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
from drmbids.data.tools.exceptions import ModelError

# Delays in ticks, and a resolution whose multiples are not exact in binary.
TICKS = (0, 1, 3, 7)
RESOLUTION = 0.1


def check_connection(
    build: Callable[[], DRMConnection], n_from: int = 3, device: str = "cpu"
) -> None:
    """Check that a connection keeps its contract.

    What leaves the source depends on one tick at a time, what arrives on the ticks between the
    longest and the shortest delay and on nothing else, silence before the run; blocks and batches
    change nothing; state dict and copies; gradients; documentation.

    Parameters
    ----------
    build : callable
        Returns a new connection, the same each time; the class, where it needs no arguments.
    n_from : int
        Units of the source.
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

    def made(dtype: torch.dtype) -> DRMConnection:
        connection = build().to(device=device, dtype=dtype)
        connection.set_resolution(RESOLUTION)
        return connection

    with seeded():
        for dtype, tolerance in DTYPES.items():
            single = made(dtype)
            block = torch.randn(9, 2, n_from, device=device, dtype=dtype)
            _check_pointwise(single, block, tolerance)
            _check_arrival(single, block, tolerance)
        connection, fresh = made(torch.float64), made(torch.float64)
        n_ticks = 9 + connection.longest_ticks - connection.shortest_ticks
        x = torch.randn(n_ticks, 2, n_from, device=device, dtype=torch.float64)
        check_declared(connection)
        check_copies(connection, fresh, lambda c: c.arrive(c(x)))
        check_gradients(connection, lambda c, y: c.arrive(c(y)), (x[5:],))


def check_fixed_delay(build: Callable[..., DRMConnection], device: str = "cpu") -> None:
    """Check that a connection with a fixed delay has just that delay.

    What is sent arrives exactly a delay later; a delay that is negative or no whole number of ticks
    is refused.

    Parameters
    ----------
    build : callable
        The class, or a function of ``delay`` in seconds, for a source of 3 units.
    device : str
        Where to compute.

    Raises
    ------
    AssertionError
        If a promise is broken; the message names it.

    Examples
    --------
    >>> from drmbids import DRMConnection
    >>> check_fixed_delay(DRMConnection)
    """
    with seeded():
        for dtype, tolerance in DTYPES.items():
            block = torch.randn(9, 2, 3, device=device, dtype=dtype)
            at_once = build(delay=0.0).to(block)
            for ticks in TICKS:
                connection = build(delay=ticks * RESOLUTION).to(block)
                connection.load_state_dict(at_once.state_dict())
                _check_delay(connection, ticks, block, tolerance)
        _check_refusals(build)


def _check_pointwise(connection: DRMConnection, x: Tensor, tolerance: float) -> None:
    name, sent = type(connection).__name__, connection(x)
    require_form(sent, (*x.shape[:2], sent.shape[-1]), x, f"{name}: what is sent")
    ticks = torch.cat([connection(x[k : k + 1]) for k in range(len(x))])
    require_equal(ticks, sent, tolerance, f"{name}: what is sent depends on other ticks")
    alone = torch.cat([connection(x[:, k : k + 1]) for k in range(x.shape[1])], dim=1)
    require_equal(alone, sent, tolerance, f"{name}: a batch differs from its elements")


def _check_arrival(connection: DRMConnection, x: Tensor, tolerance: float) -> None:
    """Check bounds, blocks and batches of what arrives, and that a net gives the same."""
    name, n_ticks = type(connection).__name__, len(x)
    shortest, longest = connection.shortest_ticks, connection.longest_ticks
    require(
        isinstance(shortest, int) and isinstance(longest, int) and 0 <= shortest <= longest,
        f"{name}: reads between {shortest} and {longest} ticks ago",
    )
    more = longest - shortest
    heard = torch.cat((x.new_zeros(longest, *x.shape[1:]), x))[: n_ticks + more]
    sent = connection(heard)
    wanted = connection.arrive(sent)
    require_form(wanted, (*x.shape[:2], wanted.shape[-1]), x, f"{name}: what arrives")
    require(
        wanted.shape[-1] == x.shape[-1] or not connection.keeps_units,
        f"{name}: {x.shape[-1]} units are sent, {wanted.shape[-1]} arrive; say so in keeps_units",
    )
    ticks = [connection.arrive(sent[k : k + 1 + more]) for k in range(n_ticks)]
    require_equal(torch.cat(ticks), wanted, tolerance, f"{name}: blocks change what arrives")
    alone = [connection.arrive(sent[:, k : k + 1]) for k in range(x.shape[1])]
    require_equal(torch.cat(alone, 1), wanted, tolerance, f"{name}: a batch is not its elements")
    arrived = _through_net(connection, x, wanted.shape[-1])
    require_equal(arrived, wanted, tolerance, f"{name}: a net gives something else")


def _through_net(connection: DRMConnection, x: Tensor, width: int) -> Tensor:
    """Return what a population that repeats its input gets through a connection."""
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
    (arrived,), _, _ = net.run([x], net.initial_carry(x.shape[1]))
    return arrived


def _check_delay(connection: DRMConnection, ticks: int, x: Tensor, tolerance: float) -> None:
    """Check that what arrives through a net is what was sent, so many ticks before."""
    name = type(connection).__name__
    wanted = connection(torch.cat((torch.zeros_like(x[:ticks]), x))[: len(x)])
    arrived = _through_net(connection, x, wanted.shape[-1])
    require(
        connection.shortest_ticks == ticks,
        f"{name}: {ticks * RESOLUTION:g} s are {connection.shortest_ticks} ticks, not {ticks}",
    )
    require_equal(arrived, wanted, tolerance, f"{name}: the delay is not {ticks} ticks")


def _check_refusals(build: Callable[..., DRMConnection]) -> None:
    for delay in (1.5 * RESOLUTION, -RESOLUTION, float("nan")):
        connection = build(delay=delay)
        connection.set_resolution(RESOLUTION)
        try:
            connection.shortest_ticks  # noqa: B018
        except ModelError:
            continue
        raise AssertionError(
            f"{type(connection).__name__}: a delay of {delay:g} s at a resolution of "
            f"{RESOLUTION:g} s is not refused"
        )
