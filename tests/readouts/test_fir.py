"""FIR: any response that is linear between delays, voxel by voxel."""

import numpy as np
import pytest
import torch

from drmbids.core.exceptions import ModelError
from drmbids.readouts.bold import BOLD
from drmbids.readouts.fir import FIR


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


def test_a_response_without_delays() -> None:
    with pytest.raises(ModelError, match="needs a delay, got n_delays=0"):
        FIR(n_delays=0)
