"""
Receptive fields from bars
==========================

Population receptive fields are a population whose centres and sizes, in degrees, are trained on
what voxels measure while bars cross the field. The truth is known here, so what is found can be
held against it.
"""

# %%
# Bars cross a field of 12 degrees in four directions, with pauses between them, in two runs.
import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import (
    BOLD,
    DRM,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Nuisance,
    ReceptiveField,
    Run,
    Stream,
    simulate_runs,
)

PIXELS, FIELD, TR = 20, 12.0, 2.0
CENTRES = np.array([[-3.5, 2.0], [-1.0, -3.0], [0.5, 1.0], [2.5, -1.5], [3.0, 3.5]])
SIZES = np.array([1.0, 1.4, 0.7, 1.2, 1.6])


def bars(shift):
    frames = []
    for turn in range(4):
        for start in range(-2 + shift, PIXELS, 2):
            frame = np.zeros((PIXELS, PIXELS))
            frame[:, max(start, 0) : max(start + 3, 0)] = 1.0
            frames.append(np.rot90(frame, turn))
        frames += [np.zeros((PIXELS, PIXELS))] * 6
    return np.array(frames).reshape(len(frames), -1)


def template(shift):
    shown = bars(shift)
    times = TR * np.arange(len(shown))
    return Run({}, {"screen": Stream(shown, times)}, duration=TR * len(shown), tr=TR)


# %%
# Five sites, each with one receptive field that twelve voxels see with gains of their own.
def brain(centres, sizes):
    names = [f"site{k}" for k in range(len(centres))]
    fields = []
    for (x, y), size in zip(centres, sizes, strict=True):
        field = ReceptiveField(1, PIXELS**2, [PIXELS, PIXELS], field_of_view=FIELD)
        for name, value in (("x", x), ("y", y), ("size", size)):
            field.set_value(name, float(value))
        fields.append(field)
    n = len(names)
    readout = BOLD([1] * n, [12] * n, sources=[[k] for k in range(n)], regions=names)
    nothing = [[None] * n for _ in names]
    ws = [DRMConnection() for _ in names]
    stimuli = {"screen": [str(k) for k in range(PIXELS**2)]}
    net = DRMNet(dict(zip(names, fields, strict=True)), ws, nothing, readout, TR, stimuli)
    return net, fields


torch.manual_seed(0)
truth, _ = brain(CENTRES, SIZES)
with torch.no_grad():
    for weight in truth.readout.weights:
        weight.copy_(1 + 0.5 * torch.rand_like(weight))
runs = simulate_runs(truth, [template(0), template(1)], snr=1.0, random_state=0)

# %%
# A coarse grid first: of 100 receptive fields all over the field, which predicts each site best?
stimuli = truth.stimuli
data = DRMIterator.from_runs(runs, TR, stimuli=stimuli, nuisance=Nuisance("none"))
grid = ReceptiveField(100, PIXELS**2, [PIXELS, PIXELS], field_of_view=FIELD, size=1.5)
coarse = DRMNet([grid], [DRMConnection()], [[None]], BOLD([100], [1]), TR, stimuli)
similar = torch.zeros(5, 100)
with torch.no_grad():
    for item in data:
        _, seen, _ = coarse.run(item["stimulus"], coarse.initial_carry(len(item["runs"])))
        (predicted,) = coarse.readout.features(seen, item["times"])
        measured = item["response"].unflatten(-1, (5, 12)).mean(-1)
        both = torch.cat((measured, predicted), -1).flatten(0, 1).T
        similar += torch.corrcoef(both)[:5, 5:]
best = similar.argmax(1)
starts = torch.stack((grid.value("x"), grid.value("y")), -1)[best].detach().numpy()

# %%
# Then training moves centres and sizes to where they predict best.
net, fields = brain(starts, np.full(5, 1.5))
DRM(net, learning_rate=0.1).estimate(data, n_epochs=25)
found = np.array([[f.value(name).item() for name in ("x", "y", "size")] for f in fields])
away = np.hypot(*(found[:, :2] - CENTRES).T)
print("centres are off by (deg):", np.round(away, 2))
print("sizes, found and true (deg):", np.round(found[:, 2], 2), SIZES)

# %%
figure, axes = plt.subplots(figsize=(4.2, 4.2), layout="constrained")
for k, ((x, y), size) in enumerate(zip(CENTRES, SIZES, strict=True)):
    axes.add_patch(plt.Circle((x, y), size, fill=False, color=f"C{k}", linestyle="--"))
    axes.add_patch(plt.Circle(found[k, :2], found[k, 2], fill=False, color=f"C{k}"))
    axes.plot(*found[k, :2], "o", color=f"C{k}", markersize=4)
axes.set(xlim=(-6, 6), ylim=(-6, 6), xlabel="right (deg)", ylabel="up (deg)", aspect="equal")
axes.set_title("one SD: found (solid), true (dashed)", fontsize=9)
plt.show()
