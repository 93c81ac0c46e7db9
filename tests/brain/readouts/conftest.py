"""Nets whose activity is their stimulus, for tests of what a readout makes of it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids import DRM, Additive, DRMConnection, DRMIterator, DRMNet, Run, simulate_runs
from drmbids.brain.readouts.base import DRMReadout
from drmbids.data.runs.stream import Stream


class Recording:
    """Runs of a population of two linear units that are the two columns of a stimulus.

    Parameters
    ----------
    values : list of array of shape (n_ticks, 2)
        What is shown in each run.
    resolution : float
        Seconds per tick.
    times : array of shape (n_measured,)
        Seconds.
    """

    def __init__(self, values: list[np.ndarray], resolution: float, times: np.ndarray):
        self.resolution, self.times = resolution, times
        middles = resolution * (np.arange(len(values[0])) + 0.5)
        self.runs = [
            Run(
                {"R": Stream(np.zeros((len(times), 1)), times)},
                {"shown": Stream(v, middles, ["a", "b"])},
                duration=resolution * len(v),
            )
            for v in values
        ]

    def net(self, readout: DRMReadout) -> DRMNet:
        """Return the net with a readout."""
        net = DRMNet(
            [Additive(2, 2, nonlinearity="linear")],
            [DRMConnection()],
            [[None]],
            readout,
            resolution=self.resolution,
            stimuli={"shown": ["a", "b"]},
        )
        with torch.no_grad():
            net.populations[0].weight.copy_(torch.eye(2))
            net.populations[0].bias.zero_()
        net.populations[0].requires_grad_(False)
        return net

    def drawn(
        self, readout: DRMReadout, weights: list[list[float]], **options: object
    ) -> list[Run]:
        """Return runs measured by a readout of known maps, with noise."""
        net = self.net(readout)
        net.readout.weights[0].data.copy_(torch.tensor(weights))
        return simulate_runs(net, self.runs, autocorrelation=0.0, **options)

    def data(self, runs: list[Run], readout: DRMReadout) -> DRMIterator:
        """Return what a net with that readout is trained on."""
        return DRMIterator.from_runs(
            runs,
            self.resolution,
            stimuli={"shown": ["a", "b"]},
            responses=["R"],
            nuisance=readout.nuisance,
        )

    def fitted(
        self, runs: list[Run], readout: DRMReadout, n_epochs: int = 0, **options: object
    ) -> DRM:
        """Return a trained model."""
        drm = DRM(self.net(readout), **options)
        drm.estimate(self.data(runs, readout), n_epochs=n_epochs)
        return drm


@pytest.fixture
def recording() -> Callable[..., Recording]:
    return Recording
