"""Physical parameters of further starts: drawn from their priors, or within their limits."""

import math

import numpy as np
import torch

from drmbids.brain.net.net import DRMNet
from drmbids.brain.net.stability import loop_problems, mass_problems
from drmbids.brain.nodes import DRMNode
from drmbids.brain.parameters import ParameterSpec

# Share of the range between two limits that is left out at either end, where nothing moves.
EDGE = 0.05
# Standard deviation of the logarithm of a parameter without prior or upper limit, and of one
# without limits in units of its size or of 1: time constants a factor of 2.7 away are common.
SPREAD, FREE_SPREAD = 1.0, 0.3
# Where a net would grow without bound, it starts nearer to where it starts otherwise.
SHARES = (1.0, 0.5, 0.25, 0.0)


@torch.no_grad()
def draw_physical(net: DRMNet, seed: int) -> None:
    """Draw each trained physical parameter of a net.

    One with a prior from the prior, within its limits; one with two limits evenly between them; one
    with a lower limit so that the logarithm of its distance to it is normal about that of its
    value; others are normal about their values. Nets that would be unstable are drawn half as far
    from where they were, then half as far again.

    Parameters
    ----------
    net : DRMNet
        As it is built; changed in place.
    seed : int

    Examples
    --------
    >>> from drmbids import BOLD, DRMConnection, Leaky
    >>> net = DRMNet([Leaky(1, 1, tau=1.0)], [DRMConnection()], [[None]], BOLD([1], [5]))
    >>> draw_physical(net, 3)
    >>> net.population_list[0].value("tau").item() != 1.0
    True
    """
    rng = np.random.default_rng(seed)
    most = len(loop_problems(net))
    nodes = [part for part in net.modules() if isinstance(part, DRMNode)]
    found = []
    for node in nodes:
        for name, spec in node.parameter_specs.items():
            free = getattr(node, f"free_{name}")
            if free.requires_grad:
                drawn = _drawn(spec, node.value(name).cpu().double().numpy(), rng)
                before = free.clone()
                node.set_value(name, torch.as_tensor(drawn))
                found.append((free, before, free.clone()))
    for share in SHARES:
        for free, before, after in found:
            free.copy_(before + share * (after - before))
        if not mass_problems(net) and len(loop_problems(net)) <= most:
            return


def _drawn(spec: ParameterSpec, value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return values for a parameter, of the shape of those it has."""
    lower = -math.inf if spec.lower is None else spec.lower
    upper = math.inf if spec.upper is None else spec.upper
    if spec.prior_mean is not None and spec.prior_sd is not None:
        drawn = rng.normal(spec.prior_mean, spec.prior_sd, value.shape)
        # beyond a limit: half way from the start to it
        low, high = (value + lower) / 2, (value + upper) / 2
        return np.where(drawn <= lower, low, np.where(drawn >= upper, high, drawn))
    if spec.lower is not None and spec.upper is not None:
        return lower + (upper - lower) * rng.uniform(EDGE, 1 - EDGE, value.shape)
    if spec.lower is not None:
        return lower + (value - lower) * np.exp(rng.normal(0.0, SPREAD, value.shape))
    return value + np.maximum(abs(value), 1.0) * rng.normal(0.0, FREE_SPREAD, value.shape)
