"""Densities of weights: of the standard deviation that is asked for, and with a slope at zero."""

import numpy as np
import pytest
import torch
from scipy import integrate

from drmbids.maths.estimation.weight_prior import DENSITIES, WeightPriorKind, log_density


@pytest.mark.parametrize("kind", DENSITIES)
@pytest.mark.parametrize("n_to", [1, 3])
def test_a_weight_has_the_standard_deviation(kind: WeightPriorKind, n_to: int) -> None:
    """By integration over the distance from zero, for the weights from one unit of the source."""
    sd = 0.3
    if kind == "group":  # spherical: its density over the radius

        def radial(r: float, power: int) -> float:
            weights = torch.zeros(n_to, 1, dtype=torch.float64)
            weights[0] = r
            return r ** (n_to - 1 + power) * np.exp(log_density(weights, kind, sd).item())

        mass, square = (integrate.quad(radial, 0, 60 * sd, args=(k,))[0] for k in (0, 2))
        square /= n_to
    else:  # independent

        def density(w: float, power: int) -> float:
            one = torch.tensor([[w]], dtype=torch.float64)
            return w**power * np.exp(log_density(one, kind, sd).item())

        mass, square = (2 * integrate.quad(density, 0, 60 * sd, args=(k,))[0] for k in (0, 2))
    assert np.sqrt(square / mass) == pytest.approx(sd, rel=1e-6)


@pytest.mark.parametrize("kind", DENSITIES)
def test_weights_of_zero_have_a_finite_slope(kind: WeightPriorKind) -> None:
    weights = torch.zeros(3, 2, requires_grad=True)
    (slope,) = torch.autograd.grad(log_density(weights, kind, 0.1), weights)
    assert not slope.any()
