"""
Spikes: a rate that follows a stimulus, and a cell's own past
=============================================================

A cell is driven by a stimulus and held back by its own spikes. Both are told apart by likelihood.
"""

# %%
# A cell in bins of 20 ms: 20 spikes/s, more where the stimulus is high, fewer after a spike.
import sys

import matplotlib.pyplot as plt
import numpy as np

from drmbids import (
    DRM,
    Additive,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Leaky,
    Run,
    Spikes,
    Stream,
    spike_events,
    spike_stream,
)

BIN, TAU, HELD_BACK = 0.02, 0.06, -2.0
rng = np.random.default_rng(0)


def record(seconds: float = 60.0) -> Run:
    n = round(seconds / BIN)
    stimulus = np.convolve(rng.standard_normal(n), np.ones(10) / 3, mode="same")
    keep = np.exp(-BIN / TAU)
    share = (1 - keep) * TAU / BIN  # mean of exp(-t / TAU) over a bin
    past, count, spikes = 0.0, 0, []
    for k in range(n):
        # a spike acts a bin later and decays as exp(-t / TAU), here as means over bins
        arriving = count * TAU / BIN
        felt, past = share * past + (1 - share) * arriving, keep * past + (1 - keep) * arriving
        count = rng.poisson(20 * BIN * np.exp(0.8 * stimulus[k] + HELD_BACK * felt))
        spikes += [(k + 0.5) * BIN] * count
    cell = {"cell": np.array(spikes)}
    middles = BIN * (np.arange(n) + 0.5)
    return Run(
        {"cell": spike_stream(cell, BIN, seconds)},
        {"light": Stream(stimulus[:, None], middles, ["light"]), "spikes": spike_events(cell)},
        duration=seconds,
    )


train, test = record(), record()


# %%
# Measured spikes come back as a stimulus one bin later, so that none explains itself. The readout
# says that its loss is that of counts (``poisson``).
def make_cell(with_past: bool) -> DRMNet:
    light, past = (
        Additive(1, 1, nonlinearity="linear"),
        Leaky(1, 1, tau=0.04, nonlinearity="linear"),
    )
    for unit, weight in ((light, 1.0), (past, 4 * BIN)):
        unit.weight.data.fill_(weight)
        unit.weight.requires_grad_(False)
        unit.bias.requires_grad_(False)
    sources = [[0, 1]] if with_past else [[0]]
    return DRMNet(
        {"light": light, "past": past},
        [[DRMConnection(), None], [None, DRMConnection(BIN)]],
        [[None, None], [None, None]],
        Spikes([1, 1], [1], sources=sources, regions=["cell"], bin=BIN),
        resolution=BIN,
        stimuli={"light": ["light"], "spikes": ["cell"]},
    )


def data(run: Run, net: DRMNet) -> DRMIterator:
    return DRMIterator.from_runs(
        [run], BIN, stimuli=net.stimuli, responses=["cell"], nuisance=net.readout.nuisance
    )


rates = {}
for name, with_past in (("stimulus alone", False), ("stimulus and past", True)):
    net = make_cell(with_past)
    model = DRM(net, learning_rate=0.3)
    model.estimate(data(train, net), n_epochs=80)
    (log_counts,), _ = model.forward(data(test, net))
    rates[name] = np.exp(log_counts[:, 0]) / BIN
    counts = test.responses["cell"].values[:, 0]
    likelihood = (counts * log_counts[:, 0] - np.exp(log_counts[:, 0])).sum()
    mean = counts.mean()
    gain = (likelihood - (counts * np.log(mean) - mean).sum()) / counts.sum() / np.log(2)
    print(f"{name}: {gain:.2f} bits for each held-out spike over a constant rate")
print(f"the past acts for {net.populations[1].value('tau').item():.3f} s, in truth {TAU} s")

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
times = test.responses["cell"].times
for name, rate in rates.items():
    axes.plot(times, rate, label=name)
spikes = test.stimuli["spikes"].onsets
axes.plot(spikes, np.full(len(spikes), -5.0), "k|")
axes.set(xlabel="time (s)", ylabel="rate (spikes/s)", xlim=(0, 6))
axes.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "spikes.png")
