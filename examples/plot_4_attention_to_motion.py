"""
Which connection does attention modulate?
=========================================

V1 drives V5, V5 feeds back, and attention makes one of the two connections stronger: a question
that dynamic causal models ask with their B matrix. Here the answer is known: data are simulated.
"""

# %%
# Moving dots in blocks, attended in every other one; two runs of two regions without data so far.
import copy

import matplotlib.pyplot as plt
import numpy as np
import torch

import drmbids

TR = 2.0
onsets = np.arange(4.0, 300.0, 24.0)
blocks = drmbids.Events(
    np.concatenate([onsets, onsets[1::2]]),
    np.full(len(onsets) + len(onsets[1::2]), 14.0),
    ["motion"] * len(onsets) + ["attention"] * len(onsets[1::2]),
    columns=["motion", "attention"],
)
times = TR * np.arange(160)
empty = {area: drmbids.Stream(np.zeros((160, 3)), times) for area in ("V1", "V5")}
templates = [drmbids.Run(empty, {"task": blocks}, tr=TR, entities={"run": k}) for k in "123"]


# %%
# A model file as a dictionary: ``gated_by`` names what modulates a connection.
def model(*gated: str) -> dict:
    gate = {"gated_by": [{"by": "task", "conditions": ["attention"]}]}
    arrows = {"up": ("V1", "V5"), "down": ("V5", "V1")}
    return {
        "schema_version": 1,
        "resolution_s": 1.0,
        "stimuli": {"task": {"conditions": ["motion", "attention"]}},
        "populations": {a: {"kind": "leaky", "units": 1, "tau_s": 1.0} for a in ("V1", "V5")},
        "projections": [{"from": "task", "to": "V1"}]
        + [
            {"from": a, "to": b, "delay_s": 1.0, **(gate if name in gated else {})}
            for name, (a, b) in arrows.items()
        ],
        "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
        "training": {"n_epochs": 50},
    }


# %%
# The truth: attention more than doubles what V5 hears from V1.
truth = drmbids.ModelSpec.model_validate(model("up")).build(templates)
with torch.no_grad():
    truth.populations[0].weight.copy_(torch.tensor([[1.0, 0.0, 0.2]]))
    truth.populations[1].weight.fill_(0.8)
    truth.afferents[1][0].gates[0].connection.set_value("gain", 1.5)
    for maps in truth.readout.weights:
        maps.fill_(1.0)
runs = drmbids.simulate_runs(truth, templates, snr=3.0, random_state=1)

# %%
# Three answers, compared on the runs that they have not seen.
answers = {"none": model(), "V1 -> V5": model("up"), "V5 -> V1": model("down")}
results = drmbids.compare_models(
    {name: drmbids.DRMRegressor(copy.deepcopy(m), random_state=0) for name, m in answers.items()},
    runs,
)
scores = results.table[results.table["region"] == "V5"].groupby("model", sort=False)["r2"].mean()
print(scores.round(3))
best = scores.idxmax()
print(f"attention modulates {best}")

# %%
# The gain that the winning model found.
fitted = drmbids.DRMRegressor(answers[best], random_state=0).fit(runs)
table = fitted.parameters_table()
gains = table[table["parameter"] == "gates.0.gain"]
print(gains[["node", "value"]].round(2).to_string(index=False))

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), width_ratios=[1, 2])
left.barh(scores.index, (scores - scores["none"]).to_numpy(), color="C0")
left.invert_yaxis()
left.set(xlabel="held-out R2 of V5, above no gate", title="attention gates")
right.plot(times, runs[0].responses["V5"].values[:, 0], color="0.7", label="measured")
right.plot(times, fitted.predict(runs)[0][:, 3], color="C0", label="fitted")
for onset in onsets[1::2]:
    right.axvspan(onset, onset + 14.0, color="C1", alpha=0.15, lw=0)
right.set(xlabel="seconds", ylabel="V5", title="attended blocks shaded")
right.legend(frameon=False, loc="upper right")
figure.tight_layout()
