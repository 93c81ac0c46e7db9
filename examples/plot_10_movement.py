"""
Movement: velocity of a hand from populations of motor cortex
=============================================================

Behaviour is a measurement too. What moves the hand is the activity of the last 150 ms.
"""

# %%
# A target on a circle appears; motor cortex answers, and the hand moves.
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import (
    Behaviour,
    DRMConnection,
    DRMNet,
    DRMRegressor,
    Events,
    Leaky,
    Run,
    simulate_runs,
)

STEP, DIRECTIONS = 0.05, ["right", "up", "left", "down"]
rng = np.random.default_rng(0)
templates = []
for _ in range(3):
    onsets = np.arange(1.0, 60.0, 2.0)
    targets = Events(
        onsets,
        np.full(30, 0.5),
        [DIRECTIONS[k] for k in rng.integers(4, size=30)],
        columns=DIRECTIONS,
    )
    templates.append(Run({}, {"targets": targets}, duration=62.0, tr=STEP))

torch.manual_seed(0)
truth = DRMNet(
    {"premotor": Leaky(4, 4, tau=0.1), "motor": Leaky(4, 4, tau=0.2)},
    [DRMConnection(0.1), None],
    [[None, None], [DRMConnection(0.1), None]],
    Behaviour([4, 4], [2], sources=[[1]], regions=["hand"], length=STEP, n_windows=3),
    resolution=STEP,
    stimuli={"targets": DIRECTIONS},
)
for population in truth.populations:
    population.weight.data.copy_(3 * torch.eye(4))
toward = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
truth.readout.weights[0].data.copy_(torch.cat([0.2 * toward, 0.3 * toward, 0.5 * toward]))
runs = simulate_runs(truth, templates, snr=2.0, autocorrelation=0.0)

# %%
# Three windows of 50 ms before each sample; the maps to velocity are solved.
model = {
    "schema_version": 1,
    "resolution_s": STEP,
    "stimuli": {"targets": {}},
    "populations": {
        "premotor": {"kind": "leaky", "units": 8},
        "motor": {"kind": "leaky", "units": 8},
    },
    "projections": [
        {"from": "targets", "to": "premotor", "delay_s": 0.1},
        {"from": "premotor", "to": "motor", "delay_s": 0.1},
    ],
    "readout": {
        "kind": "behaviour",
        "length_s": STEP,
        "n_windows": 3,
        "regions": {"hand": ["motor"]},
        "drift": {"kind": "none"},
    },
}
estimator = DRMRegressor(model, n_epochs=40).fit(runs[:2])
measured, predicted = runs[2].responses["hand"], estimator.predict(runs[2:])[0]
for k, axis in enumerate("xy"):
    r = np.corrcoef(predicted[:, k], measured.values[:, k])[0, 1]
    print(f"held-out velocity {axis}: r = {r:.2f}")

# %%
figure, axes = plt.subplots(2, sharex=True, figsize=(7, 4), layout="constrained")
for k, axis in enumerate("xy"):
    axes[k].plot(measured.times, measured.values[:, k], ".", ms=3, label="measured")
    axes[k].plot(measured.times, predicted[:, k], label="predicted")
    axes[k].set(ylabel=f"velocity {axis}", xlim=(0, 30))
axes[0].legend(loc="upper right")
axes[1].set(xlabel="time (s)")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "movement.png")
