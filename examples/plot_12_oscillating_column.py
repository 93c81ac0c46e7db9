"""
A column that oscillates
========================

A biophysical population: its constants with units, noise with a seed, and what stops a model whose
steps are too long before it is run.
"""

# %%
# A Wilson-Cowan mass is a population like any other. Its constants have units, limits and a source.
import matplotlib.pyplot as plt
import numpy as np
import torch

from drmbids import BOLD, DRMConnection, DRMNet, WilsonCowan
from drmbids.data.tools.exceptions import ModelError

for row in WilsonCowan(1, 1).parameter_rows()[:3]:
    print(f"{row['parameter']} = {row['value']:.3g} {row['unit']}: {row['meaning']}")


# %%
# Input to the excitatory cells brings about a limit cycle. Four units at once, each with its input
# ``P``; with noise of its own a unit at rest shows its damped rhythm.
def run(noise, n_ticks=400):
    mass = WilsonCowan(4, 1, values={"P": [0.0, 0.6, 1.25, 1.6]}, noise=noise)
    net = DRMNet([mass], [DRMConnection()], [[None]], BOLD([4], [1]), resolution=0.001)
    carry = net.initial_carry(1)
    with torch.no_grad():
        (activity,), _, _ = net.run([torch.zeros(n_ticks, 1, 1)], carry)
        variables, state = [], carry.states[0]
        for _ in range(n_ticks):  # the inhibitory cells are state, so tick by tick
            _, state = mass([torch.zeros(1, 1, 1)], state)
            variables.append((state[0] if noise else state)[0, 1].clone())
    return activity[:, 0].numpy(), torch.stack(variables).numpy()


excitation, inhibition = run(None)
noisy, _ = run({"sigma": 0.2, "seed": 1})
again, _ = run({"sigma": 0.2, "seed": 1})
print("the same seed, the same noise:", bool((noisy == again).all()))
swing = np.ptp(excitation[200:], axis=0)
print("swing of E without noise:", np.round(swing, 3))

# %%
# Traces, and the plane of both kinds of cells.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
time = np.arange(400)
for k, label in enumerate(("P = 0", "P = 0.6", "P = 1.25", "P = 1.6")):
    left.plot(time, noisy[:, k], linewidth=0.6, color=f"C{k}", alpha=0.5)
    left.plot(time, excitation[:, k], color=f"C{k}", label=label)
    right.plot(excitation[:, k], inhibition[:, k], color=f"C{k}")
left.set(xlabel="time (ms)", ylabel="share of excitatory cells E", title="traces; thin: with noise")
right.set(xlabel="E", ylabel="share of inhibitory cells I", title="phase plane")
left.legend(frameon=False, fontsize=8, ncols=2)
plt.show()

# %%
# Steps of 10 ms cannot follow time constants of 8 ms. Training would not start; nor does this.
coarse = WilsonCowan(1, 1, n_substeps=1)
try:
    DRMNet([coarse], [DRMConnection()], [[None]], BOLD([1], [1]), 0.01).check_stability()
except ModelError as error:
    print(error)
