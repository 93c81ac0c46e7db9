"""Runs whose stimuli lie in files, through the estimators."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor

N_COLUMNS = 40


def make_runs(folder: Path, in_file: bool, n_columns: int = N_COLUMNS) -> list[Run]:
    runs = []
    for k in range(3):
        make = np.random.default_rng(k)
        features = make.random((240, n_columns)).astype(np.float32)
        np.save(folder / f"{k}.npy", features)
        shown = np.load(folder / f"{k}.npy", mmap_mode="r") if in_file else features
        bold = Stream(make.standard_normal((60, 3)), 2.0 * np.arange(60))
        runs.append(Run({"V1": bold}, {"movie": Stream(shown, 0.5 * np.arange(240))}, tr=2.0))
    return runs


def test_a_streamed_stimulus_gives_the_same_model(tmp_path: Path) -> None:
    held = DRMRegressor(n_epochs=2, window=15.0).fit(make_runs(tmp_path, False)[:2])
    streamed = DRMRegressor(n_epochs=2, window=15.0).fit(make_runs(tmp_path, True)[:2])
    losses = [[row["train_loss"] for row in e.history_] for e in (held, streamed)]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    predicted = [
        e.predict(make_runs(tmp_path, s)[2:])[0] for e, s in ((held, False), (streamed, True))
    ]
    np.testing.assert_allclose(*predicted, atol=1e-4)
    assert np.ptp(predicted[0]) > 1e-2


def test_training_holds_a_window_of_a_streamed_stimulus(tmp_path: Path) -> None:
    """Three runs of 240 samples of 2,000 features, 5.8 MB in all, are trained on in 2 MB."""
    # what torch imports on first use is no part of it
    DRMRegressor(n_epochs=1, window=4.0).fit(make_runs(tmp_path, True))
    tracemalloc.start()
    try:
        runs = make_runs(tmp_path, True, 2000)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        DRMRegressor(n_epochs=1, window=4.0).fit(runs)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    size = sum(path.stat().st_size for path in tmp_path.glob("*.npy"))
    assert peak < 2_000_000 < 0.4 * size


@pytest.mark.parametrize("estimator", [DRMRegressor(n_epochs=1), GLMBaseline()])
def test_a_gap_in_a_stimulus_is_refused(tmp_path: Path, estimator) -> None:
    runs = make_runs(tmp_path, False)
    features = runs[0].stimuli["movie"].values.copy()
    features[100, 7] = np.nan
    movie = Stream(features, 0.5 * np.arange(240))
    with pytest.raises(DataError, match="column '7' at 50 s is nan"):
        estimator.fit([Run(runs[0].responses, {"movie": movie}, tr=2.0)])
