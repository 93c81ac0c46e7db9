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


def localizer() -> list[Row]:
    """Return r of linear models, and how far from chance models are with shuffled stimuli."""
    folder = data_folder() / "localizer_bids"
    (atlas,) = folder.glob("derivatives/rois/sub-01/func/*_dseg.nii.gz")
    (run,) = load_runs(folder, atlas_or_mask=atlas)
    rows = []
    for name, cv in {"no guard": BlockFolds(guard=0.0), "guards of 32 s": BlockFolds()}.items():
        targets = compare_models(MODELS, [run], cv=cv).per_target()
        for model, r in targets.groupby("model", sort=False)["r"]:
            # guards leave fewer volumes to train on
            target = TARGETS[str(model)] * (1.0 if cv.guard == 0 else 0.9)
            value = float(r.mean())
            rows.append(Row("localizer", str(model), f"mean r, {name}", value, target, False))
    return [*rows, *_shuffled(run)]


def _shuffled(run: Run) -> list[Row]:
    """Return how many standard errors from zero the mean r is where all events are shuffled."""
    few = {n: Stream(s.values[:, ::EVERY], s.times) for n, s in run.responses.items()}
    models = {**MODELS, "drm, 3 epochs": DRMRegressor(n_epochs=3)}
    events = run.stimuli["events"]
    assert isinstance(events, Events) and run.duration is not None
    rng, means = np.random.default_rng(0), {name: [] for name in models}
    for _ in range(N_DRAWS):
        onsets = np.sort(rng.uniform(0.0, run.duration - 5.0, len(events.onsets)))
        drawn = Events(
            onsets, events.durations, rng.permutation(events.conditions), columns=events.columns
        )
        shuffled = replace(run, responses=few, stimuli={"events": drawn}, space=None)
        table = compare_models(models, [shuffled], cv="blocks").table
        for model, r in table.groupby("model")["r"]:
            means[str(model)].append(float(r.mean()))
    rows = []
    for model, values in means.items():
        error = np.std(values, ddof=1) / np.sqrt(N_DRAWS)
        detail = f"{N_DRAWS} draws; mean r {np.mean(values):.4f}, standard error {error:.4f}"
        size = abs(float(np.mean(values) / error))
        figure = "shuffled: mean r in standard errors"
        rows.append(Row("localizer", model, figure, size, 2.0, True, detail))
    return rows
