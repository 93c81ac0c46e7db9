"""Which models may have several minima, and how a fit goes on from a saddle between two of them.

An area that is seen through another leaves its time constant in the sum of both: exchanged, they
predict the same, and between the two ways lies a saddle, where both are equal. Descent from equal
values stays on the line between the two ways and ends at the saddle, as there the slope across is
zero, whatever the curvature. So it is the curvature of the objective for the physical parameters
that says whether a fit has ended; where it is negative, the fit goes on along that direction.
"""

from collections.abc import Callable, Sequence

import numpy as np
from torch import nn

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.readouts import by_name
from drmbids.brain.nodes import DRMNode

#: Physical parameters up to which their curvature is worked out: two passes for each of them.
MOST_PHYSICAL = 20
#: Most numbers, beside solved maps, of a model that is finished by itself.
MOST_NUMBERS = 100
# Differences are taken over this much of a free number: in units of time constants 5 %.
STEP = 0.05
# Share of the largest curvature that a negative one has to have: far above rounding.
NEGATIVE = 1e-3
# Steps along a direction of negative curvature that are tried, in free numbers.
STEPS = (0.25, 0.5, 1.0, 2.0)


def may_have_modes(net: DRMNet) -> bool:
    """Return whether the objective of a net may have several minima in its physical parameters.

    It may where a delay is trained, or a parameter of a population that is not seen on its own: no
    region has it as its only source.

    Parameters
    ----------
    net : DRMNet

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, Leaky
    >>> def chain(sources):
    ...     readout = BOLD([1, 1], [5] * len(sources), sources=sources)
    ...     wires = [[None, None], [DRMConnection(), None]]
    ...     return DRMNet([Leaky(1, 1), Leaky(1, 1)], [DRMConnection(), None], wires, readout)
    >>> may_have_modes(chain([[1]])), may_have_modes(chain([[0], [1]]))
    (True, False)
    """
    if any(isinstance(part, DRMConnection) and part.learns_delay for part in net.modules()):
        return True
    lines = [line for readout in by_name(net.readout).values() for line in readout.sources]
    alone = {line[0] for line in lines if len(line) == 1}
    return any(
        physical_parameters(population)
        for k, population in enumerate(net.population_list)
        if k not in alone
    )


def physical_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the trained physical parameters of all nodes of a module, as free numbers."""
    found = [
        getattr(node, f"free_{name}")
        for node in module.modules()
        if isinstance(node, DRMNode)
        for name in node.parameter_specs
    ]
    return [p for p in dict.fromkeys(found) if p.requires_grad]


def beside_saddle(
    function: Callable[[np.ndarray], tuple[float, np.ndarray]],
    here: np.ndarray,
    physical: Sequence[int],
) -> np.ndarray | None:
    """Return a lower point along the direction of most negative curvature, None where none is.

    Parameters
    ----------
    function : callable
        The objective and its gradient.
    here : array of shape (n_numbers,)
        Where it has no slope.
    physical : sequence of int
        Numbers among which curvature is looked for; no more than :data:`MOST_PHYSICAL`.

    Examples
    --------
    >>> def saddle(x):
    ...     return x[1] ** 4 - x[1] ** 2 + x[0] ** 2, np.array([2 * x[0], 4 * x[1] ** 3 - 2 * x[1]])
    >>> abs(beside_saddle(saddle, np.zeros(2), [0, 1]))
    array([0. , 0.5])
    """
    if not 0 < len(physical) <= MOST_PHYSICAL:
        return None
    rows = []
    for number in physical:
        step = np.zeros_like(here)
        step[number] = STEP
        slopes = function(here + step)[1] - function(here - step)[1]
        rows.append(slopes[list(physical)] / (2 * STEP))
    hessian = np.array(rows)
    if not np.isfinite(hessian).all():
        return None
    values, axes = np.linalg.eigh((hessian + hessian.T) / 2)
    if values[0] >= -NEGATIVE * abs(values).max():
        return None
    along = np.zeros_like(here)
    along[list(physical)] = axes[:, 0]
    lowest, best = function(here)[0], None
    for step in (sign * length for length in STEPS for sign in (1, -1)):
        value = function(here + step * along)[0]
        if value < lowest:
            lowest, best = value, here + step * along
    return best
