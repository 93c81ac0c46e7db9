"""Fits in other processes give the same numbers, and searches and pipelines can be compared."""

import warnings
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from drmbids.compare.crossvalidation import fits
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataWarning, TrainingError, TrainingWarning
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.transformers import PCAStimuli, ScaleStimuli

pytestmark = pytest.mark.whole_fit

WEIGHTS = np.array([[1.0, 0.5, -1.0, 0.0], [0.0, 1.0, 0.5, 1.0]])


def models() -> dict:
    ridge = RidgeBaseline(delays=(0.0, 2.0))
    return {
        "ridge": ridge,
        "search": GridSearchCV(ridge, {"delays": [(0.0, 2.0), (6.0, 8.0)]}, cv=2),
        "pipeline": make_pipeline(ScaleStimuli(), PCAStimuli("features", 1), ridge),
        "drm": DRMRegressor(n_epochs=2),
        "seed": DRMRegressor(n_epochs=2, random_state=1),
    }


def test_processes_change_no_number_and_no_order(make_runs):
    runs, told = make_runs(3, 0, WEIGHTS), []
    alone = compare_models(models(), runs, n_models_at_once=2)
    shared = compare_models(
        models(), runs, n_models_at_once=2, n_jobs=2, on_fold=lambda *call: told.append(call),
        return_estimators=True,
    )  # fmt: skip
    pd.testing.assert_frame_equal(shared.table, alone.table, rtol=1e-5, atol=1e-6)
    assert [call[2:] for call in told] == [(i, 15) for i in range(1, 16)]
    assert shared.estimators["search"]["run-0"].best_params_ == {"delays": (0.0, 2.0)}
    for name, by_run in alone.predictions.items():
        for run, series in by_run.items():
            np.testing.assert_allclose(shared.predictions[name][run], series, rtol=1e-4, atol=1e-4)


def test_a_search_and_a_pipeline_are_scored_as_what_they_hold(make_runs):
    runs = make_runs(3, 0, WEIGHTS)
    scores = compare_models(models(), runs).per_target().groupby("model")["r"].mean()
    assert scores["search"] == pytest.approx(scores["ridge"], abs=0.02)
    assert 0.1 < scores["pipeline"] < scores["ridge"]


def test_warnings_and_errors_come_back_from_other_processes(make_runs):
    runs = make_runs(3, 0, WEIGHTS)
    holed = []
    for run in runs:
        values = run.responses["V1"].values.copy()
        values[:, 0] = np.nan
        gap = {**run.responses, "V1": Stream(values, run.responses["V1"].times)}
        holed.append(replace(run, responses=gap))
    model = {"ridge": RidgeBaseline(delays=(0.0,))}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare_models(model, holed, n_jobs=2)
    assert [w.category for w in caught] == [DataWarning] * 3
    assert "1 of 4 targets are missing throughout" in str(caught[0].message)
    message = r"model 'drm', fold 'run-0': training diverged with each learning rate tried"
    with pytest.raises(TrainingError, match=message), pytest.warns(TrainingWarning):
        compare_models({"drm": DRMRegressor(learning_rate=1e30, n_epochs=3)}, runs, n_jobs=2)


def test_a_search_in_processes_finds_the_same(make_runs):
    """The runs are large enough for joblib to hand them over as memory maps.

    By processes that are forked: new ones would import all libraries first, and map no more.
    """
    runs = make_runs(3, 0, np.full((1700, 4), 0.1))
    assert runs[0].stimuli["features"].values.nbytes > 1_000_000
    ridge = RidgeBaseline(delays=(0.0,), alphas=[1.0])
    model = make_pipeline(ScaleStimuli(), PCAStimuli("features"), ridge)
    grid = {"pcastimuli__n_components": [1, 4]}
    with joblib.parallel_config("multiprocessing"):
        alone, shared = (
            GridSearchCV(model, grid, cv=3, n_jobs=n, error_score="raise").fit(runs) for n in (1, 2)
        )
    assert shared.best_params_ == alone.best_params_
    np.testing.assert_allclose(
        shared.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-9
    )


def test_the_fit_whose_process_was_killed_is_named(make_runs, monkeypatch):
    """joblib says of a killed process only that one was; `benchmarks faults` kills a real one."""

    def parallel(**options):
        def run(tasks):
            for k, (work, given, _) in enumerate(tasks):
                if k == 1:
                    raise fits.TerminatedWorkerError
                yield work(*given)

        return run

    monkeypatch.setattr(fits, "Parallel", parallel)
    told = r"model 'ridge', fold 'run-1', or a fit at work beside it: its process was killed"
    with pytest.raises(TrainingError, match=told):
        compare_models({"ridge": RidgeBaseline()}, make_runs(3, 0, WEIGHTS), n_jobs=2)
