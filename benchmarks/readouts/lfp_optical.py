"""Field potential to an optical signal of the same tissue, blocks left out in turn.

Both were preprocessed as a whole before (rsHRF demo). The lag of the simplest model is chosen, like
all else, on what is not left out; samples near a left-out block are no part of training, since the
response reaches that far.
"""

from collections.abc import Callable

import numpy as np
from scipy.io import loadmat

from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.rows import Row
from drmbids import DRMRegressor, Run, Stream

N_BLOCKS = 6
#: Seconds of the response, and on either side of a left-out block that no model is fitted to.
LENGTH = 20.0

#: One linear unit through a response of any shape.
MODEL = {
    "schema_version": 1,
    "resolution_s": 0.16,
    "stimuli": {"lfp": {}},
    "populations": {"cortex": {"kind": "additive", "units": 1, "nonlinearity": "linear"}},
    "projections": [{"from": "lfp", "to": "cortex"}],
    "readout": {
        "kind": "bold",
        "hrf": {"kind": "smooth", "length_s": LENGTH, "n_basis": 15},
        "drift": {"kind": "none"},
    },
    "training": {"n_epochs": 40, "learning_rate": 0.1},
}

#: Fits to one run, some samples of which are missing, and returns the prediction of all.
Model = Callable[[Run], np.ndarray]


def load() -> Run:
    """Return potential and optical signal, sampled at 6.25 Hz, as they are."""
    raw = loadmat(data_folder() / "calcium_bold" / "s1_suj5_525_preproc.mat")
    step = 1 / raw["FS2"].item()
    optical, potential = raw["OPT"], raw["LFP"]
    # a sample stands for the step before it
    times = step * np.arange(1, len(optical) + 1)
    return Run(
        {"cortex": Stream(optical, times)},
        {"lfp": Stream(potential, times - step / 2, columns=["lfp"])},
        duration=step * len(optical),
        tr=step,
    )


def held_out(model: Model, run: Run) -> float:
    """Return r of the optical signal and its predictions, each block from the others."""
    optical = run.responses["cortex"]
    times, values = optical.times, optical.values
    predicted = np.empty(len(times))
    for block in np.array_split(np.arange(len(times)), N_BLOCKS):
        near = (times > times[block[0]] - LENGTH) & (times < times[block[-1]] + LENGTH)
        known = np.where(near[:, None], np.nan, values)
        training = Run(
            {"cortex": Stream(known, times)}, run.stimuli, duration=run.duration, tr=run.tr
        )
        predicted[block] = model(training)[block]
    return float(np.corrcoef(predicted, values[:, 0])[0, 1])


def best_lag(run: Run) -> np.ndarray:
    """Return the potential as it was at the lag of the largest correlation, scaled."""
    optical = run.responses["cortex"].values[:, 0]
    potential, known = run.stimuli["lfp"].values[:, 0], ~np.isnan(optical)
    n = len(optical)
    shifted = [
        np.concatenate([np.zeros(k), potential[: n - k]]) for k in range(round(LENGTH / 0.16))
    ]
    r = [np.corrcoef(x[known], optical[known])[0, 1] for x in shifted]
    best = shifted[int(np.argmax(np.abs(r)))]
    slope, level = np.polyfit(best[known], optical[known], 1)
    return slope * best + level


def lfp_optical() -> list[Row]:
    """Return r of the optical signal, every block left out in turn."""
    run = load()
    lag = held_out(best_lag, run)

    def drm(seed: int) -> Model:
        return lambda known: (
            DRMRegressor(MODEL, random_state=seed).fit([known]).predict([known])[0][:, 0]
        )

    scores = [held_out(drm(seed), run) for seed in SEEDS]
    figure = f"r, {N_BLOCKS} blocks left out"
    detail = f"{len(SEEDS)} seeds, range {np.ptp(scores):.4f}"
    return [
        Row("lfp-optical", "best lag", figure, lag, 0.5, False),
        Row("lfp-optical", "drm smooth", figure, float(np.mean(scores)), lag, False, detail),
    ]
