"""
A brain at rest
===============

Twelve regions on a connectome, driven by nothing but their own noise. Two runs of BOLD are
simulated by the full equations; a brain that does not know the coupling is fitted to the first, in
closed form, and its connectivity is compared with that of the second.
"""

# %%
# A connectome: two groups of regions, more strongly connected within than across, and tract lengths
# in mm. Yours would come from tractography.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from drmbids import WholeBrain, simulate_rest
from drmbids.app.report.rest import write_rest_report
from drmbids.plotting import plot_connectivity

rng = np.random.default_rng(0)
regions = [f"{side}{k}" for side in "LR" for k in range(1, 7)]
same_side = np.kron(np.eye(2), np.ones((6, 6)))
weights = rng.random((12, 12)) * np.where(same_side, 1.0, 0.15)
np.fill_diagonal(weights, 0.0)
weights /= weights.sum(1).max()  # the strongest region hears 1 in all
lengths = np.where(same_side, 40.0, 110.0)

# %%
# Two runs of fifteen minutes of reduced Wong-Wang masses, coupled 0.9 times as strongly as the
# weights say. (``compiled=True`` needs numba; without it this takes minutes.)
truth = {"coupling": 0.9, "values": {"sigma": 0.02}, "regions": regions}
measured_as = {"duration": 900.0, "tr": 2.0, "noise": 0.2, "resolution": 0.02, "compiled": True}
first, second = (
    simulate_rest(weights, lengths, random_state=seed, **measured_as, **truth) for seed in (1, 2)
)

# %%
# Fit coupling and measurement noise; look at what data like these can tell.
brain = WholeBrain(weights, lengths, values={"sigma": 0.02}, coupling=0.3, n_starts=2).fit([first])
print(
    brain.parameters_table()[["parameter", "value", "least_error"]].round(3).to_string(index=False)
)
print(f"connectivity of the second run: r = {brain.score([second]):.2f}")
reliability = np.corrcoef(*(fc[np.triu_indices(12, 1)] for fc in brain.measured([first, second])))
print(f"of one run and the other: r = {reliability[0, 1]:.2f}")

# %%
# The figure, and a page with all there is to see, where a folder is given.
figure = plot_connectivity(brain, [second])
if len(sys.argv) > 1:
    folder = Path(sys.argv[1])
    figure.savefig(folder / "resting_state.png", dpi=150)
    print(write_rest_report(folder / "resting_state.html", brain, [first], [second]))
plt.close("all")
