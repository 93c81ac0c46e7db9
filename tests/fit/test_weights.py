"""Weights of measured elements: what they mean is the same for every estimator and score."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score, cross_validate

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.statistics.ceiling import noise_ceiling
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.choices import choice_stream
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.classifier import DRMClassifier
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.ensemble import Ensemble
from drmbids.fit.estimators.responses import PCAResponses, TransformedResponses

MODELS = {
    "glm": GLMBaseline(),
    "ar": ARBaseline(order=2),
    "ridge": RidgeBaseline(delays=(2.0, 4.0, 6.0)),
    "gcv": RidgeBaseline(delays=(2.0, 4.0, 6.0), cv="gcv"),
    "library": HRFLibrary(),
    "mean": MeanBaseline(),
    "components": TransformedResponses(GLMBaseline(), PCAResponses()),
    "drm": DRMRegressor(n_epochs=1, random_state=0),
    "ensemble": Ensemble(DRMRegressor(n_epochs=1), n_members=2),
}
TIMES = 2.0 * np.arange(60)
every = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def make_run(k: int, n_targets: int = 2) -> Run:
    rng = np.random.default_rng(k)
    onsets = np.arange(6.0, 100.0, 16.0) + 4.0 * rng.random()
    events = Events(onsets, np.full(len(onsets), 6.0), [("a", "b")[i % 2] for i in range(6)])
    bare = Run({"V1": Stream(np.zeros((60, 1)), TIMES)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    signal = np.random.default_rng(9).normal(size=(2, n_targets))
    values = 2.0 * design @ signal + 0.5 * rng.normal(size=(60, n_targets))
    return replace(
        bare,
        responses={"V1": Stream(values + 0.02 * TIMES[:, None], TIMES)},
        entities={"run": str(k)},
    )


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(3)]


def spoilt(runs: list[Run]) -> tuple[list[Run], list[np.ndarray]]:
    """Return runs with volumes that are no data at all, and weights of zero for these."""
    bad, weights = [], []
    for k, run in enumerate(runs):
        rows = np.random.default_rng(k).choice(60, 8, replace=False)
        values = np.array(run.responses["V1"].values)
        values[rows] = 1e4 * (1 + k)
        bad.append(replace(run, responses={"V1": Stream(values, TIMES)}))
        weights.append(np.where(np.isin(np.arange(60), rows), 0.0, 1.0))
    return bad, weights


@every
def test_what_weighs_nothing_is_missing_and_what_weighs_alike_changes_nothing(runs, model):
    bad, weights = spoilt(runs)
    zero = with_weights(bad, [3.0 * w for w in weights])
    missing = []
    for run, w in zip(bad, weights, strict=True):
        values = np.where(w[:, None] > 0, run.responses["V1"].values, np.nan)
        missing.append(replace(run, responses={"V1": Stream(values, TIMES)}))
    first, second = (clone(model).fit(some[:2]) for some in (zero, missing))
    for one, other in zip(first.predict(runs), second.predict(runs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    assert first.score(zero[2:]) == pytest.approx(second.score(missing[2:]), abs=1e-4)


@pytest.mark.parametrize("name", ["ar", "ridge", "mean", "drm"])
def test_cross_validation_takes_weights_along(runs, name):
    """They are in the runs, so no fold can get those of another run."""
    model, (bad, weights) = MODELS[name], spoilt(runs)
    scores = cross_val_score(clone(model), with_weights(bad, weights), cv=LeaveOneOut())
    by_hand = []
    weighted = with_weights(bad, weights)
    for k in range(3):
        fitted = clone(model).fit([weighted[j] for j in range(3) if j != k])
        by_hand.append(fitted.score([weighted[k]]))
    np.testing.assert_allclose(scores, by_hand, rtol=1e-6)
    table = compare_models({"it": clone(model)}, weighted).table
    np.testing.assert_allclose(table.groupby("fold")["r2"].mean(), scores, rtol=1e-4, atol=1e-6)


def test_a_grid_search_chooses_by_weighted_scores(runs):
    weighted = with_weights(*spoilt(runs))
    search = GridSearchCV(GLMBaseline(), {"hrf_model": ["spm", "glover"]}, cv=LeaveOneOut())
    by_hand = [
        cross_val_score(GLMBaseline(hrf), weighted, cv=LeaveOneOut()).mean()
        for hrf in ("spm", "glover")
    ]
    np.testing.assert_allclose(search.fit(weighted).cv_results_["mean_test_score"], by_hand)
    assert min(by_hand) > 0.0  # what weighs nothing would spoil them all


def test_a_list_of_weights_of_another_length_is_refused(runs):
    """Trap: scikit-learn hands such a list whole to every fold, where its length may fit by chance.

    Two arrays for three runs reach each fold of two training runs as two: of the wrong runs.
    """
    two = [np.ones(60), np.zeros(60)]
    for weights in (two, [*two, np.ones(60)]):
        with pytest.raises(UsageError, match="must name them"):
            cross_validate(
                GLMBaseline(), runs, params={"sample_weight": weights}, cv=LeaveOneOut(),
                error_score="raise",
            )  # fmt: skip
    named = {run.label: np.ones(60) for run in runs[:2]}
    with pytest.raises(DataError, match="run-2: no weights of this run; there are"):
        GLMBaseline().fit(runs, sample_weight=named)
    with pytest.raises(DataError, match="2 arrays of weights for 3 runs"):
        with_weights(runs, two)


def test_weights_by_name_are_those_of_the_runs(runs):
    weights = [np.random.default_rng(k).exponential(size=60) for k in range(3)]
    named = dict(zip((run.label for run in runs), weights, strict=True))
    carried = with_weights(runs, weights)
    one, other = GLMBaseline().fit(runs, sample_weight=named), GLMBaseline().fit(carried)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    assert one.score(runs, sample_weight=named) == other.score(carried) != other.score(runs)


def free_nuisance(model: GLMBaseline, runs: list[Run]) -> np.ndarray:
    """Return regressors and, for each run, columns of its drift."""
    drifts = np.zeros((60 * len(runs), 3 * len(runs)))
    for k in range(len(runs)):
        drifts[60 * k : 60 * (k + 1), 3 * k : 3 * k + 3] = Nuisance().drifts(TIMES)
    designs = np.concatenate([model.design_matrix(run) for run in runs])
    return np.column_stack([designs, drifts])


def test_weights_are_those_of_scikit_learn(runs):
    weights = [np.random.default_rng(k).exponential(size=(60, 2)) for k in range(3)]
    model = GLMBaseline().fit(with_weights(runs, weights))
    design = free_nuisance(model, runs)
    y = np.concatenate([run.responses["V1"].values for run in runs])
    for k in range(2):
        w = np.concatenate(weights)[:, k]
        wanted = LinearRegression(fit_intercept=False).fit(design, y[:, k], sample_weight=w)
        np.testing.assert_allclose(model.coef_[k], wanted.coef_[:2], rtol=1e-8)


def test_weighted_ridge_is_that_of_scikit_learn():
    """One run with an intercept alone: the penalty is in units of what is standardised."""
    run, w = make_run(0), np.random.default_rng(0).exponential(size=60)
    model = RidgeBaseline(delays=(2.0, 4.0), alphas=[0.2], nuisance=Nuisance("none"))
    model.fit(with_weights([run], [w]))
    x, y = model.design_matrix(run).to_numpy(), run.responses["V1"].values
    centred = x - np.average(x, 0, w)
    spread = np.sqrt(np.average(centred**2, 0, w))
    ridge = Ridge(alpha=0.2 * (60 - 1) * w.mean(), solver="cholesky")
    wanted = ridge.fit(x / spread, y, sample_weight=w).coef_ / spread
    np.testing.assert_allclose(model.coef_, wanted, rtol=1e-8)


def test_a_weight_of_two_counts_like_two_copies():
    """Rows of a time course cannot be repeated, but whole runs can."""
    first, second = make_run(0), make_run(1)
    copy = replace(second, entities={"run": "again"})
    weighted = with_weights([first, second], [np.ones(60), np.full(60, 2.0)])
    for model in (GLMBaseline(), MeanBaseline()):
        one, other = clone(model).fit(weighted), clone(model).fit([first, second, copy])
        np.testing.assert_allclose(one.predict([first])[0], other.predict([first])[0], rtol=1e-9)


def test_known_precision_brings_weights_nearer_to_the_truth():
    rng, errors = np.random.default_rng(0), []
    run = make_run(0, n_targets=200)
    design = GLMBaseline().fit([run]).design_matrix(run).to_numpy()
    sizes = np.where(np.arange(60) % 3 == 0, 4.0, 0.5)
    values = design @ np.ones((2, 200)) + sizes[:, None] * rng.normal(size=(60, 200))
    noisy = replace(run, responses={"V1": Stream(values, TIMES)})
    for some in ([noisy], with_weights([noisy], [sizes**-2])):
        errors.append(((GLMBaseline().fit(some).coef_ - 1.0) ** 2).mean())
    assert errors[1] < 0.2 * errors[0]


def test_prewhitening_starts_from_weighted_noise():
    rho, rng = 0.6, np.random.default_rng(0)
    run = make_run(0, n_targets=200)
    sizes = np.where(np.arange(60) % 4 == 0, 5.0, 1.0)
    noise = lfilter([1.0], [1.0, -rho], rng.normal(size=(160, 200)), axis=0)[100:]
    noisy = replace(run, responses={"V1": Stream(sizes[:, None] * noise, TIMES)})
    plain = ARBaseline().fit([noisy]).autoregression_.mean()
    weighted = ARBaseline().fit(with_weights([noisy], [sizes**-2])).autoregression_.mean()
    # what is lost to six fitted columns biases both
    assert plain < 0.3
    assert 0.4 < weighted < rho


def test_rows_take_sample_weight_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(80, 2)), rng.exponential(size=80)
    y = x @ [1.0, -2.0] + rng.normal(size=80)
    model = RidgeBaseline(delays=(0.0,), alphas=[1e-9]).fit(x, y, sample_weight=w)
    predicted = model.predict(x)
    assert model.score(x, y, sample_weight=w) == r2_score(y, predicted, sample_weight=w)
    assert np.average(y - predicted, weights=w) == pytest.approx(0.0, abs=1e-12)
    assert not np.allclose(predicted, clone(model).fit(x, y).predict(x), atol=1e-3)


def test_choices_count_by_their_weights():
    rng = np.random.default_rng(0)
    onsets = np.arange(1.0, 61.0)
    shown = rng.choice(["left", "right"], 60)
    wrong = rng.random(60) < 0.4
    chosen = np.where(wrong, np.where(shown == "left", "right", "left"), shown)
    run = Run(
        {"choice": choice_stream(onsets + 0.6, chosen)},
        {"events": Events(onsets, np.full(60, 0.4), shown)},
        duration=63.0,
        entities={"run": "1"},
    )
    (weighted,) = with_weights([run], [np.where(wrong, 9.0, 1.0)])
    plain, against = (DRMClassifier(n_epochs=40).fit([r]) for r in (run, weighted))
    assert plain.score([run]) > 0.6
    # nine times as much weight on the wrong ones, and the model learns these
    assert against.score([run]) < 0.4
    hit = against.predict([run])[0] == chosen
    heavy = np.where(wrong, 9.0, 1.0)
    assert against.score([weighted]) == pytest.approx(np.average(hit, weights=heavy))


def test_permutations_of_weighted_runs_start_from_the_weighted_score(runs):
    weights = [np.random.default_rng(k).exponential(size=(60, 2)) for k in range(3)]
    results = compare_models({"glm": GLMBaseline()}, with_weights(runs, weights))
    found = permutation_test(results, with_weights(runs, weights), 49)
    assert len(found) == 2
    with pytest.raises(UsageError, match="do not follow from these runs"):
        permutation_test(results, runs, 49)  # which lack the weights
    refitted = permutation_test(
        results, with_weights(runs, weights), 5, refit={"glm": GLMBaseline()}
    )
    np.testing.assert_allclose(refitted["r"], found["r"], rtol=1e-6)


def test_ceilings_of_weighted_runs_and_weights_of_targets_in_components_are_refused(runs):
    weighted = with_weights(runs, [np.ones((60, 2))] * 3)
    with pytest.raises(DataError, match="run-0: noise ceilings take no weights"):
        noise_ceiling(weighted, by=["film"] * 3)
    with pytest.raises(DataError, match="run-0: components of all targets need one weight"):
        MODELS["components"].fit(weighted)
