"""Calcium to BOLD: two signals of the same tissue, blocks of volumes left out in turn.

Both were filtered to .01-.1 Hz as a whole before, as for the published figure. The filter spreads
a measurement over its neighbours, so volumes near a left-out block are left out of training too.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.io import loadmat
from scipy.optimize import minimize
from scipy.signal import butter, sosfiltfilt
from scipy.stats import gamma

from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.rows import Row
from drmbids import DRMRegressor, Nuisance, RidgeBaseline, Run, Stream
from drmbids.fit.baselines.design import OVERSAMPLING, convolve

TR, STEP = 1.5, 0.02  # seconds, of BOLD and of calcium
N_BLOCKS = 6  # of two stimulation cycles each
#: Seconds on either side of a left-out block that no model is fitted to.
GAP = 30.0

#: One linear unit; what there is to learn is the response, which has no shape beforehand.
MODEL = {
    "schema_version": 1,
    "stimuli": {"calcium": {}},
    "populations": {"cortex": {"kind": "additive", "units": 1, "nonlinearity": "linear"}},
    "projections": [{"from": "calcium", "to": "cortex"}],
    "readout": {"kind": "bold", "hrf": {"kind": "smooth"}, "drift": {"kind": "none"}},
    "training": {"n_epochs": 100, "learning_rate": 0.03},
}

#: Fits to one run, some volumes of which are missing, and returns the prediction of all.
Model = Callable[[Run], np.ndarray]


def band_pass(values: np.ndarray, step: float) -> np.ndarray:
    """Return a series between .01 and .1 Hz (Butterworth, order 2, both ways)."""
    sections = butter(2, (0.01, 0.1), "bandpass", fs=1 / step, output="sos")
    return sosfiltfilt(sections, values - values.mean())[:, None]


def load() -> Run:
    """Return the recording: BOLD of the cortex, calcium and stimulation blocks, all filtered."""
    raw = loadmat(data_folder() / "calcium_bold" / "calcium_2Hz_15s_stimulation.mat")
    calcium = raw["calcium_raw"].ravel()
    times = STEP * (np.arange(len(calcium)) + 0.5)
    # pulses at 2 Hz for 15 s; a pulse stands for the half second that it starts
    pulses = raw["trigger_time"].ravel()
    shown = ((times[:, None] >= pulses) & (times[:, None] < pulses + 0.5)).any(1).astype(float)
    return Run(
        {"cortex": Stream(band_pass(raw["BOLD_calcium"].ravel(), TR), raw["BOLD_time"].ravel())},
        {
            "calcium": Stream(band_pass(calcium, STEP), times, columns=["calcium"]),
            "blocks": Stream(band_pass(shown, STEP), times, columns=["blocks"]),
        },
        tr=TR,
    )


def held_out(model: Model, run: Run, gap: float = GAP) -> np.ndarray:
    """Return predictions, each block from a fit to volumes further than ``gap`` seconds away."""
    bold = run.responses["cortex"]
    predicted = np.empty(len(bold.times))
    for block in np.array_split(np.arange(len(bold.times)), N_BLOCKS):
        first, last = bold.times[block[[0, -1]]] + TR / 2 * np.array([-1, 1])
        known = bold.values.copy()
        known[(bold.times > first - gap) & (bold.times < last + gap)] = np.nan
        series = model(replace(run, responses={"cortex": Stream(known, bold.times)}))
        predicted[block] = series.ravel()[block]
    return predicted


def fitted_kernel(stimulus: str) -> Model:
    """Return a model that convolves a stimulus with a gamma density, its peak and scale fitted."""

    def model(run: Run) -> np.ndarray:
        bold, known = run.responses["cortex"], ~np.isnan(run.responses["cortex"].values[:, 0])

        def series(log_peak_scale: np.ndarray) -> np.ndarray:
            peak, scale = np.exp(log_peak_scale)

            def kernel(t_r: float, oversampling: int = OVERSAMPLING) -> np.ndarray:
                lag = np.arange(0.0, 32.0, t_r / oversampling)
                values = gamma.pdf(lag, peak / scale + 1, scale=scale)
                return values / values.sum()

            (values,) = convolve(run.stimuli[stimulus], bold.times, TR, kernel).values()
            x = np.column_stack([np.ones(len(values)), values])
            return x @ np.linalg.lstsq(x[known], bold.values[known, 0], rcond=None)[0]

        def error(parameters: np.ndarray) -> float:
            return float(((series(parameters) - bold.values[:, 0])[known] ** 2).sum())

        best = minimize(error, np.log([3.0, 1.0]), method="Nelder-Mead", tol=1e-3)
        return series(best.x)

    return model


def calcium() -> list[Row]:
    """Return r of predicted and measured BOLD, every block left out in turn."""
    run, peaks = load(), []

    def ridge(known: Run) -> np.ndarray:
        one = replace(known, stimuli={"calcium": known.stimuli["calcium"]})
        model = RidgeBaseline(TR * np.arange(15), nuisance=Nuisance("none"))
        return model.fit([one]).predict([one])[0]

    def drm(seed: int) -> Model:
        def model(known: Run) -> np.ndarray:
            fitted = DRMRegressor(MODEL, random_state=seed).fit([known])
            response = fitted.hrf_table().set_index("time_s")["hrf"]
            peaks.append(float(response.abs().idxmax()))
            return fitted.predict([known])[0]

        return model

    measured = run.responses["cortex"].values[:, 0]

    def r(model: Model, gap: float = GAP) -> float:
        return float(np.corrcoef(held_out(model, run, gap), measured)[0, 1])

    figure = f"r, {N_BLOCKS} blocks left out"
    rows = [
        Row("calcium", name, figure, r(model), target, False)
        for name, model, target in (
            ("blocks, kernel", fitted_kernel("blocks"), 0.5),
            ("calcium, kernel", fitted_kernel("calcium"), 0.85),
            ("ridge fir", ridge, 0.85),
        )
    ]
    scores = [r(drm(seed)) for seed in SEEDS]
    detail = f"{len(SEEDS)} seeds, range {np.ptp(scores):.4f}; peak at {np.mean(peaks):.1f} s"
    detail += f" ({min(peaks):.1f}-{max(peaks):.1f} over folds and seeds)"
    rows.append(Row("calcium", "drm smooth", figure, float(np.mean(scores)), 0.85, False, detail))
    gained = r(drm(SEEDS[0]), gap=0.0) - scores[0]
    rows.append(Row("calcium", "drm smooth", "r gained by no gap", gained, 0.01, True))
    return rows
