"""
A brain of two areas, by hand
=============================

Two populations, V1 and MT, talk to each other; what they do is seen through hemodynamics. We write
the brain in Python, let it produce data, and train a second brain on them that does not know the
parameters.
"""

# %%
# Stimuli: two conditions, in seconds. A run is what was shown, what was measured and when.
import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import BOLD, DRM, DRMConnection, DRMIterator, DRMNet, Events, Leaky, Run, simulate_runs

rng = np.random.default_rng(0)


def make_run(number: int) -> Run:
    onsets = np.cumsum(rng.uniform(6, 16, size=20))
    conditions = list(rng.permutation(["static", "moving"] * 10))
    events = Events(
        onsets, rng.choice([1.0, 4.0], size=20), conditions, columns=["moving", "static"]
    )
    return Run({}, {"events": events}, duration=260.0, tr=2.0, entities={"run": str(number)})


# %%
# The brain: MT listens to V1 half a second ago, V1 listens to MT two seconds ago. Entries of ``Wp``
# read "to, from".
def make_brain() -> DRMNet:
    return DRMNet(
        {"V1": Leaky(1, 2 + 1, tau=0.5), "MT": Leaky(1, 1, tau=0.5)},
        ws=[DRMConnection(0.0), None],
        Wp=[[None, DRMConnection(2.0)], [DRMConnection(0.5), None]],
        readout=BOLD(n_units=[1, 1], n_targets=[30, 30], regions=["V1", "MT"]),
        resolution=0.5,
        stimuli={"events": ["moving", "static"]},
    )


torch.manual_seed(0)
truth = make_brain()
with torch.no_grad():
    truth.populations[0].weight.copy_(torch.tensor([[1.0, 0.6, -0.7]]))
    truth.populations[1].weight.fill_(1.0)
    truth.populations[0].set_value("tau", 0.5)
    truth.populations[1].set_value("tau", 4.0)
    for weights in truth.readout.weights:
        weights.copy_(torch.rand(weights.shape) + 0.5)
print(truth.schedule())

runs = simulate_runs(truth, [make_run(k) for k in range(5)], snr=1.0, random_state=0)

# %%
# Train on four runs, predict the fifth.
torch.manual_seed(1)
brain = make_brain()
brain.populations[0].initialise_inputs(2)  # V1 sets out listening to the two stimuli, not to MT
drm = DRM(brain, learning_rate=0.05)
data = DRMIterator.from_runs(runs[:4], brain.resolution, brain.stimuli, brain.readout.regions)
train_loss, _ = drm.estimate(data, n_epochs=150)
print(f"loss {train_loss[0]:.3f} -> {min(train_loss):.3f} (1 = nothing explained)")
for row, true in zip(brain.parameter_rows()[:2], truth.parameter_rows()[:2], strict=True):
    value = f"{row['node']} {row['parameter']} = {row['value']:.2f} {row['unit']}"
    print(f"{value}, in truth {true['value']:.2f}")

test = DRMIterator.from_runs(runs[4:], brain.resolution, brain.stimuli, brain.readout.regions)
(response,), (activity,) = drm.forward(test)

# %%
# What V1 and MT did, and what the scanner saw of MT.
fig, (top, bottom) = plt.subplots(2, sharex=True, figsize=(8, 4), layout="constrained")
seconds = np.arange(len(activity[0])) * brain.resolution
for name, series in zip(brain.population_names, activity, strict=True):
    top.plot(seconds, series[:, 0], label=name)
top.set(ylabel="activity")
top.legend()
measured = runs[4].responses["MT"]
bottom.plot(
    measured.times, measured.values[:, 0] - measured.values[:, 0].mean(), ".", label="measured"
)
predicted = response[:, 30]
bottom.plot(measured.times, predicted - predicted.mean(), label="predicted")
bottom.set(xlabel="time (s)", ylabel="MT, voxel 0")
bottom.legend()
plt.show()
