"""A net with known parameters, and templates to draw runs for."""

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRMConnection, DRMNet, Events, Leaky, Run, Stream


@pytest.fixture
def net() -> DRMNet:
    """Return two areas of one unit with a feedback loop; each sees two voxels."""
    torch.manual_seed(1)
    readout = BOLD(n_units=[1, 1], n_targets=[2, 2], regions=["V1", "V2"])
    net = DRMNet(
        {"V1": Leaky(1, 3, tau=1.0), "V2": Leaky(1, 1, tau=3.0)},
        [DRMConnection(), None],
        [[None, DRMConnection(2.0)], [DRMConnection(0.5), None]],
        readout,
        resolution=0.5,
        stimuli={"events": ["a", "b"]},
    )
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.tensor([[1.0, 0.5, -1.0]]))
        net.populations[1].weight.copy_(torch.tensor([[1.0]]))
        for weights, gains in zip(readout.weights, ([1.0, 2.0], [3.0, 0.0]), strict=True):
            weights.copy_(torch.tensor([gains]))
    return net


@pytest.fixture
def templates() -> list[Run]:
    """Return two runs of different length and TR, one with confounds, none with responses."""
    rng = np.random.default_rng(0)
    motion = Stream(rng.normal(size=(100, 2)), 1.5 * np.arange(100), columns=["x", "y"])
    events = Events([5.0, 30.0, 60.0], [8.0, 2.0, 12.0], ["a", "b", "a"])
    return [
        Run({}, {"events": events}, motion, 150.0, 1.5, {"run": "1"}),
        Run({}, {"events": events}, None, 160.0, 2.0, {"run": "2"}),
    ]
