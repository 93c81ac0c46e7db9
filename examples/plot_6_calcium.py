"""
Calcium imaging: time constants and saturation of the indicator
===============================================================

Spikes of a cell drive its calcium, which rises, decays and saturates the indicator.
"""

# %%
# Spikes are a stimulus: an impulse for each.
import sys

import matplotlib.pyplot as plt
import numpy as np

from drmbids import (
    DRM,
    Additive,
    Calcium,
    DoubleExponential,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Nuisance,
    Run,
    simulate_runs,
    spike_events,
)

FRAME = 0.05
rng = np.random.default_rng(0)
spikes = [np.sort(rng.uniform(0, 60, rng.poisson(2 * 60))) for _ in range(3)]
templates = [
    Run({}, {"spikes": spike_events({"cell": s})}, duration=60.0, tr=FRAME) for s in spikes
]


def make_cell(response: DoubleExponential) -> DRMNet:
    readout = Calcium(
        [1], [1], regions=["cell"], hrf=response, saturation="hill", nuisance=Nuisance("none")
    )
    unit = Additive(1, 1, nonlinearity="linear")
    unit.weight.data.fill_(0.2)  # a spike is an impulse of area 1
    unit.requires_grad_(False)
    return DRMNet([unit], [DRMConnection()], [[None]], readout, FRAME, {"spikes": ["cell"]})


# %%
# A cell of known constants, and one that starts elsewhere and is trained on two recordings.
truth = make_cell(DoubleExponential(rise=0.08, decay=0.6))
truth.readout.set_value("hill", 2.0)
truth.readout.weights[0].data.fill_(1.0)
runs = simulate_runs(truth, templates, snr=3.0, autocorrelation=0.0)

cell = make_cell(DoubleExponential(rise=0.05, decay=0.3))


def data(some: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(
        some, FRAME, stimuli=cell.stimuli, responses=["cell"], nuisance=Nuisance("none")
    )


model = DRM(cell)
model.estimate(data(runs[:2]), n_epochs=40)
for row, true in zip(cell.readout.parameter_rows(), truth.readout.parameter_rows(), strict=True):
    print(f"{row['parameter']} = {row['value']:.2f} {row['unit']}, in truth {true['value']:.2f}")
(predicted,), _ = model.forward(data(runs[2:]))
measured = runs[2].responses["cell"]
r = np.corrcoef(predicted[:, 0], measured.values[:, 0])[0, 1]
print(f"held-out recording: r = {r:.2f}")

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(measured.times, measured.values[:, 0], ".", ms=3, label="fluorescence")
axes.plot(measured.times, predicted[:, 0], label="predicted")
axes.plot(spikes[2], np.full(len(spikes[2]), measured.values.min()), "k|", label="spikes")
axes.set(xlabel="time (s)", ylabel="dF/F", xlim=(0, 30))
axes.legend(loc="upper right")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "calcium.png")
