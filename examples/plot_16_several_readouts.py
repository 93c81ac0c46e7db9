"""
Several readouts: spikes of pictures that were shown in the scanner alone
=========================================================================

Cells of an area are recorded while faces and houses are shown, its BOLD response while scenes are
shown too. One model of both knows what the cells would do to scenes.
"""

# %%
# Two units of an area prefer faces and houses, and scenes drive both, the second more. Voxels and
# cells mix the units; the cells fire at about 10 spikes/s.
import sys

import matplotlib.pyplot as plt
import numpy as np

from drmbids import DRMRegressor, Events, GLMBaseline, Run, SelectResponses, Stream

STEP, SECONDS = 0.1, 120.0
DRIVE = {"face": (1.0, 0.0), "house": (0.0, 1.0), "scene": (0.4, 0.9)}
rng = np.random.default_rng(0)
VOXELS, CELLS = rng.normal(size=(2, 8)), np.array([[1.5, 0.0, 1.0], [0.0, 1.5, -1.0]])


def record(number: int, shown: list[str], measured: list[str]) -> Run:
    onsets = np.arange(2.0, SECONDS - 8, 4.0) + rng.uniform(0, 2, 28)
    names = rng.permutation([shown[k % len(shown)] for k in range(28)])
    ticks = STEP * np.arange(round(SECONDS / STEP))
    drive = np.zeros((len(ticks), 2))
    for onset, name in zip(onsets, names, strict=True):
        drive[(ticks >= onset) & (ticks < onset + 1)] += DRIVE[name]
    kernel = np.exp(-np.arange(0, 3, STEP) / 0.4)
    units = np.stack([np.convolve(d, kernel / kernel.sum())[: len(ticks)] for d in drive.T], 1)
    lag = np.arange(0, 20, STEP)
    response = lag**5 * np.exp(-lag) / 120  # peaks at 5 s
    bold = np.stack([np.convolve(u, response)[: len(ticks)] for u in units.T], 1)[::20] @ VOXELS
    counts = rng.poisson(10 * STEP * np.exp(units @ CELLS)).astype(float)
    responses = {
        "voxels": Stream(bold + bold.std() * rng.normal(size=bold.shape), ticks[::20]),
        "cells": Stream(counts, ticks + STEP),  # at the ends of bins
    }
    return Run(
        {name: responses[name] for name in measured},
        {"pictures": Events(onsets, np.ones(28), names, columns=list(DRIVE))},
        duration=SECONDS,
        tr=2.0,
        entities={"run": str(number)},
    )


scanned = [record(k, ["face", "house", "scene"], ["voxels"]) for k in range(4)]
recorded = [record(k, ["face", "house"], ["cells"]) for k in range(4, 6)]
test = record(6, ["face", "house", "scene"], ["voxels", "cells"])

# %%
# A model file names the readouts, the regions each predicts, its loss and its weight. Runs may lack
# what one of them measures.
MODEL = {
    "schema_version": 1,
    "resolution_s": STEP,
    "stimuli": {"pictures": {}},
    "populations": {"area": {"kind": "leaky", "units": 2, "nonlinearity": "linear"}},
    "projections": [{"from": "pictures", "to": "area"}],
    "readouts": {
        "bold": {"kind": "bold", "regions": {"voxels": ["area"]}},
        "spikes": {"kind": "spikes", "bin_s": STEP, "regions": {"cells": ["area"]}, "weight": 2.0},
    },
    "training": {"n_epochs": 60},
}
alone = {**MODEL, "readouts": {"spikes": MODEL["readouts"]["spikes"]}}
models = {
    "spikes and BOLD": DRMRegressor(MODEL).fit([*scanned, *recorded]),
    "spikes alone": DRMRegressor(alone).fit(recorded),
}

# %%
# A prediction is what is expected of each response: counts here, by the name of the readout. The
# model of spikes alone keeps the weights for scenes that it started from.
pictures, times = test.stimuli["pictures"], test.responses["cells"].times
onsets = pictures.onsets[np.array(pictures.conditions) == "scene"]
during = ((times[:, None] > onsets + 0.2) & (times[:, None] < onsets + 1.2)).any(1)
rates = {name: model.predict([test])["spikes"][0] / STEP for name, model in models.items()}
measured = test.responses["cells"].values / STEP
print("spikes/s while scenes are shown: measured", measured[during].mean(0).round(1))
for name, rate in rates.items():
    error = np.abs(rate[during].mean(0) - measured[during].mean(0)).mean()
    print(f"{name}: {rate[during].mean(0).round(1)}, off by {error:.1f} spikes/s")
bold = SelectResponses(["voxels"]).fit_transform([test])
glm = GLMBaseline().fit(scanned)
print(f"held-out BOLD: R2 {models['spikes and BOLD'].score(bold):.2f}, GLM {glm.score(bold):.2f}")

# %%
figure, axes = plt.subplots(2, 1, figsize=(7, 5), layout="constrained", sharex=True)
for axis, cell in zip(axes, (0, 1), strict=True):
    smooth = np.convolve(measured[:, cell], np.ones(5) / 5, mode="same")
    axis.plot(times, smooth, color="0.8", label="measured, mean of 0.5 s")
    for name, rate in rates.items():
        axis.plot(times, rate[:, cell], label=name)
    for onset in onsets:
        axis.axvspan(onset, onset + 1, color="C2", alpha=0.15)
    axis.set(ylabel=f"cell {cell + 1} (spikes/s)", xlim=(0, 60))
axes[0].set_ylim(0, 58)
axes[0].legend(loc="upper center", fontsize="small", ncols=3)
axes[1].set(xlabel="time (s); scenes are shaded")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "several_readouts.png")
