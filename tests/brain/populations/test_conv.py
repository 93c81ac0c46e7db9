"""Convolutional populations against scipy, and what they do with frames and other columns."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from drmbids import Conv
from drmbids.data.tools.exceptions import UsageError
from drmbids.testing import check_population


def test_one_layer_is_a_correlation_averaged_over_patches() -> None:
    torch.manual_seed(0)
    population = Conv(4, 36, frame=[1, 6, 6], filters=[1], stride=1, pool=2, nonlinearity="linear")
    population = population.double()
    x = torch.randn(1, 1, 36, dtype=torch.float64)
    with torch.no_grad():
        population.to_units.weight.copy_(torch.eye(4))
        population.to_units.bias.zero_()
        got, _ = population([x], population.initial_state(1))
        (layer,) = population.layers
        field = correlate2d(x.reshape(6, 6).numpy(), layer.weight[0, 0].numpy(), "same")
        wanted = [field[a : a + 3, b : b + 3].mean() for a in (0, 3) for b in (0, 3)]
        wanted = np.array(wanted) + layer.bias.item()
    np.testing.assert_allclose(got.flatten(), wanted)


def test_filters_over_frames_can_prefer_motion() -> None:
    """Weights of opposite sign on two frames answer to change and to nothing else."""
    population = Conv(1, 4, frame=[1, 2, 2], filters=[1], kernel=1, stride=1, pool=1, n_frames=2,
                      nonlinearity="linear").double()  # fmt: skip
    with torch.no_grad():
        (layer,) = population.layers
        layer.weight.copy_(torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1))
        layer.bias.zero_()
        population.to_units.weight.fill_(1.0)
        population.to_units.bias.zero_()
        x = torch.tensor([1.0, 1.0, 3.0, 3.0]).double().view(4, 1, 1).expand(4, 1, 4)
        got, _ = population([x], population.initial_state(1))
    assert got.flatten().tolist() == [1.0, 0.0, 2.0, 0.0]


def test_video_and_further_columns_keep_the_contract() -> None:
    check_population(
        lambda n, m: Conv(n, m, frame=[2, 1, 2], filters=[2], n_frames=3),
        n_units=2, n_inputs=6, n_ticks=5,
    )  # fmt: skip


def test_faulty_arguments() -> None:
    with pytest.raises(UsageError, match="frames of 1 x 4 x 4 = 16 columns, its afferents give 9"):
        Conv(1, 9, frame=[1, 4, 4])
    with pytest.raises(UsageError, match=r"\[channels, height, width\], each 1 or more; got \[4"):
        Conv(1, 16, frame=[4, 4])
    with pytest.raises(UsageError, match=r"are 1 or more, got \[8, 16\], 2, 2, 2, 1"):
        Conv(1, 16, kernel=2)
