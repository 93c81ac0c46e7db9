"""
Field potentials: excitation and inhibition, and the power of a band
====================================================================

An excitatory and an inhibitory population oscillate together. An electrode measures the sum of
their synaptic currents.
"""

# %%
# Two populations that excite and inhibit each other 5 ms later.
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import (
    DRM,
    LFP,
    DRMConnection,
    DRMIterator,
    DRMNet,
    DRMReadout,
    Leaky,
    Nuisance,
    Oscillation,
    Run,
    Stream,
    simulate_runs,
)

STEP = 0.001


def make_brain(readout: DRMReadout) -> DRMNet:
    net = DRMNet(
        {"E": Leaky(1, 2, tau=0.01), "I": Leaky(1, 1, tau=0.01)},
        ws=[DRMConnection(), None],
        Wp=[[None, DRMConnection(0.005)], [DRMConnection(0.005), None]],
        readout=readout,
        resolution=STEP,
        stimuli={"input": ["thalamus"]},
    )
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.tensor([[1.0, -2.0]]))
        net.populations[1].weight.fill_(2.0)
    net.populations.requires_grad_(False)  # what is fitted here is how they are measured
    return net


def potential() -> LFP:
    return LFP([1, 1], [1], regions=["electrode"], nuisance=Nuisance("none"))


rng = np.random.default_rng(0)
times = STEP * np.arange(1, 1501)
templates = []
for _ in range(2):
    drive = Stream(np.abs(rng.standard_normal((1500, 1))), times - STEP / 2, ["thalamus"])
    templates.append(Run({}, {"input": drive}, duration=1.5, tr=STEP))

truth = make_brain(potential())
truth.readout.weights[0].data.copy_(torch.tensor([[1.0], [-0.6]]))
runs = simulate_runs(truth, templates, snr=2.0, autocorrelation=0.0)


# %%
# Weights of the currents, in closed form.
def data(some: list[Run], net: DRMNet) -> DRMIterator:
    return DRMIterator.from_runs(
        some, STEP, stimuli=net.stimuli, responses=["electrode"], nuisance=Nuisance("none")
    )


brain = make_brain(potential())
model = DRM(brain)
model.estimate(data(runs[:1], brain), n_epochs=0)
(predicted,), _ = model.forward(data(runs[1:], brain))
measured = runs[1].responses["electrode"]
r = np.corrcoef(predicted[:, 0], measured.values[:, 0])[0, 1]
weights = brain.readout.weights[0].detach().ravel().tolist()
print(f"currents of E and I: {weights[0]:.2f} and {weights[1]:.2f}, in truth 1.00 and -0.60")
print(f"held-out potential: r = {r:.2f}")

# %%
# The power of a band instead: features that a readout of kind ``lfp`` makes with ``oscillation``.
band = LFP([1, 1], [1], hrf=Oscillation(low=20.0, high=40.0), output="power")
_, (activity,) = model.forward(data(runs[1:], brain))
band.set_resolution(STEP)
past = [torch.cat([torch.zeros(band.memory, 1), torch.tensor(a)])[:, None] for a in activity]
(power,) = band.features(past, torch.tensor(measured.times))

# %%
figure, (top, bottom) = plt.subplots(2, sharex=True, figsize=(7, 4), layout="constrained")
top.plot(measured.times, measured.values[:, 0], ".", ms=3, label="measured")
top.plot(measured.times, predicted[:, 0], label="predicted")
top.set(ylabel="potential")
top.legend(loc="upper right")
for k, name in enumerate(brain.population_names):
    bottom.plot(measured.times, power[:, 0, k], label=name)
bottom.set(xlabel="time (s)", ylabel="power, 20-40 Hz", xlim=(0, 0.6))
bottom.legend(loc="upper right")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "field_potential.png")
