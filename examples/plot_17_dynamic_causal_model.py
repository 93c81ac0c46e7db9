"""
Four regions as a dynamic causal model
======================================

Two hemispheres of two stages: which condition drives which region (C), which region drives which
(A), and what attention changes (B). Data come from a bilinear model in steps of 20 ms, written out
here, so the right answer is known.
"""

# %%
# The truth: ``A[to, from]`` with what attention adds to it, and what drives the first stage.
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gamma

import drmbids
from drmbids.data.tools.resources import demo_dataset

regions, conditions = ["LV1", "RV1", "LMT", "RMT"], ["left", "right", "attention"]
A = np.array([[0, 0, 0.3, 0], [0, 0, 0, -0.3], [0.7, 0, 0, -0.4], [0, 0.6, 0.3, 0]])
B = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0.5, 0, 0, 0], [0, -0.3, 0, 0]])
C = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
TR, SECONDS, STEP, TAU = 2.0, 400.0, 0.02, 0.8
rng = np.random.default_rng(0)

# %%
# Stimuli of 2 s on either side, 4 to 10 s apart, and blocks of attention of half a minute.
# Activity goes through a double gamma; eight voxels of each region see it, in noise.
seconds = np.arange(0, 32, STEP)
response = gamma.pdf(seconds, 6) - gamma.pdf(seconds, 16) / 6
response /= response.sum()
times = TR * np.arange(round(SECONDS / TR))
runs = []
for number in "12":
    onsets = np.cumsum(rng.uniform(4, 10, 54))
    sides = rng.choice(["left", "right"], len(onsets))
    blocks = np.arange(rng.uniform(5, 30), SECONDS - 30, 60)
    events = drmbids.Events(
        np.concatenate([onsets, blocks]),
        np.repeat([2.0, 30.0], [len(onsets), len(blocks)]),
        [*sides, *["attention"] * len(blocks)],
        columns=conditions,
    )
    shown = np.zeros((round(SECONDS / STEP), 3))
    for onset, duration, name in zip(
        events.onsets, events.durations, events.conditions, strict=True
    ):
        first, last = round(onset / STEP), round((onset + duration) / STEP)
        shown[first:last, conditions.index(name)] = 1
    x, activity = np.zeros(4), []
    for u in shown:
        x = x + STEP / TAU * (-x + (A + u[2] * B) @ x + C @ u)
        activity.append(x)
    bold = np.stack([np.convolve(a, response)[: len(shown)] for a in np.transpose(activity)], 1)
    bold = bold[np.round(times / STEP).astype(int)]
    noise = bold.std(0)[:, None] * rng.normal(size=(len(times), 4, 8))
    responses = {
        region: drmbids.Stream(100 + bold[:, [k]] + noise[:, k], times)
        for k, region in enumerate(regions)
    }
    runs.append(
        drmbids.Run(
            responses, {"events": events}, tr=TR, duration=SECONDS, entities={"run": number}
        )
    )

# %%
# The model file names regions, conditions and connections, in 26 lines. It knows neither numbers
# nor signs, and has ticks and delays of half a second, which the truth has not.
path = demo_dataset().parent / "models" / "four_regions.yaml"
print(path.read_text())
model = drmbids.DRMRegressor(path, n_epochs=60).fit(runs)

# %%
# Inputs, couplings and modulations on the scale of BOLD: what lasting activity of 1 does.
table = model.couplings_table()
truth = []
for row in table.itertuples():
    matrix = {"input": C, "coupling": A, "modulation": B}[row.kind]
    sender = conditions.index(row.condition) if row.kind == "input" else regions.index(row.source)
    truth.append(matrix[regions.index(row.target), sender])
table["truth"] = truth
print(table.round(2).to_string(index=False))
among = table[table["kind"] != "input"]
print(f"couplings and modulations: r = {among['value'].corr(among['truth']):.2f}")
print(f"right signs: {(np.sign(among['value']) == np.sign(among['truth'])).sum()} of {len(among)}")

figure, axes = plt.subplots(figsize=(5, 4.5))
for kind, rows in table.groupby("kind", sort=False):
    axes.plot(rows["truth"], rows["value"], "o", label=kind)
axes.axline((0, 0), slope=1, color="0.7", zorder=0)
axes.set(xlabel="truth", ylabel="fitted")
axes.legend(frameon=False)
figure.tight_layout()
