"""Convolutional weights against scipy."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from drmbids.brain.connections.conv_weights import ConvWeights
from drmbids.data.tools.exceptions import UsageError


def test_each_filter_is_a_correlation_over_all_channels() -> None:
    weights = ConvWeights(2 * 12, 3 * 4, frame=[2, 3, 4], filters=3, stride=2).double()
    x = torch.randn(1, 1, 24, dtype=torch.float64)
    got = weights(x).detach().reshape(3, 2, 2)
    filters = weights.weight.detach().numpy()
    channels = x.reshape(2, 3, 4).numpy()
    for k in range(3):
        every = sum(correlate2d(channels[c], filters[k, c], "same") for c in range(2))
        np.testing.assert_allclose(got[k], every[::2, ::2])


def test_faulty_arguments() -> None:
    with pytest.raises(UsageError, match=r"at stride 1 take 16 units and give 32, got 16 -> 30"):
        ConvWeights(16, 30, frame=[1, 4, 4], filters=2)
    with pytest.raises(UsageError, match=r"are 1 or more, got 1, 2, 1"):
        ConvWeights(16, 16, kernel=2)
    shared = ConvWeights(4, 4)
    with pytest.raises(UsageError, match="filters are shared by all units"):
        shared.hold_signs(torch.tensor([1.0, 1.0, -1.0, 1.0]))
    shared.hold_signs(-torch.ones(4))
    assert (shared.matrix() <= 0).all()
