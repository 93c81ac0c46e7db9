"""What users of scikit-learn type: scoring, routed weights, set_output, nested parameters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut, cross_validate
from sklearn.pipeline import make_pipeline

from drmbids.brain.modelfile.load import load_model
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import ModelError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.ensemble import Ensemble
from drmbids.fit.estimators.scorers import RunScorer
from drmbids.fit.estimators.transformers import SelectConditions
from drmbids.maths.metrics.scores import score_run

MODEL = Path(__file__).resolve().parents[2] / "data" / "models" / "two_areas.yaml"


def make_run(k: int) -> Run:
    rng, times = np.random.default_rng(k), 2.0 * np.arange(40)
    onsets = np.arange(4.0, 60.0, 14.0) + rng.uniform(0, 4)
    seen = ((times[:, None] - onsets > 3) & (times[:, None] - onsets < 9)).sum(1)[:, None]
    responses = {n: Stream(seen + 0.3 * rng.normal(size=(40, 2)), times) for n in ("V1", "V2")}
    events = Events(onsets, np.full(4, 4.0), ["a", "b"] * 2)
    return Run(responses, {"events": events}, tr=2.0, entities={"run": str(k)})


RUNS = [make_run(k) for k in range(3)]
WEIGHTS = {run.label: np.linspace(0.1, 1.0 + k, 40) for k, run in enumerate(RUNS)}


def test_scorers_give_the_means_of_held_out_scores() -> None:
    scoring = {"r2": RunScorer(), "r": RunScorer("r"), "r of V2": RunScorer("r", region="V2")}
    model = make_pipeline(SelectConditions(["a", "b"]), GLMBaseline())
    found = cross_validate(model, RUNS, cv=LeaveOneOut(), scoring=scoring, error_score="raise")
    plain = cross_validate(model, RUNS, cv=LeaveOneOut(), error_score="raise")["test_score"]
    np.testing.assert_array_equal(found["test_r2"], plain)
    for k, run in enumerate(RUNS):
        fitted = GLMBaseline().fit([r for r in RUNS if r is not run])
        nuisance = fitted._nuisance
        table = score_run(run, fitted.predict([run])[0], fitted.regions_, nuisance)
        assert found["test_r"][k] == pytest.approx(table["r"].mean())
        assert found["test_r of V2"][k] == pytest.approx(table["r"][2:].mean())
    search = GridSearchCV(
        GLMBaseline(), {"hrf_model": ["spm"]}, scoring=RunScorer("r"), cv=KFold(3)
    )
    assert RunScorer("r")(search.fit(RUNS), RUNS) > 0.5


def test_a_scorer_says_what_it_does_not_score() -> None:
    fitted = GLMBaseline().fit(RUNS)
    with pytest.raises(UsageError, match="score must be one of"):
        RunScorer("accuracy")
    with pytest.raises(UsageError, match=r"no region 'V5' in the fit, which has \['V1', 'V2'\]"):
        RunScorer("r", "V5")(fitted, RUNS)
    with pytest.raises(UsageError, match="RunScorer needs runs"):
        RunScorer()(fitted, np.zeros((3, 2)))


def test_weights_are_routed_by_the_labels_of_runs() -> None:
    carried = with_weights(RUNS, WEIGHTS)
    expected = cross_validate(GLMBaseline(), carried, cv=LeaveOneOut())["test_score"]
    weights = pd.Series(WEIGHTS)[::-1]  # labels count, not places
    with sklearn.config_context(enable_metadata_routing=True):
        model = GLMBaseline().set_fit_request(sample_weight=True)
        model = model.set_score_request(sample_weight=True)
        options = {"params": {"sample_weight": pd.Series(WEIGHTS)}, "error_score": "raise"}
        folds = cross_validate(model, RUNS, cv=LeaveOneOut(), **options)["test_score"]
    np.testing.assert_array_equal(folds, expected)
    by_hand = GLMBaseline().fit(RUNS, sample_weight=weights)
    np.testing.assert_array_equal(
        by_hand.predict(RUNS)[0], GLMBaseline().fit(carried).predict(RUNS)[0]
    )


def test_steps_return_runs_whatever_the_output_that_is_asked_for() -> None:
    steps = make_pipeline(SelectConditions(["a"]), GLMBaseline())
    expected = steps.fit(RUNS).score(RUNS)
    with sklearn.config_context(transform_output="pandas"):
        assert steps.fit(RUNS).score(RUNS) == expected
    assert steps.set_output(transform="default").fit(RUNS).score(RUNS) == expected
    with pytest.raises(UsageError, match=r"set_output\(transform='pandas'\): steps return runs"):
        steps.set_output(transform="pandas")


def test_keys_of_a_model_file_are_parameters() -> None:
    model = DRMRegressor(MODEL, n_epochs=5)
    changed = model.set_params(n_epochs=2, model__populations__V1__tau_s=0.7).model
    assert changed.populations["V1"].options["tau_s"] == 0.7 and model.n_epochs == 2
    before = load_model(MODEL)
    assert changed.populations["V2"] == before.populations["V2"]
    model.set_params(model__projections__1__delay_s=1.5)
    assert model.model.projections[1].delay_s == 1.5
    assert model.model.populations["V1"].options["tau_s"] == 0.7
    nested = Ensemble(DRMRegressor(MODEL)).set_params(estimator__model__name="other")
    assert nested.estimator.model.name == "other"


def test_a_search_over_keys_of_a_model_file() -> None:
    spec = {
        "schema_version": 1,
        "resolution_s": 1.0,
        "stimuli": {"events": {"conditions": ["a", "b"]}},
        "populations": {"V1": {"kind": "leaky", "units": 2, "tau_s": 1.0}},
        "projections": [{"from": "events", "to": "V1"}],
        "readout": {"kind": "bold", "regions": {"V1": ["V1"]}},
    }
    taus = [1.0, 40.0]
    search = GridSearchCV(
        DRMRegressor(spec, n_epochs=1, learning_rate=1e-6),
        {"model__populations__V1__tau_s": taus},
        cv=KFold(3),
        error_score="raise",
    ).fit(RUNS)
    by_hand = []
    for tau in taus:
        stated = {**spec, "populations": {"V1": {**spec["populations"]["V1"], "tau_s": tau}}}
        scores = cross_validate(
            DRMRegressor(stated, n_epochs=1, learning_rate=1e-6), RUNS, cv=KFold(3)
        )["test_score"]
        by_hand.append(scores.mean())
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], by_hand)
    assert by_hand[0] != by_hand[1]
    best = taus[int(np.argmax(by_hand))]
    assert search.best_params_ == {"model__populations__V1__tau_s": best}


@pytest.mark.parametrize(
    ("model", "key", "error", "message"),
    [
        (None, "populations__V1__units", UsageError, "no model file is given; .*default_model"),
        (len, "populations__V1__units", UsageError, "a net made by hand has no keys"),
        (MODEL, "projections__9__delay_s", UsageError, r"give a number from 0 to 2, got '9'"),
        (MODEL, "resolution_s__x", UsageError, "'resolution_s' is a value, not a part"),
        (MODEL, "resolution", ModelError, "did you mean 'resolution_s'"),
        (MODEL, "populations__V1__tau", ModelError, "tau"),
    ],
)
def test_keys_that_are_not_there_are_named(model, key, error, message) -> None:
    with pytest.raises(error, match=message):
        DRMRegressor(model).set_params(**{f"model__{key}": 1})
