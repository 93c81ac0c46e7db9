"""
EEG through a lead field
========================

Two populations answer a stimulus one after the other. Electrodes see both; a lead field tells where
they are.
"""

# %%
# A toy head: 32 electrodes on an arc over 40 sources. With MNE, ``LeadField.from_forward`` takes a
# forward solution and a noise covariance instead.
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import (
    DRM,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Events,
    LeadField,
    Leaky,
    Nuisance,
    Run,
    simulate_runs,
)

angles, places = np.linspace(0, np.pi, 32), np.linspace(0.1, np.pi - 0.1, 40)
electrodes = np.stack([np.cos(angles), np.sin(angles)], 1)
sources = 0.7 * np.stack([np.cos(places), np.sin(places)], 1)
gain = 1 / ((electrodes[:, None] - sources) ** 2).sum(-1)
noise_cov = 0.3**2 * np.eye(32)


# %%
# The second population hears the first one 60 ms later.
def make_brain() -> DRMNet:
    return DRMNet(
        {"first": Leaky(1, 1, tau=0.02), "second": Leaky(1, 1, tau=0.04)},
        ws=[DRMConnection(0.03), None],
        Wp=[[None, None], [DRMConnection(0.06), None]],
        readout=LeadField(
            [1, 1],
            [32],
            regions=["eeg"],
            gain=gain,
            noise_cov=noise_cov,
            n_reweightings=15,
            nuisance=Nuisance("none"),
        ),
        resolution=0.005,
        stimuli={"events": ["tone"]},
    )


torch.manual_seed(0)
truth = make_brain()
with torch.no_grad():
    for population, gain_in in zip(truth.populations, (3.0, 6.0), strict=True):
        population.weight.fill_(gain_in)
    truth.readout.weights[0][0, 8] = truth.readout.weights[0][1, 29] = 1.0
times = 0.005 * np.arange(1, 601)
onsets = np.arange(0.1, 2.9, 0.4)
tones = Events(onsets, np.full(len(onsets), 0.05), ["tone"] * len(onsets))
template = Run({}, {"events": tones}, duration=3.0, tr=0.005)
runs = simulate_runs(truth, [template] * 4, noise=0.3, autocorrelation=0.0)

# %%
# Train on three runs; the fourth, with two electrodes that the model never saw, is predicted.
brain = make_brain()
for population in brain.populations:
    population.weight.data.fill_(3.0)
bad = [10, 20]
seen = []
for run in runs:
    stream = run.responses["eeg"]
    values = stream.values.copy()
    values[:, bad] = np.nan
    seen.append(
        Run({"eeg": type(stream)(values, stream.times)}, run.stimuli, duration=3.0, tr=0.005)
    )


def data(some: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(
        some, 0.005, stimuli=brain.stimuli, responses=["eeg"], nuisance=Nuisance("none")
    )


model = DRM(brain, learning_rate=0.05)
model.estimate(data(seen[:3]), n_epochs=40)
(predicted,), _ = model.forward(data(seen[3:]))
measured = runs[3].responses["eeg"].values
r = np.corrcoef(predicted[:, bad].ravel(), measured[:, bad].ravel())[0, 1]
found = brain.readout.source_strength()
print(f"electrodes never seen: r = {r:.2f}")
print(f"sources found at {found.argmax(1).tolist()}, in truth at [8, 29]")

# %%
figure, (top, bottom) = plt.subplots(2, figsize=(7, 5), layout="constrained")
top.plot(times[:160], measured[:160, bad[0]], ".", ms=3, label="electrode never seen")
top.plot(times[:160], predicted[:160, bad[0]], label="predicted")
top.set(xlabel="time (s)", ylabel="potential")
top.legend()
for name, strength in zip(brain.population_names, found, strict=True):
    bottom.plot(strength, label=name)
for source in (8, 29):
    bottom.axvline(source, color="0.7", ls=":")
bottom.set(xlabel="source (dotted: the true ones)", ylabel="strength")
bottom.legend()
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "lead_field.png")
