"""Runs as scikit-learn samples: every way scikit-learn handles X, and the traps on the way."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    cross_val_predict,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.contents import find_regions
from drmbids.maths.metrics.scores import score_run

LENGTHS = (60, 75, 50, 90, 64)


def make_run(k: int, n_times: int, missing: bool = False) -> Run:
    """Return a run of its own length, driven by two conditions, on a drift of its own."""
    rng = np.random.default_rng(k)
    times = 2.0 * np.arange(n_times)
    onsets = np.arange(4.0, times[-1] - 20, 24.0) + rng.uniform(0, 8)
    events = Events(
        onsets, np.full(len(onsets), 6.0), [("a", "b")[i % 2] for i in range(len(onsets))]
    )
    bare = Run({"V1": Stream(np.zeros((n_times, 3)), times)}, {"events": events}, tr=2.0)
    model = GLMBaseline().fit([bare])
    signal = model.design_matrix(bare).to_numpy() @ [[3.0, 1.0, 0.0], [-1.0, 2.0, 3.0]]
    values = signal + 0.2 * rng.normal(size=signal.shape) + rng.normal(size=3) * times[:, None]
    if missing:
        values[rng.random(values.shape) < 0.2] = np.nan
    entities = {"subject": str(k // 2), "run": str(k)}
    return Run({"V1": Stream(values, times)}, {"events": events}, tr=2.0, entities=entities)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, n, missing=k == 1) for k, n in enumerate(LENGTHS)]


def test_cross_validate_leaves_whole_runs_out(runs):
    found = cross_validate(GLMBaseline(), runs, cv=LeaveOneOut(), error_score="raise")["test_score"]
    expected = [
        GLMBaseline().fit(runs[:k] + runs[k + 1 :]).score(runs[k : k + 1]) for k in range(len(runs))
    ]
    np.testing.assert_allclose(found, expected)
    assert found.min() > 0.8


@pytest.mark.parametrize(
    ("cv", "groups"),
    [(KFold(3, shuffle=True, random_state=0), None), (GroupKFold(3), [0, 0, 1, 1, 2])],
)
def test_other_splitters(runs, cv, groups):
    scores = cross_validate(GLMBaseline(), runs, cv=cv, groups=groups, error_score="raise")
    assert scores["test_score"].min() > 0.8


def test_nested_search_over_parameters(runs):
    grid = {
        "hrf_model": ["glover", "spm + derivative"],
        "nuisance": [Nuisance(order=0), Nuisance()],
    }
    search = GridSearchCV(GLMBaseline(), grid, cv=LeaveOneOut(), error_score="raise")
    scores = cross_validate(search, runs, cv=KFold(2), error_score="raise")["test_score"]
    assert scores.min() > 0.8
    assert search.fit(runs).predict(runs)[2].shape == (50, 3)
    assert search.best_params_["nuisance"].order == 2


def test_a_callable_scorer_and_cross_val_predict(runs):
    def median_r(estimator: RunEstimator, X: list[Run], y: None = None) -> float:
        run, predicted = X[0], estimator.predict(X)[0]
        return score_run(run, predicted, estimator.regions_, Nuisance())["r"].median()

    scores = cross_validate(
        GLMBaseline(), runs, cv=LeaveOneOut(), scoring=median_r, error_score="raise"
    )
    assert scores["test_score"].min() > 0.9
    predicted = cross_val_predict(GLMBaseline(), runs, cv=LeaveOneOut())
    assert [series.shape for series in predicted] == [(n, 3) for n in LENGTHS]


def test_runs_may_come_in_a_list_tuple_or_object_array(runs):
    array = np.empty(len(runs), dtype=object)
    array[:] = runs
    models = [GLMBaseline().fit(container) for container in (runs, tuple(runs), array)]
    for model in models[1:]:
        np.testing.assert_array_equal(model.coef_, models[0].coef_)
        np.testing.assert_array_equal(model.predict(array)[3], models[0].predict(runs)[3])
    assert models[0].score(array) == models[0].score(runs)


def test_predictions_are_a_one_dimensional_object_array_also_of_equal_runs(runs):
    predicted = GLMBaseline().fit(runs).predict([runs[0], runs[0]])
    assert predicted.shape == (2,)
    assert predicted.dtype == object


def test_predict_needs_no_response(runs):
    model = GLMBaseline().fit(runs)
    np.testing.assert_array_equal(
        model.predict([runs[0].without_responses()])[0], model.predict(runs[:1])[0]
    )
    with pytest.raises(DataError, match="no response 'V1'"):
        model.score([runs[0].without_responses()])


def test_clone_copies_parameters_and_nothing_learnt(runs):
    model = GLMBaseline(hrf_model="spm", nuisance=Nuisance(order=1)).fit(runs)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(runs)


def test_a_run_predicts_the_same_alone_as_among_others(runs):
    model = GLMBaseline().fit(runs)
    together = model.predict(runs)
    for k, run in enumerate(runs):
        np.testing.assert_array_equal(model.predict([run])[0], together[k])


def test_score_is_the_mean_over_targets_and_runs(runs):
    model = GLMBaseline(nuisance=Nuisance(order=1)).fit(runs)
    tables = [
        score_run(run, series, {"V1": 3}, Nuisance(order=1))
        for run, series in zip(runs, model.predict(runs), strict=True)
    ]
    assert model.score(runs) == pytest.approx(np.mean([table["r2"] for table in tables]))


def test_y_beside_runs_is_refused_as_it_would_be_permuted_in_vain(runs):
    with pytest.raises(UsageError, match="leave y out"):
        GLMBaseline().fit(runs, np.zeros(len(runs)))
    with pytest.raises(UsageError, match="leave y out"):
        GLMBaseline().fit(runs).score(runs, np.zeros(len(runs)))
    with pytest.raises(UsageError, match="leave y out"):
        permutation_test_score(GLMBaseline(), runs, np.arange(5), cv=KFold(2), n_permutations=2)


def test_what_is_no_list_of_runs_is_refused(runs):
    with pytest.raises(UsageError, match="list of runs"):
        GLMBaseline().fit(runs[0])
    with pytest.raises(UsageError, match="only 1 of 2"):
        GLMBaseline().fit([runs[0], "run"])
    with pytest.raises(ValueError, match="array"):
        GLMBaseline().fit([], [])


def test_runs_must_agree_on_their_regions():
    def run(**sizes: int) -> Run:
        streams = {name: Stream(np.zeros((4, n)), np.arange(4.0)) for name, n in sizes.items()}
        return Run(streams, tr=1.0, duration=4.0, entities={"run": str(len(sizes))})

    assert find_regions([run(a=1, b=2), run(b=2, a=1)]) == {"a": 1, "b": 2}
    with pytest.raises(DataError, match=r"run-2.*differ"):
        find_regions([run(a=1), run(a=1, b=2)])
    with pytest.raises(DataError, match="differ"):
        find_regions([run(a=1), run(a=2)])
    with pytest.raises(DataError, match="no responses"):
        find_regions([run()])


def test_nothing_that_varies_has_no_score(runs):
    flat = Stream(np.ones((60, 3)), runs[0].measured_times())
    run = Run({"V1": flat}, runs[0].stimuli, tr=2.0)
    with pytest.raises(DataError, match="nothing to score"):
        GLMBaseline().fit(runs).score([run])


def test_rows_and_runs_are_not_mixed(runs):
    rows = np.random.default_rng(0).normal(size=(40, 2))
    on_rows = GLMBaseline().fit(rows, rows[:, 0])
    with pytest.raises(UsageError, match="fitted on rows, asked to predict runs"):
        on_rows.predict(runs)
    with pytest.raises(UsageError, match="fitted on runs, asked to predict rows"):
        GLMBaseline().fit(runs).predict(rows)
    assert not hasattr(on_rows.fit(runs), "intercept_")


def test_rows_are_one_run_and_carry_an_intercept():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 2)), 8, axis=0)
    stream = Stream(X, np.arange(240) + 0.5)
    bare = Run({"y": Stream(np.zeros((240, 1)), np.arange(240.0))}, {"X": stream}, tr=1.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare)
    assert design.columns.tolist() == ["X:0", "X:1"]
    y = design.to_numpy() @ [2.0, -1.0] + 100.0
    one, two = GLMBaseline().fit(X, y), GLMBaseline().fit(X, np.column_stack([y, -y]))
    assert one.predict(X).shape == (240,)
    assert two.predict(X).shape == (240, 2)
    np.testing.assert_allclose(one.predict(X), y, rtol=1e-8)
    assert one.score(X, y) == pytest.approx(1.0)
    assert two.score(X, np.column_stack([y, -y])) == pytest.approx(1.0)


def test_curves_and_splits_of_scikit_learn_take_runs(runs):
    train, test = train_test_split(runs, test_size=2, random_state=0)
    assert len(train) == 3 and len(test) == 2 and all(isinstance(run, Run) for run in train)
    sizes, seen, held_out = learning_curve(
        GLMBaseline(), runs, y=None, cv=LeaveOneOut(), train_sizes=[2, 4], error_score="raise"
    )
    assert sizes.tolist() == [2, 4]
    assert seen.shape == held_out.shape == (2, 5)
    _, scores = validation_curve(
        GLMBaseline(), runs, y=None, param_name="hrf_model", param_range=["spm", "glover"],
        cv=KFold(2), error_score="raise",
    )  # fmt: skip
    assert scores.shape == (2, 2) and scores.min() > 0.8


def test_more_folds_than_runs_are_refused(runs):
    with pytest.raises(ValueError, match="n_splits=6 greater than the number of samples"):
        cross_validate(GLMBaseline(), runs, cv=6)
