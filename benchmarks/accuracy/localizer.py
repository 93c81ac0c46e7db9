"""One run of an auditory and visual localizer: blocks of time left out, and stimuli shuffled."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.accuracy.data import data_folder
from benchmarks.rows import Row
from drmbids import (
    BlockFolds,
    DRMRegressor,
    Events,
    GLMBaseline,
    HRFLibrary,
    RidgeBaseline,
    Run,
    Stream,
    compare_models,
    free_hrf_baseline,
    load_runs,
)

#: Mean r with five cosines of drift out of all volumes and no guard, which the shared figures have.
TARGETS = {"glm spm": 0.278, "glm glover": 0.272, "hrf library": 0.268, "ridge fir": 0.213}

#: Times that the stimuli are shuffled, and voxels that are then predicted.
N_DRAWS, EVERY = 20, 40

MODELS: Mapping[str, Any] = {
    "glm spm": GLMBaseline("spm"),
    "glm glover": GLMBaseline("glover"),
    "hrf library": HRFLibrary(),
    "ridge fir": RidgeBaseline(),
}

#: What is fitted to shuffled stimuli too: what all reports have, and the default model.
SHUFFLED_MODELS: Mapping[str, Any] = {
    **MODELS,
    "freehrf": free_hrf_baseline(),
    "drm, 10 epochs": DRMRegressor(n_epochs=10),
}


def load() -> Run:
    """Return the only run of the only participant."""
    folder = data_folder() / "localizer_bids"
    (atlas,) = folder.glob("derivatives/rois/sub-01/func/*_dseg.nii.gz")
    (run,) = load_runs(folder, atlas_or_mask=atlas)
    return run


def localizer() -> list[Row]:
    """Return r of linear models, and how far from chance models are with shuffled stimuli."""
    run, rows = load(), []
    for name, cv in {"no guard": BlockFolds(guard=0.0), "guards of 32 s": BlockFolds()}.items():
        targets = compare_models(MODELS, [run], cv=cv).per_target()
        for model, r in targets.groupby("model", sort=False)["r"]:
            # guards leave fewer volumes to train on
            target = TARGETS[str(model)] * (1.0 if cv.guard == 0 else 0.9)
            value = float(r.mean())
            rows.append(Row("localizer", str(model), f"mean r, {name}", value, target, False))
    return [*rows, *chance_rows(run)]


def shuffled(run: Run, seed: int) -> Run:
    """Return a run whose events are shuffled, and whose measurements are as they were.

    What makes a score of zero the honest expectation, and makes a leak show:

    - Responses are not touched, so noise keeps its autocorrelation, drift, and what voxels share:
      a model that learned any of these of the held-out block, or across its borders, would score.
    - Events keep their number, durations and spacing, so regressors vary, overlap and correlate as
      before. The gaps between events, that from the last one round to the first among them, come in
      another order, and begin anywhere. Conditions are permuted over all events: moved events alone
      would keep the order of conditions, permuted conditions alone would keep when anything
      happened, which a response to any event predicts.
    - The same shuffled events are those of training and of held-out volumes, and every model is
      fitted to them anew. Draws of events are independent, so the standard error of the mean over
      draws is that of independent numbers, although all are held against one set of measurements.

    Parameters
    ----------
    run : Run
    seed : int
        Number of the draw.

    Returns
    -------
    Run
        With each fortieth voxel, so that many draws take minutes.
    """
    rng, events = np.random.default_rng([0, seed]), run.stimuli["events"]
    assert isinstance(events, Events) and run.duration is not None
    gaps = np.diff(np.append(events.onsets, events.onsets[0] + run.duration))
    onsets = rng.uniform(0.0, run.duration) + np.cumsum(rng.permutation(gaps))
    drawn = Events(
        np.sort(onsets % run.duration),
        rng.permutation(events.durations),
        rng.permutation(events.conditions),
        columns=events.columns,
    )
    few = {n: Stream(s.values[:, ::EVERY], s.times) for n, s in run.responses.items()}
    return replace(run, responses=few, stimuli={"events": drawn}, space=None)


def scores_of_draw(run: Run, seed: int) -> dict[str, float]:
    """Return the mean r of each model, blocks left out, where the events are shuffled."""
    table = compare_models(SHUFFLED_MODELS, [shuffled(run, seed)], cv="blocks").table
    return {str(model): float(r.mean()) for model, r in table.groupby("model", sort=False)["r"]}


def chance_rows(run: Run) -> list[Row]:
    """Return how many standard errors from zero the mean r is where all events are shuffled."""
    draws = [scores_of_draw(run, seed) for seed in range(N_DRAWS)]
    rows = []
    for model in SHUFFLED_MODELS:
        values = np.array([draw[model] for draw in draws])
        error = values.std(ddof=1) / np.sqrt(N_DRAWS)
        detail = f"{N_DRAWS} draws; mean r {values.mean():.4f}, standard error {error:.4f}"
        figure = "shuffled: mean r in standard errors"
        size = float(abs(values.mean()) / error)
        rows.append(Row("localizer", model, figure, size, 2.0, True, detail))
    return rows
