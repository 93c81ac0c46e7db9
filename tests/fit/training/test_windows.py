"""Windows shorter than delays and the hemodynamic response lose nothing."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids import BOLD, Additive, DRMConnection, Leaky
from drmbids.brain.net.net import DRMNet
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.fit.training.drm import DRM

RunsOf = Callable[..., list[Run]]


def slow_net() -> DRMNet:
    """Return a loop with delays of up to 4 s (8 ticks) and a response of 9 s (18 ticks)."""
    torch.manual_seed(1)
    return DRMNet(
        [Leaky(3, 4), Additive(2, 3)],
        [DRMConnection(4.0), None],
        [[None, DRMConnection(3.0)], [DRMConnection(2.5), None]],
        BOLD([3, 2], [3, 4], regions=["A", "B"], hrf=DoubleGamma(length=9.0)),
        resolution=0.5,
    )


@pytest.mark.parametrize("window", [1, 2, 5, 17])
def test_windows_shorter_than_all_memory(window: int, runs_of: RunsOf) -> None:
    """Predictions, losses and maps do not depend on the window of the data or of the training."""
    runs = runs_of((24, 17), "both")
    found = []
    for length, cutoff in ((None, None), (window, None), (None, window)):
        net = slow_net()
        data = DRMIterator.from_runs(runs, 0.5, nuisance=Nuisance(order=1), window=length)
        model = DRM(net, alphas=0.1)
        losses, _ = model.estimate(data, n_epochs=0, cutoff=cutoff)
        response, activity = model.forward(data)
        found.append([losses, *response, *(a for run in activity for a in run)])
    for other in found[1:]:
        for got, wanted in zip(other, found[0], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-10)
