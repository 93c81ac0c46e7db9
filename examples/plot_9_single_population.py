"""
A population recorded directly
==============================

Where the activity of a population is measured as it is, only a gain and a baseline stand between
the model and the data, and its time constant can be read off.
"""

# %%
import sys

import matplotlib.pyplot as plt
import numpy as np

from drmbids import (
    DRMConnection,
    DRMNet,
    DRMRegressor,
    Events,
    Leaky,
    Run,
    SinglePopulation,
    simulate_runs,
)

# %%
# The truth: a leaky population of 0.35 s, driven by pulses of two strengths.
rng = np.random.default_rng(0)
templates = []
for _ in range(3):
    onsets = np.cumsum(rng.uniform(1, 3, 20))
    pulses = Events(onsets, np.full(20, 0.4), list(rng.permutation(["weak", "strong"] * 10)))
    templates.append(Run({}, {"pulses": pulses}, duration=60.0, tr=0.1))

population = Leaky(1, 2, tau=0.35)
truth = DRMNet(
    {"column": population},
    [DRMConnection()],
    [[None]],
    SinglePopulation([1], [1], regions=["column"]),
    resolution=0.05,
    stimuli={"pulses": ["strong", "weak"]},
)
population.weight.data.copy_(population.weight.new_tensor([[2.0, 1.0]]))
truth.readout.weights[0].data.fill_(3.0)
runs = simulate_runs(truth, templates, snr=2.0, baseline=10.0, autocorrelation=0.0)

# %%
# The model file says how it is recorded in one word.
model = {
    "schema_version": 1,
    "resolution_s": 0.05,
    "stimuli": {"pulses": {}},
    "populations": {"column": {"kind": "leaky", "units": 1}},
    "projections": [{"from": "pulses", "to": "column"}],
    "readout": {"kind": "single_population", "drift": {"kind": "none"}},
}
estimator = DRMRegressor(model, n_epochs=80).fit(runs[:2])
tau = estimator.parameters_table().set_index("parameter").loc["tau", "value"]
measured = runs[2].responses["column"]
predicted = estimator.predict(runs[2:])[0]
r = np.corrcoef(predicted[:, 0], measured.values[:, 0])[0, 1]
print(f"time constant {tau:.2f} s, in truth 0.35 s; held-out recording: r = {r:.2f}")

# %%
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(measured.times, measured.values[:, 0], ".", ms=3, label="recorded")
axes.plot(measured.times, predicted[:, 0], label="predicted")
axes.set(xlabel="time (s)", ylabel="activity", xlim=(0, 30))
axes.legend(loc="upper left", ncols=2)
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "single_population.png")
