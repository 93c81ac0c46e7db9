"""The default model beside linear models, on measured data of many kinds; every fold held out.

Linear models are those that an experienced user would fit, as they are by default. The default must
be at least the best of them, less one standard error of the paired difference over folds, and above
the GLM with SPM's response. Simulated studies are rows of ``python -m benchmarks families``.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy import attention_data
from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.restraint import DATA, RIVALS
from benchmarks.rows import Absent, Row
from drmbids import BlockFolds, DRMRegressor, Run, Stream, compare_models

#: Of the data of Haxby et al., by median, mean and 95th percentile of r over voxels.
HAXBY = (0.160, 0.218, 0.640)

Data = tuple[list[Run], Any]


def attention() -> Data:
    """Return the only run; each quarter is left out, confounds are fitted on the others."""
    return [attention_data.load().run()], BlockFolds(guard=0.0)


def films() -> Data:
    """Return the only run of two V1 voxels, with the luminance of films; five blocks."""
    file = data_folder() / "vim2_v1_lum" / "train.npz"
    if not file.is_file():
        raise Absent(str(file.name))
    content = np.load(file)
    shown, bold = content["train_luminance"][:, 0], content["train_bold"]
    shown = (shown - shown.mean()) / shown.std()
    times = (np.arange(len(shown)) + 0.5) / 15
    stimuli = {"luminance": Stream(shown[:, None], times, columns=["luminance"])}
    run = Run({"V1": Stream(bold, 1.0 * np.arange(len(bold)))}, stimuli, tr=1.0)
    return [run], BlockFolds(n_blocks=5, guard=0.0)


SETS: dict[str, Callable[[], Data]] = {**DATA, "attention": attention, "films": films}


def scored(name: str) -> pd.DataFrame:
    """Return r and R2 of each target, fold and model; the default of each seed."""
    runs, cv = SETS[name]()
    ours = {f"default {seed}": DRMRegressor(random_state=seed) for seed in SEEDS}
    models = {kind: make() for kind, make in RIVALS.items()} | ours
    return compare_models(models, runs, cv=cv).table


def rows(name: str) -> list[Row]:
    """Return how the default does on a data set, beside the best linear model and the GLM."""
    table = scored(name)
    of_default = table["model"].str.startswith("default")
    folds = table.groupby(["model", "fold"])[["r", "r2"]].mean().unstack("model")
    r, square = folds["r"], folds["r2"]
    best = str(r[list(RIVALS)].mean().idxmax())
    default = r[[f"default {seed}" for seed in SEEDS]]
    means, n = r.mean(), len(r)
    detail = ", ".join(f"{kind} {means[kind]:.4f}" for kind in RIVALS)
    seeds = "seeds " + ", ".join(f"{value:.4f}" for value in default.mean())
    found = []
    for rival, kind in (("best linear model", best), ("GLM", "glm spm")):
        gain = default.mean(axis=1) - r[kind]
        error = float(gain.std(ddof=1) / np.sqrt(n))
        goal = 0.0 if rival == "GLM" else -error
        found.append(
            Row(
                name,
                "default",
                f"mean r less that of the {rival}",
                float(gain.mean()),
                goal,
                False,
                f"{float(default.mean().mean()):.4f} ({seeds}) and {kind} {means[kind]:.4f}; s.e. "
                f"{error:.4f} over {n} folds; {detail}",
            )
        )
    means2 = square.mean()
    own = float(means2[default.columns].mean())
    told = ", ".join(f"{kind} {means2[kind]:.4f}" for kind in RIVALS)
    found.append(
        Row(
            name, "default", "mean R2", own, float(means2["glm spm"]), False, f"target: GLM; {told}"
        )
    )
    if name == "haxby 1slice":
        each = table[of_default].groupby(["model", "region", "target"])["r"].mean()
        figures = np.mean(
            [[v.median(), v.mean(), v.quantile(0.95)] for _, v in each.groupby("model")], axis=0
        )
        for label, value, goal in zip(
            ("median r", "mean r", "95th percentile of r"), figures, HAXBY, strict=True
        ):
            found.append(Row(name, "default", label, float(value), goal, False))
    return found


def cost() -> list[Row]:
    """Return the time of a fit over that of the default before: the dynamic model alone."""
    runs, _ = SETS["haxby 1slice"]()
    ratios, seconds = [], []
    for _ in range(3):
        times = []
        for options in ({"stacking": "none", "n_epochs": 60}, {}):
            begun = time.perf_counter()
            DRMRegressor(**options).fit(runs[:11])
            times.append(time.perf_counter() - begun)
        ratios.append(times[1] / times[0])
        seconds.append(times)
    before, now = np.median(seconds, axis=0)
    detail = f"medians {before:.1f} and {now:.1f} s of three fits to 11 runs, in turn"
    value = float(np.median(ratios))
    return [
        Row("haxby 1slice", "default", "time over the default before", value, 3.0, True, detail)
    ]


ROWS: dict[str, Callable[[], list[Row]]] = {
    "cost": cost,
    **{name.replace(" ", "-").lower(): partial(rows, name) for name in SETS},
}
