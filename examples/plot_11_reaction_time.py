"""
Reaction times: a whole distribution from activity
==================================================

The stronger a stimulus, the more activity before a fixed moment, and the sooner the answer.
Reaction times are log-normal given the activity.
"""

# %%
# Trials of three contrasts. Reaction times count at 0.4 s after onset in every trial, so that no
# activity that comes with the answer tells of it.
import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import DRMRegressor, Events, ReactionTime, Run, reaction_time_stream

CONTRASTS = {"low": 0.2, "middle": 0.5, "high": 1.0}
rng = np.random.default_rng(0)


def record(n_trials: int = 120) -> Run:
    onsets = 3.0 * np.arange(n_trials) + 1.0
    shown = list(rng.choice(list(CONTRASTS), n_trials))
    strength = np.array([CONTRASTS[name] for name in shown])
    seconds = np.exp(-0.3 - 0.6 * strength + 0.2 * rng.standard_normal(n_trials))
    seconds[rng.random(n_trials) < 0.05] = np.nan  # no answer
    return Run(
        {"answer": reaction_time_stream(onsets, seconds, after=0.4)},
        {"gratings": Events(onsets, np.full(n_trials, 0.4), shown, columns=list(CONTRASTS))},
        duration=3.0 * n_trials + 1.0,
    )


train, test = record(), record()

# %%
model = {
    "schema_version": 1,
    "resolution_s": 0.1,
    "stimuli": {"gratings": {}},
    "populations": {"V1": {"kind": "leaky", "units": 6}},
    "projections": [{"from": "gratings", "to": "V1"}],
    "readout": {
        "kind": "reaction_time",
        "length_s": 0.4,
        "regions": {"answer": ["V1"]},
        "drift": {"kind": "none"},
    },
}
estimator = DRMRegressor(model, n_epochs=30).fit([train])
fitted, predicted = (estimator.predict([run])[0][:, 0] for run in (train, test))
errors = torch.tensor(train.responses["answer"].values[:, 0] - fitted)
levels = [0.1, 0.5, 0.9]
quantiles = ReactionTime.quantiles(torch.tensor(predicted), errors, levels).numpy()
seconds = np.exp(test.responses["answer"].values[:, 0])
answered = ~np.isnan(seconds)
for k, level in enumerate(levels):
    below = (seconds < quantiles[:, k])[answered].mean()
    print(f"{below:.0%} of the held-out answers come before the {level:.0%} quantile")

# %%
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
shown = np.array(test.stimuli["gratings"].conditions)
for k, name in enumerate(CONTRASTS):
    here = shown == name
    axes.plot(k + rng.uniform(-0.15, 0.15, here.sum()), seconds[here], ".", color="0.6")
    low, middle, high = quantiles[here].mean(0)
    axes.errorbar(k + 0.3, middle, [[middle - low], [high - middle]], fmt="o", color="C1")
axes.set_xticks(range(3), list(CONTRASTS))
axes.set(xlabel="contrast", ylabel="reaction time (s)", title="held out; orange: predicted 10-90 %")
figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "reaction_time.png")
