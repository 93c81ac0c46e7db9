"""Spikes: rates and refractoriness are recovered, and no spike explains itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids import DRM, DRMConnection, DRMIterator, DRMNet, Leaky, Run, spike_events, spike_stream
from drmbids.brain.losses import LOSSES
from drmbids.brain.readouts.spikes import Spikes
from drmbids.data.runs.stream import Stream

BIN = 0.02


def readout(**options: object) -> Spikes:
    return Spikes([2], [2], regions=["R"], bin=BIN, **options)


WEIGHTS = np.array([[1.0, -0.5], [0.0, 0.8]])
RATES = np.array([20.0, 40.0])  # spikes per second without a stimulus


def drawn(recording, seed: int = 0):
    """Return a brain and runs whose two cells follow the stimulus of their own bin."""
    rng = np.random.default_rng(seed)
    values = [rng.standard_normal((1500, 2)) for _ in range(2)]
    brain = recording(values, BIN, BIN * np.arange(1, 1501))
    runs = [
        replace(run, responses={"R": Stream(counts, brain.times)})
        for run, v in zip(brain.runs, values, strict=True)
        for counts in [rng.poisson(np.exp(v @ WEIGHTS) * RATES * BIN)]
    ]
    return brain, runs


def trained(brain, runs, name: str = "poisson") -> DRM:
    return brain.fitted(runs, readout(), 150, loss=LOSSES[name](), solve=False, learning_rate=0.1)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_rates_are_recovered_in_spikes_per_second(recording, name: str) -> None:
    brain, runs = drawn(recording)
    found = trained(brain, runs, name).net.readout
    np.testing.assert_allclose(found.weights[0].detach().numpy(), WEIGHTS, atol=0.1)
    np.testing.assert_allclose(found.bias.detach().exp().numpy(), RATES, rtol=0.1)


def test_nothing_is_found_in_spikes_that_ignore_the_stimulus(recording) -> None:
    brain, runs = drawn(recording)
    turned = [
        replace(r, responses={"R": Stream(r.responses["R"].values[::-1], brain.times)})
        for r in runs
    ]
    found = trained(brain, turned).net.readout
    assert found.weights[0].detach().abs().max() < 0.15


def test_the_bin_is_an_offset() -> None:
    """Rates per second stay what they are when spikes are counted over longer bins."""
    short, long = readout(), Spikes([2], [2], bin=5 * BIN)
    for r in (short, long):
        r.set_resolution(BIN)
    activity = torch.zeros(long.memory + 10, 1, 2)
    at = torch.tensor([0.1])
    ratio = (long([activity], at) - short([activity[-short.memory - 10 :]], at)).exp().detach()
    torch.testing.assert_close(ratio, torch.full_like(ratio, 5.0))


REFRACTORY = (-2.5, 0.06)  # what a spike adds to the log rate at once, and how long it lasts (s)


def self_exciting(seed: int) -> np.ndarray:
    """Return spike times of a cell of 30 spikes/s at rest that its own spikes hold back.

    The spikes of a bin, spread over it, act a bin later and decay: the rate of a bin follows the
    mean over it of a sum of exponentials.
    """
    rng, trace, n, spikes = np.random.default_rng(seed), 0.0, 0, []
    bins = BIN / REFRACTORY[1]
    keep = np.exp(-bins)
    share = (1 - keep) / bins  # mean of exp(-t / tau) over a bin
    for k in range(4000):
        felt = share * trace + (1 - share) * n / bins
        trace = keep * trace + (1 - keep) * n / bins
        n = rng.poisson(30.0 * BIN * np.exp(REFRACTORY[0] * felt))
        spikes += [(k + 0.5) * BIN] * n
    return np.array(spikes)


def history_net() -> DRMNet:
    """Return a cell that hears its own measured spikes a bin late."""
    net = DRMNet(
        {"past": Leaky(1, 1, tau=0.03, nonlinearity="linear")},
        [[DRMConnection(BIN)]],
        [[None]],
        Spikes([1], [1], regions=["R"], bin=BIN),
        resolution=BIN,
        stimuli={"spikes": ["cell"]},
    )
    net.populations[0].weight.data.fill_(4 * BIN)  # an impulse is 1 / BIN high
    net.populations[0].weight.requires_grad_(False)
    net.populations[0].bias.requires_grad_(False)
    return net


def history_run(spikes: np.ndarray) -> Run:
    cell = {"cell": spikes}
    return Run({"R": spike_stream(cell, BIN, 80.0)}, {"spikes": spike_events(cell)}, duration=80.0)


def history_data(runs: list[Run], net: DRMNet) -> DRMIterator:
    return DRMIterator.from_runs(
        runs, BIN, stimuli=net.stimuli, responses=["R"], nuisance=net.readout.nuisance
    )


def test_how_long_a_spike_holds_back_the_next_is_recovered() -> None:
    net = history_net()
    drm = DRM(net, loss=LOSSES["poisson"](), solve=False, learning_rate=0.3)
    runs = [history_run(self_exciting(seed)) for seed in range(3)]
    losses, _ = drm.estimate(history_data(runs, net), n_epochs=40)
    assert net.populations[0].value("tau").item() == pytest.approx(REFRACTORY[1], rel=0.2)
    # a spike is 1 / BIN high for a bin: a leaky unit goes up by weight / tau in all
    tau = net.populations[0].value("tau").item()
    height = 4 * BIN / tau * net.readout.weights[0].item()
    assert height == pytest.approx(REFRACTORY[0], rel=0.2)
    assert losses[-1] < losses[0]


def test_no_spike_explains_itself() -> None:
    """Spikes at or after a bin do not change what is predicted for it."""
    net, spikes = history_net(), self_exciting(1)
    net.readout.weights[0].data.fill_(-1.0)
    fewer = spikes[spikes < 40.0]
    predictions = [
        DRM(net).forward(history_data([history_run(s)], net))[0][0] for s in (spikes, fewer)
    ]
    until = round(40.0 / BIN)
    np.testing.assert_array_equal(predictions[0][: until + 1], predictions[1][: until + 1])
    assert not np.array_equal(predictions[0], predictions[1])
