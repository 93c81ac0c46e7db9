"""FIR: any response that is linear between delays, voxel by voxel."""

import numpy as np
import pytest
import torch

from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.calcium import Calcium
from drmbids.brain.readouts.fir import FIR
from drmbids.data.tools.exceptions import ModelError


def test_tents_add_up_to_any_broken_line() -> None:
    hrf = FIR(n_delays=7, length=16.0)
    knots, values = np.arange(0, 18, 2.0), np.r_[0, np.random.default_rng(0).normal(size=7), 0]
    lag = np.linspace(-3.0, 20.0, 400)
    tents = hrf(torch.as_tensor(lag))
    assert tents.shape == (1, 7, 400)
    got = 2.0 * torch.as_tensor(values[1:-1]) @ tents[0]
    np.testing.assert_allclose(got, np.interp(lag, knots, values, left=0, right=0), atol=1e-12)


def test_features_are_delayed_activity() -> None:
    readout = BOLD([2], [1], hrf=FIR(n_delays=3, length=8.0)).double()
    readout.set_resolution(0.5)
    activity = torch.arange(0.0, 36.0).double()[:, None, None] * torch.tensor([1.0, -2.0])
    (features,) = readout.features([activity], torch.tensor([3.0]))
    # a line is its own average: its value at 2, 4 and 6 s before, for the first unit, then the next
    now = readout.memory + 3.0 / 0.5 - 0.5
    delayed = now - torch.tensor([2.0, 4.0, 6.0]).double() / 0.5
    wanted = torch.stack([delayed, -2 * delayed], 1).flatten()
    torch.testing.assert_close(features[0, 0], wanted)


def test_bumps_are_smooth_and_zero_at_both_ends() -> None:
    hrf = FIR(n_delays=15, length=16.0, smoothness=1.5)
    lag = torch.arange(-1.0, 18.0, 0.01, dtype=torch.float64)
    bumps = hrf(lag)[0]
    assert bumps.shape == (15, len(lag))
    within = (lag >= 0) & (lag <= 16)
    assert not bumps[:, ~within].any()
    ends = hrf(torch.tensor([0.0, 16.0], dtype=torch.float64))[0]
    torch.testing.assert_close(ends, torch.zeros(15, 2, dtype=torch.float64), atol=1e-6, rtol=0)
    # in the middle a density: its area is 1, its peak at its delay
    assert float(bumps[7].sum() * 0.01) == pytest.approx(1.0, abs=1e-3)
    assert float(lag[bumps[7].argmax()]) == pytest.approx(8.0, abs=0.006)
    # a response that is a sine of the length is in their span
    wanted = torch.sin(torch.pi * lag / 16) * within
    fit = torch.linalg.lstsq(bumps.mT, wanted[:, None]).solution
    assert float((bumps.mT @ fit - wanted[:, None]).abs().max()) < 1e-2


def test_the_penalty_on_bumps_prefers_smooth_responses() -> None:
    rough = torch.randn(200, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lag = torch.arange(0.5, 32.0, 1.0, dtype=torch.float64)
    curves = [hrf(lag)[0].mT @ rough[: hrf.n_delays] for hrf in (FIR(n_delays=31), smooth_fir())]
    # weights as likely as one another: the change from second to second against the size
    change, smoother = (c.diff(dim=0).norm() / c.norm() for c in curves)
    assert smoother < 0.6 * change


def smooth_fir() -> FIR:
    return FIR(n_delays=31, smoothness=2.0)


def test_bumps_that_leave_holes() -> None:
    with pytest.raises(ModelError, match=r"bumps of smoothness=0\.5 s would leave holes"):
        FIR(smoothness=0.5, length=32.0)
    with pytest.raises(ModelError, match=r"bumps of smoothness=0\.5 s would leave holes"):
        BOLD([1], [1], hrf=FIR(smoothness=0.5))
    assert Calcium([1], [1], hrf=FIR(smoothness=0.1)).hrf.length == 3.0


def test_a_response_without_delays() -> None:
    with pytest.raises(ModelError, match="needs a delay, got n_delays=0"):
        FIR(n_delays=0)
