"""Nothing to find: stimuli that have nothing to do with the runs that they are put beside."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import kstest

from benchmarks.accuracy.data import data_folder
from benchmarks.rows import Row
from drmbids import (
    DRMRegressor,
    Events,
    GLMBaseline,
    RidgeBaseline,
    Run,
    compare_models,
    load_runs,
    permutation_test,
)

# Six figures are tested: limits that each exceeds in one of 100 to 400 cases by chance.
MOST_ERRORS, LEAST_P = 3.0, 0.01

#: Times that stimuli are exchanged anew, and permutations in the test of each.
N_DRAWS, N_PERMUTATIONS = 40, 199


def unrelated(runs: Sequence[Run], random_state: int) -> list[Run]:
    """Return the runs, each with the events of another run, moved around by a random time.

    The blocks of Haxby's runs are at the same times in all of them, so events of another run would
    still say when something was shown; what is moved beyond the end comes in again at the start.
    """
    rng = np.random.default_rng(random_state)
    order = rng.permutation(len(runs))
    giver = dict(zip(order, np.roll(order, 1), strict=True))
    return [
        replace(run, stimuli={"events": _moved(runs[giver[k]], rng.uniform())})
        for k, run in enumerate(runs)
    ]


def _moved(run: Run, share: float) -> Events:
    """Return the events of a run moved around it by a share of its duration."""
    events = run.stimuli["events"]
    onsets = (events.onsets + share * run.duration) % run.duration
    beyond = onsets + events.durations - run.duration
    cut = beyond > 0
    return Events(
        np.concatenate([onsets, np.zeros(cut.sum())]),
        np.concatenate([events.durations - np.maximum(beyond, 0.0), beyond[cut]]),
        [*events.conditions, *np.array(events.conditions)[cut]],
        columns=events.columns,
    )


def scores(model: Any, runs: Sequence[Run], random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Return r and p of each voxel in the later half of the runs, trained on the earlier half."""
    half = len(runs) // 2
    split = [(list(range(half)), list(range(half, len(runs))))]
    results = compare_models({"model": model}, runs, cv=split)
    table = permutation_test(results, runs, N_PERMUTATIONS, random_state=random_state)
    return table["r"].to_numpy(), table["p"].to_numpy()


def null() -> list[Row]:
    """Return how r and p are spread where events are those of other runs, at other times.

    The voxels of one draw share its chance, so their p are no sample: of each draw the p of one
    voxel, drawn at random, is tested for being uniform.
    """
    dataset = data_folder() / "haxby_bids"
    runs = load_runs(dataset, subject="01", task="objectviewing", acquisition="25mm")
    rows = []
    for name, model in {
        "glm": GLMBaseline(),
        "ridge fir": RidgeBaseline(2.5 * np.arange(15)),
        "drm, 3 epochs": DRMRegressor(n_epochs=3),
    }.items():
        found = [scores(model, unrelated(runs, seed), seed) for seed in range(N_DRAWS)]
        means = np.array([r.mean() for r, _ in found])
        error = means.std(ddof=1) / np.sqrt(N_DRAWS)
        p = np.array([p for _, p in found])
        one = p[np.arange(N_DRAWS), np.random.default_rng(0).integers(p.shape[1], size=N_DRAWS)]
        true = scores(model, runs, 0)[1]
        detail = f"{N_DRAWS} draws; p < .05 in {np.mean(p < 0.05):.3f} of all voxels and draws"
        detail += f", in {np.mean(true < 0.05):.2f} with the true events"
        size = abs(float(means.mean() / error))
        uniform = float(kstest(one, "uniform").pvalue)
        chance = f"{N_DRAWS} draws; mean r {means.mean():.4f}, standard error {error:.4f}"
        rows += [
            Row("null", name, "mean r in standard errors", size, MOST_ERRORS, True, chance),
            Row("null", name, "p of p being uniform", uniform, LEAST_P, False, detail),
        ]
    return rows
