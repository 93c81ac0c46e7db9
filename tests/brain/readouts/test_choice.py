"""Choice reads the activity before a choice, and a net learns to choose by gradient."""

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.losses.cross_entropy import CrossEntropy
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.choice import Choice
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import ModelError
from drmbids.fit.training.drm import DRM


def test_features_are_the_mean_activity_before_the_choice():
    """Against a sum over ticks, each by the part of it that lies within."""
    readout = Choice([2, 1], [3], length=0.47)
    readout.set_resolution(0.1)
    generator = torch.Generator().manual_seed(0)
    n_past = readout.memory
    activity = [torch.randn(n_past + 30, 2, n, generator=generator).double() for n in (2, 1)]
    times = [0.0, 0.05, 0.3, 1.234, 2.99, 3.0]
    found = readout.features(activity, torch.tensor(times, dtype=torch.float64))[0]
    both = torch.cat(activity, -1)
    for row, end in enumerate(times):
        mean = torch.zeros(2, 3, dtype=torch.float64)
        for k, tick in enumerate(both):
            start = (k - n_past) * 0.1
            part = min(start + 0.1, end) - max(start, end - 0.47)
            mean += max(part, 0.0) / 0.47 * tick
        torch.testing.assert_close(found[row], mean)


def test_steady_activity_is_its_own_mean_whatever_the_length():
    for length in (0.05, 0.5, 3.0):
        readout = Choice([1], [2], length=length)
        readout.set_resolution(0.1)
        steady = torch.full((readout.memory + 20, 1, 1), 7.0, dtype=torch.float64)
        found = readout.features([steady], torch.tensor([0.0, 0.31, 2.0], dtype=torch.float64))
        torch.testing.assert_close(found[0], torch.full((3, 1, 1), 7.0, dtype=torch.float64))


def test_a_choice_needs_time_before_it():
    with pytest.raises(ModelError, match="length=0 s"):
        Choice([1], [2], length=0)


def test_a_net_learns_choices_by_gradient():
    """The shown side is chosen; without training the odds are how often each was."""
    rng = np.random.default_rng(0)
    onsets = np.arange(30.0)
    side = rng.integers(2, size=30)
    shown = Events(onsets, np.full(30, 0.3), [("left", "right")[k] for k in side])
    chosen = Stream(np.eye(2)[side], onsets + 0.4)
    run = Run({"choice": chosen}, {"events": shown}, duration=31.0)
    readout = Choice([2], [2], regions=["choice"], length=0.3)
    torch.manual_seed(0)
    stimuli = {"events": ("left", "right")}
    net = DRMNet([Leaky(2, 2)], [DRMConnection()], [[None]], readout, 0.1, stimuli=stimuli)
    data = DRMIterator.from_runs(
        [run], 0.1, stimuli=stimuli, responses=["choice"], nuisance=readout.nuisance
    )
    drm = DRM(net, loss=CrossEntropy(), solve=False, learning_rate=0.1)
    losses, _ = drm.estimate(data, n_epochs=60)
    often = np.eye(2)[side].mean(0)
    assert losses[0] == pytest.approx(-(often * np.log(often)).sum(), rel=1e-5)
    assert losses[-1] < 0.05
    response, _ = drm.forward(data)
    assert (response[0].argmax(1) == side).all()
    halves, _ = drm.estimate(data, n_epochs=0, cutoff=77)
    whole, _ = drm.estimate(data, n_epochs=0)
    assert halves[-1] == pytest.approx(whole[-1], rel=1e-4)
