"""Predicted responses to events against nilearn's regressors, and averages around events."""

from dataclasses import replace

import numpy as np
import pytest
from nilearn.glm.first_level.hemodynamic_models import compute_regressor
from sklearn.base import BaseEstimator

from drmbids.compare.inference.event_responses import (
    event_averages,
    event_responses,
    response_peaks,
)
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor

TIMES = 2.0 * np.arange(120)
ONSETS = np.arange(8.0, 200.0, 24.0)
NAMES = ["face", "house"] * 4
HEIGHTS = {"face": 3.0, "house": 1.0}


def regressor(onsets: np.ndarray, duration: float, times: np.ndarray) -> np.ndarray:
    shown = np.array([onsets, np.full(len(onsets), duration), np.ones(len(onsets))])
    return compute_regressor(shown, "spm", times, oversampling=50)[0][:, 0]


def make_run(k: int, noise: float = 0.0, confounds: bool = False) -> Run:
    rng = np.random.default_rng(k)
    signal = sum(
        height * regressor(ONSETS[[name == n for n in NAMES]], 2.0, TIMES)
        for name, height in HEIGHTS.items()
    )
    values = 100 + signal[:, None] * [1.0, 2.0] + noise * rng.standard_normal((120, 2))
    events = Events(ONSETS, np.full(8, 2.0), NAMES)
    extra = Stream(rng.standard_normal((120, 1)), TIMES, ["motion"]) if confounds else None
    responses = {"V1": Stream(values, TIMES), "V2": Stream(-values[:, :1], TIMES)}
    return Run(responses, {"events": events}, extra, tr=2.0, entities={"run": str(k)})


@pytest.mark.parametrize("confounds", [False, True])
def test_responses_of_a_glm_are_those_of_nilearn(confounds: bool) -> None:
    runs = [make_run(0, confounds=confounds)]
    table = event_responses(GLMBaseline("spm").fit(runs), runs, durations=[2.0, 20.0])
    for (name, duration, region), part in table.groupby(["condition", "duration_s", "region"]):
        times = part["time_s"].to_numpy()
        expected = HEIGHTS[name] * regressor(np.array([0.0]), duration, times)
        expected = expected * (1.5 if region == "V1" else -1.0)
        np.testing.assert_allclose(part["response"], expected, atol=0.02 * np.abs(expected).max())
    peaks = response_peaks(table).set_index(["condition", "duration_s", "region"])
    assert peaks.loc[("face", 2.0, "V1"), "peak_s"] == pytest.approx(6.0, abs=0.1)
    assert peaks.loc[("face", 2.0, "V2"), "height"] < 0


def test_conditions_and_durations_may_be_chosen() -> None:
    runs = [make_run(0)]
    model = GLMBaseline("spm").fit(runs)
    table = event_responses(model, runs, durations=[1.0], conditions=["house"])
    assert set(table["condition"]) == {"house"} and set(table["duration_s"]) == {1.0}
    with pytest.raises(UsageError, match=r"conditions \['tool'\] do not occur"):
        event_responses(model, runs, conditions=["tool"])
    with pytest.raises(UsageError, match="positive"):
        event_responses(model, runs, durations=[0.0])
    silent = Run(runs[0].responses, tr=2.0)
    with pytest.raises(DataError, match="no run has events"):
        event_responses(model, [silent])


def test_a_nonlinear_model_answers_from_its_baseline() -> None:
    runs = [make_run(0, noise=0.3)]
    table = event_responses(DRMRegressor(n_epochs=2).fit(runs), runs)
    first = table[table["time_s"] == 0.0]
    # nothing is left of the offsets that the model predicts without any event
    assert np.abs(first["response"]).max() < 0.05 * np.abs(table["response"]).max()
    assert np.isfinite(table["response"]).all()


def test_averages_are_plain_means_around_onsets() -> None:
    run = make_run(0, noise=0.5)
    gap = np.where(np.arange(120)[:, None] == 6, np.nan, run.responses["V1"].values)
    responses = {**run.responses, "V1": Stream(gap, TIMES)}
    # numbers that modulate events are further rows, not events of their own
    shown = Events(
        np.repeat(ONSETS, 2),
        np.full(16, 2.0),
        [name for pair in zip(NAMES, ["size"] * 8, strict=True) for name in pair],
        np.tile([1.0, 0.5], 8),
        columns=["face", "house", "size"],
        modulators=["size"],
    )
    runs = [Run(responses, {"events": shown}, tr=2.0)]
    nuisance = Nuisance("none")
    table = event_averages(GLMBaseline("spm").fit(runs), runs, nuisance)
    first = table[(table["condition"] == "face") & (table["region"] == "V1")]
    assert (first["n_events"] == 4).all()
    series = (gap - np.nanmean(gap, 0)).mean(1)
    rows = [int(onset // 2) for onset in ONSETS[::2]]
    expected = [np.nanmean(series[[r + k for r in rows]]) for k in range(12)]
    np.testing.assert_allclose(first["measured"], expected, atol=1e-9)
    # the model is right, so that what it predicts is near in the same average
    assert np.corrcoef(first["measured"], first["predicted"])[0, 1] > 0.95


def test_a_target_without_values_counts_in_no_mean() -> None:
    run = make_run(0, noise=0.5)
    both = run.responses["V1"].values
    gone = np.where([False, True], np.nan, both)  # a voxel that was never measured
    half = np.where((np.arange(120)[:, None] < 60) & [False, True], np.nan, both)
    model = GLMBaseline("spm").fit([run])
    alone, partly = (
        [replace(run, responses={**run.responses, "V1": Stream(v, TIMES)})] for v in (gone, half)
    )
    nuisance = Nuisance("none")
    predicted = model.predict([run])[0]
    predicted = predicted - predicted.mean(0)
    rows = [int(onset // 2) for onset in ONSETS[::2]]
    expected = [predicted[[r + k for r in rows], 0].mean() for k in range(12)]
    found = event_averages(model, alone, nuisance)
    found = found[(found["condition"] == "face") & (found["region"] == "V1")]
    np.testing.assert_allclose(found["predicted"], expected, atol=1e-9)
    found = event_averages(model, partly, nuisance)
    assert np.isfinite(found[["measured", "predicted"]]).all(axis=None)

    class OneTargetLost(BaseEstimator):
        """A model that cannot say anything of its second target."""

        def fit(self, runs: list[Run]) -> "OneTargetLost":
            self.regions_ = model.regions_
            return self

        def predict(self, runs: list[Run]) -> list[np.ndarray]:
            return [np.where([False, True, False], np.nan, s) for s in model.predict(runs)]

    table = event_responses(OneTargetLost().fit([run]), [run], durations=[2.0], conditions=["face"])
    single = replace(run, responses={"V1": Stream(both[:, :1], TIMES)})
    first = GLMBaseline("spm").fit([single])  # targets of a GLM know nothing of each other
    expected = event_responses(first, [single], durations=[2.0], conditions=["face"])
    part = table[table["region"] == "V1"]
    np.testing.assert_allclose(part["response"], expected["response"], atol=1e-9)
