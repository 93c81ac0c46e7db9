"""
A net that learns a task, beside what is measured while it is done
==================================================================

Nothing but right answers trains this net: it sees noisy dots and says where they move. Then its
populations are held against measured responses to the same dots.
"""

# %%
# A session of a task: runs with evidence and right answers, and a table of trials.
import matplotlib.pyplot as plt
import numpy as np

import drmbids

task = drmbids.PerceptualDecision()
runs, trials = task.draw(n_runs=5, n_trials=120, random_state=0)
print(trials[["onset", "signed_coherence", "answer", "answer_time"]].head(3))

# %%
# Two populations, one behind the other: MT sees the dots, LIP hears MT a tick later and chooses.
model = {
    "schema_version": 1,
    "resolution_s": 0.1,
    "stimuli": {"task": {}},
    "populations": {
        "MT": {"kind": "leaky", "units": 6, "tau_s": [0.05] * 6},
        "LIP": {"kind": "leaky", "units": 6},
    },
    "projections": [
        {"from": "task", "to": "MT"},
        {"from": "MT", "to": "LIP", "delay_s": 0.1},
    ],
    "readout": {"kind": "choice", "length_s": 0.2, "regions": {"choice": ["LIP"]}},
    "training": {"finish": "none"},  # units of MT and LIP could do each other's work in many ways
}
net = drmbids.DRMClassifier(model, n_epochs=60).fit(runs[:4])
taus = net.parameters_table().query("parameter == 'tau'").groupby("node")["value"].median()
ideal = np.mean([task.ideal_accuracy(c) for c in task.coherences])
print(
    f"accuracy {net.score(runs[4:]):.2f}, at best {ideal:.2f}; LIP adds up for {taus['LIP']:.2f} s"
)

# %%
# How often it answers "right", by coherence, in trials that it has not seen.
(unseen,), table = task.draw(n_runs=1, n_trials=1200, random_state=1)
evidence, answered = table["signed_coherence"], net.predict([unseen])[0] == "right"
curve = drmbids.psychometric_curve(evidence, answered)
fit = drmbids.fit_psychometric(evidence, answered)

# %%
# Measured at the same time: 40 channels that follow what LIP does, with as much noise as signal.
# Which of its populations tells coherences apart as the channels do, once the dots are gone?
rng = np.random.default_rng(1)
measured, shown = [], []
maps = rng.normal(size=(6, 40))
for run in runs:
    activity = net.activity(run)["LIP"]
    signal = activity @ maps
    channels = signal + signal.std() * rng.normal(size=signal.shape)
    times = 0.1 * (np.arange(len(signal)) + 0.5)
    region = drmbids.Stream(channels, times)
    measured.append(drmbids.Run({"area": region}, run.stimuli, duration=run.duration))
    table = trials[trials["run"] == run.entities["run"]]
    names = [f"{c:+.3f}" for c in table["signed_coherence"]]
    gone = table["onset"] + task.length
    shown.append(drmbids.Events(gone, np.full(len(table), task.wait), names))
alike = drmbids.compare_representations(net, measured, shown, distance="crossvalidated")
print(alike[["population", "similarity"]].round(2).to_string(index=False))
best = alike.loc[alike["similarity"].idxmax(), "population"]
print(f"the area is most like {best}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3), layout="constrained")
grid = np.linspace(-0.55, 0.55, 200)
left.plot(grid, fit(grid), color="#0072B2", label=f"threshold {fit.threshold:.2f}")
left.errorbar(
    curve["evidence"],
    curve["share"],
    [curve["share"] - curve["low"], curve["high"] - curve["share"]],
    fmt="o",
    color="#222222",
    ms=4,
    lw=0.8,
)
left.set(xlabel="coherence to the right", ylabel='answers "right"', ylim=(-0.02, 1.02))
left.legend(frameon=False)
right.bar(alike["population"], alike["similarity"], width=0.5, color=["#8a8a8a", "#0072B2"])
right.set(ylabel="Spearman similarity to the area", ylim=(0, 1))
plt.show()
