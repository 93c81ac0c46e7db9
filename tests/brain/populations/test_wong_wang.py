"""Reduced Wong-Wang masses against the published equations in ms, solved by scipy."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from drmbids.brain.populations.wong_wang import ReducedWongWang


def slope(S: float, drive: float, w: float, I_o: float) -> float:
    """Return dS/dt in 1/ms: Deco et al. 2013, with rates in kHz and times in ms."""
    u = 0.270 * (w * 0.2609 * S + 0.2609 * drive + I_o) - 0.108
    rate = u / (1 - math.exp(-154.0 * u))
    return -S / 100.0 + (1 - S) * rate * 0.641


@pytest.mark.parametrize(
    ("w", "I_o", "drive"), [(0.9, 0.3, 0.0), (0.9, 0.3, 0.3), (0.6, 0.33, 0.1)]
)
def test_a_trace_is_that_of_the_equation(w: float, I_o: float, drive: float) -> None:
    exact = solve_ivp(
        lambda t, S: [slope(S[0], drive, w, I_o), S[0]],
        (0.0, 501.0),
        [0.1, 0.0],
        t_eval=np.arange(501),
        rtol=1e-10,
        atol=1e-12,
    )
    mass = ReducedWongWang(2, 2, coupled=True, integrator="rk4").double()
    mass.set_resolution(0.001)
    for name, constant in mass.constants.items():  # in double precision
        mass.set_value(name, torch.tensor(constant.value, dtype=torch.float64))
    mass.set_value("w", torch.tensor(w, dtype=torch.float64))
    mass.set_value("I_o", torch.tensor(I_o, dtype=torch.float64))
    drives = torch.tensor([drive, 0.0], dtype=torch.float64).expand(500, 1, 2)
    with torch.no_grad():
        activity, end = mass([drives], mass.initial_state(1))
    np.testing.assert_allclose(end[0, 1, 0], exact.y[0, -1], rtol=1e-8)
    np.testing.assert_allclose(activity[:, 0, 0], np.diff(exact.y[1]), rtol=1e-4)  # trapezoids


def test_the_firing_rate_is_smooth_where_the_formula_is_not() -> None:
    """At ``a x = b`` the rate is 0/0; its limit is ``1 / d``, its slope ``a / 2``."""
    mass = ReducedWongWang(1, 1).double()
    p = {name: torch.tensor(c.value, dtype=torch.float64) for name, c in mass.constants.items()}
    p |= {"w": torch.zeros(()), "I_o": p["b"] / p["a"], "J_N": torch.ones(())}
    drive = torch.tensor([0.0, 1e-3, 2.4e-3, 3e-3], dtype=torch.float64).requires_grad_()
    (got,) = mass.derivative((torch.zeros(4, dtype=torch.float64),), drive, p)
    (gradient,) = torch.autograd.grad(got.sum(), drive)
    assert got[0].item() == pytest.approx(0.641 / 0.154, rel=1e-12)
    assert gradient[0].item() == pytest.approx(0.641 * 270 / 2, rel=1e-12)
    u = 270 * drive[1:].detach()
    torch.testing.assert_close(got[1:].detach(), 0.641 * u / (1 - torch.exp(-0.154 * u)),
                               rtol=1e-12, atol=0)  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_strong_inhibition_silences_without_overflow(dtype: torch.dtype) -> None:
    mass = ReducedWongWang(1, 1, coupled=True).to(dtype)
    mass.set_resolution(0.001)
    drive = torch.full((3, 1, 1), -100.0, dtype=dtype, requires_grad=True)
    activity, _ = mass([drive], mass.initial_state(1))
    activity.sum().backward()
    assert torch.isfinite(drive.grad).all()
    assert activity[0].item() == pytest.approx(0.1 * (1 - math.exp(-0.01)) / 0.01, rel=1e-4)
