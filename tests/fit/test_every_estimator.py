"""What holds for every estimator over runs: the traps of scikit-learn with runs as samples."""

import inspect
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneOut,
    cross_val_predict,
    cross_validate,
    permutation_test_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import check_estimator

import drmbids
from drmbids.data.runs.choices import choice_stream
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.library import HRFLibrary
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.classifier import DRMClassifier
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.ensemble import Ensemble
from drmbids.fit.estimators.log_odds import LogOdds
from drmbids.fit.estimators.responses import PCAResponses, SelectResponses, TransformedResponses
from drmbids.fit.estimators.transformers import (
    PCAStimuli,
    RunTransformer,
    ScaleStimuli,
    SelectConditions,
    SelectStimuli,
)
from drmbids.fit.rest.whole_brain import WholeBrain
from drmbids.maths.metrics.scores import score_run
from drmbids.testing import expected_failed_checks

ESTIMATORS = {
    "glm": GLMBaseline(),
    "glm-ar1": ARBaseline(),
    "ridge": RidgeBaseline(delays=(2.0, 4.0, 6.0, 8.0, 10.0)),
    "banded": RidgeBaseline(
        kernels="spm",
        edges=True,
        common=True,
        banded=True,
        n_weightings=4,
        alphas=(1e-2, 1.0, 1e2),
        random_state=0,
    ),
    "library": HRFLibrary(alphas=(1e-2, 1.0)),
    "mean": MeanBaseline(),
    "components": TransformedResponses(GLMBaseline(), PCAResponses()),
    "drm": DRMRegressor(n_epochs=1, random_state=0),
    "ensemble": Ensemble(DRMRegressor(n_epochs=1, alphas=(1e-3, 1.0)), n_members=2),
}
LENGTHS = (60, 75, 50, 64)

every = pytest.mark.parametrize("model", ESTIMATORS.values(), ids=ESTIMATORS)


def make_run(k: int, n_times: int) -> Run:
    """Return a run of its own length and condition order, on a drift of its own."""
    rng = np.random.default_rng(k)
    times = 2.0 * np.arange(n_times)
    onsets = np.arange(6.0, times[-1] - 20, 24.0)
    shown = [("a", "b")[(i + k) % 2] for i in range(len(onsets))]
    events = Events(onsets, np.full(len(onsets), 6.0), shown)
    bare = Run({"V1": Stream(np.zeros((n_times, 3)), times)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare)[["a", "b"]].to_numpy()
    signal = design @ [[3.0, 1.0, 4.0], [2.0, 2.0, 3.0]]
    values = signal + 0.2 * rng.normal(size=signal.shape) + rng.normal(size=3) * times[:, None]
    values[rng.integers(n_times, size=3), 1] = np.nan
    entities = {"subject": "1", "run": str(k)}
    return Run({"V1": Stream(values, times)}, {"events": events}, tr=2.0, entities=entities)


def scrubbed(run: Run, n_left: int) -> Run:
    """Return the run with so many volumes left."""
    values = run.responses["V1"].values.copy()
    values[n_left:] = np.nan
    return replace(run, responses={"V1": Stream(values, run.measured_times())})


def blanked(run: Run) -> Run:
    """Return the run with nothing measured."""
    times = run.measured_times()
    nothing = Stream(np.full((len(times), 3), np.nan), times)
    return Run({"V1": nothing}, run.stimuli, tr=2.0, entities=run.entities)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, n) for k, n in enumerate(LENGTHS)]


@pytest.fixture(scope="module")
def fit_to_three(runs: list[Run]) -> Callable[[RunEstimator], RunEstimator]:
    """Return a function that gives a model fitted to the first three runs, made once."""

    @cache
    def fitted(name: str) -> RunEstimator:
        return clone(ESTIMATORS[name]).fit(runs[:3])

    return lambda model: fitted(next(name for name, m in ESTIMATORS.items() if m is model))


def test_none_is_forgotten():
    found = set()
    for module in walk_packages(drmbids.__path__, "drmbids."):
        if module.name == "drmbids.__main__":
            continue
        for thing in vars(import_module(module.name)).values():
            if inspect.isclass(thing) and issubclass(thing, RunEstimator):
                found.add(thing)
    found = {t for t in found if not (inspect.isabstract(t) or t.__name__.startswith("_"))}
    found.remove(LogOdds)  # within DRMClassifier, for runs alone
    assert found == {type(model) for model in ESTIMATORS.values()}


@every
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:.*too few volumes to say what dynamics")
def test_scikit_learn_accepts_it(model):
    expected = expected_failed_checks(model)
    results = check_estimator(model, expected_failed_checks=expected, on_skip=None, on_fail="raise")
    assert {r["check_name"] for r in results if r["status"] == "xfail"} == set(expected)
    # one that is skipped needs an environment of its own (SCIPY_ARRAY_API) and passes there
    assert sum(r["status"] in ("passed", "skipped") for r in results) >= 57
    assert len(results) >= 60 and len(expected) == 3


#: Public estimators that take runs alone.
ON_RUNS = (
    DRMClassifier(),
    WholeBrain(),
    SelectConditions(["a"]),
    SelectStimuli(["events"]),
    SelectResponses(["V1"]),
    ScaleStimuli(),
    PCAStimuli("film"),
    PCAResponses(),
)


def test_no_public_estimator_is_undeclared():
    public = {getattr(drmbids, name) for name in drmbids.__all__}
    found = {c for c in public if inspect.isclass(c) and issubclass(c, BaseEstimator)}
    assert {type(model) for model in (*ESTIMATORS.values(), *ON_RUNS)} == found - {RunTransformer}


@pytest.mark.parametrize("model", ON_RUNS, ids=lambda model: type(model).__name__)
def test_what_takes_runs_alone_declares_it_and_passes_all_checks_without_rows(model):
    tags = get_tags(model)
    assert not tags.input_tags.two_d_array and tags.no_validation and not tags.target_tags.required
    assert expected_failed_checks(model) == {}
    with pytest.warns(SkipTestWarning, match="which requires input"):
        results = check_estimator(model, on_skip=None, on_fail="raise")
    assert [r["status"] for r in results] == ["passed"]
    name = type(model).__name__
    for check in (
        estimator_checks.check_estimator_repr,
        estimator_checks.check_no_attributes_set_in_init,
        estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
        estimator_checks.check_get_params_invariance,
        estimator_checks.check_set_params,
        estimator_checks.check_parameters_default_constructible,
        estimator_checks.check_mixin_order,
        estimator_checks.check_valid_tag_types,
        estimator_checks.check_estimator_tags_renamed,
    ):
        check(name, clone(model))
    with pytest.raises(UsageError, match=r"runs"):
        model.fit(np.zeros((5, 2)))


@every
def test_cross_validation_leaves_whole_runs_out(runs, model):
    runs = runs[:3]
    found = cross_validate(model, runs, cv=LeaveOneOut(), error_score="raise")["test_score"]
    expected = [
        clone(model).fit(runs[:k] + runs[k + 1 :]).score(runs[k : k + 1]) for k in range(len(runs))
    ]
    np.testing.assert_allclose(found, expected)
    assert found.min() > 0.3


@every
def test_a_run_predicts_the_same_alone_as_after_others(runs, model, fit_to_three):
    """So no delay, response or state reaches across the border of a run."""
    fitted = fit_to_three(model)
    together = fitted.predict(runs)
    for run, series in zip(runs, together, strict=True):
        np.testing.assert_allclose(fitted.predict([run])[0], series, rtol=1e-4, atol=1e-5)


@every
def test_no_prediction_looks_at_what_was_measured(runs, model, fit_to_three):
    fitted = fit_to_three(model)
    seen, unseen = fitted.predict([runs[3], blanked(runs[3])])
    np.testing.assert_allclose(seen, unseen, rtol=1e-6)
    assert np.isfinite(unseen).all()


@every
def test_predictions_are_a_one_dimensional_object_array(runs, model):
    predicted = cross_val_predict(clone(model), runs, cv=KFold(2))
    assert predicted.shape == (len(runs),) and predicted.dtype == object
    assert [series.shape for series in predicted] == [(n, 3) for n in LENGTHS]


@every
def test_a_search_inside_cross_validation(runs, model):
    grid = {"nuisance": [Nuisance(order=0), Nuisance(order=2)]}
    if isinstance(model, DRMRegressor):
        grid = {"alphas": [(1e-3,), (1.0,)]}
    if isinstance(model, Ensemble):
        grid = {"estimator__alphas": [(1e-3,), (1.0,)]}
    search = GridSearchCV(clone(model), grid, cv=KFold(2), error_score="raise")
    found = cross_validate(search, runs, cv=KFold(2), return_estimator=True, error_score="raise")
    assert np.isfinite(found["test_score"]).all()
    for search in found["estimator"]:
        best = search.best_estimator_.get_params()
        assert search.best_params_ == {k: v for k, v in best.items() if k in grid}


@every
def test_a_dummy_y_is_refused_as_it_would_be_permuted_in_vain(runs, model):
    with pytest.raises(UsageError, match="leave y out"):
        permutation_test_score(clone(model), runs, np.arange(4), cv=KFold(2), n_permutations=2)


@every
def test_a_copy_has_the_parameters_and_nothing_learnt(runs, model):
    copy = clone(clone(model).fit(runs[:2]))
    assert repr(copy.get_params()) == repr(model.get_params())
    with pytest.raises(NotFittedError):
        copy.predict(runs)


@every
def test_a_second_fit_forgets_the_first(runs, model):
    twice = clone(model).fit(runs[:2]).fit(runs[2:])
    np.testing.assert_allclose(
        twice.predict(runs)[0], clone(model).fit(runs[2:]).predict(runs)[0], rtol=1e-6
    )


@every
def test_it_can_be_sent_to_another_process(runs, model, fit_to_three):
    fitted = fit_to_three(model)
    sent = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(sent.predict(runs)[3], fitted.predict(runs)[3])
    assert sent.score(runs[3:]) == fitted.score(runs[3:])
    assert repr(sent.get_params()) == repr(model.get_params())


@every
def test_a_list_of_weights_beside_runs_is_refused(runs, model):
    """Where lists beside X are of another length, scikit-learn hands all of them to every fold."""
    with pytest.raises(UsageError, match="sample_weight beside runs must name them"):
        cross_validate(
            clone(model), runs, params={"sample_weight": [1, 2, 3]}, error_score="raise", cv=2
        )


@every
def test_a_run_may_not_lack_targets_that_others_have(runs, model):
    times = runs[0].measured_times()
    narrow = replace(runs[0], responses={"V1": Stream(np.zeros((len(times), 2)), times)})
    with pytest.raises(DataError, match=r"run-0: regions \(targets\) {'V1': 2} differ"):
        clone(model).fit([runs[1], narrow])
    with pytest.raises(DataError, match="has 2 targets, expected 3"):
        clone(model).fit(runs[1:]).score([narrow])


@every
def test_targets_that_are_constant_or_never_measured_harm_no_other(runs, model, fit_to_three):
    def spoilt(run: Run) -> Run:
        values = run.responses["V1"].values.copy()
        values[:, 1] = 7.0
        dead = np.full((len(values), 1), np.nan)
        stream = Stream(np.hstack([values, dead]), run.measured_times())
        return replace(run, responses={"V1": stream})

    bad = [spoilt(run) for run in runs]
    if isinstance(model, TransformedResponses):
        missing = pytest.raises(DataError, match="target 3 of 'V1' is missing most often")
        with pytest.warns(DataWarning, match="1 of 4 targets are missing throughout"), missing:
            clone(model).fit(bad)
        return
    with pytest.warns(DataWarning, match="1 of 4 targets are missing throughout"):
        fitted = clone(model).fit(bad[:3])
    good = fit_to_three(model)
    found, expected = fitted.predict(bad[3:])[0], good.predict(runs[3:])[0]
    table = score_run(bad[3], found, {"V1": 4}, Nuisance())
    assert table["r2"].isna().tolist() == [False, True, False, True]
    if not isinstance(model, DRMRegressor | Ensemble):  # whose activity all targets shape
        np.testing.assert_allclose(found[:, [0, 2]], expected[:, [0, 2]], rtol=1e-6)
    assert table["r2"].min() > 0.3
    assert fitted.score(bad[3:]) == pytest.approx(table["r2"].mean())


@every
def test_responses_that_confounds_explain_are_not_scored(runs, model):
    explained = []
    for k, run in enumerate(runs):
        times = run.measured_times()
        confounds = np.random.default_rng(k).normal(size=(len(times), 3))
        values = confounds @ [[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 3.0]]
        responses = {"V1": Stream(values, times)}
        explained.append(replace(run, responses=responses, confounds=Stream(confounds, times)))
    fitted = clone(model).fit(explained[:3])
    with pytest.raises(DataError, match=r"run-3: nothing to score, .* explained by drift and conf"):
        fitted.score(explained[3:])


@every
def test_confounds_that_leave_nothing_are_refused(runs, model):
    many = np.random.default_rng(0).normal(size=(LENGTHS[0], 70))
    full = replace(runs[0], confounds=Stream(many, runs[0].measured_times()))
    with pytest.raises(DataError, match=r"run-0: .* leave nothing of 60 volumes; use fewer"):
        clone(model).fit([full])


@pytest.mark.parametrize("name", ["glm", "ridge", "drm"])
def test_it_ends_a_pipeline_in_nested_cross_validation(runs, name):
    """Steps, search and folds see training runs alone, and change nothing by themselves."""
    model = ESTIMATORS[name]
    steps = make_pipeline(SelectConditions(["a", "b"]), clone(model))
    inner = GridSearchCV(steps, {"selectconditions__names": [["a", "b"], ["a"]]}, cv=KFold(2))
    found = cross_validate(inner, runs[:3], cv=KFold(3), return_estimator=True, error_score="raise")
    for k, search in enumerate(found["estimator"]):
        if search.best_params_["selectconditions__names"] == ["a", "b"]:
            alone = clone(model).fit([run for j, run in enumerate(runs[:3]) if j != k])
            assert search.score([runs[k]]) == pytest.approx(alone.score([runs[k]]), abs=1e-5)


def test_choices_are_searched_in_nested_cross_validation():
    onsets = np.arange(1.0, 21.0)
    choices = []
    for k in range(4):
        shown = np.random.default_rng(k).choice(["left", "right"], 20)
        choices.append(
            Run(
                {"choice": choice_stream(onsets + 0.6, shown)},
                {"events": Events(onsets, np.full(20, 0.4), shown)},
                duration=23.0,
                entities={"run": str(k)},
            )
        )
    search = GridSearchCV(
        DRMClassifier(n_epochs=20),
        {"learning_rate": [1e-6, 0.05]},
        cv=KFold(2),
        error_score="raise",
    )
    scores = cross_validate(search, choices, cv=KFold(2), error_score="raise")["test_score"]
    assert scores.min() > 0.9


@every
def test_a_run_with_fewer_volumes_than_nuisance_columns_is_left_out_with_a_line(model):
    runs = [make_run(k, n) for k, n in enumerate(LENGTHS)]
    with pytest.warns(DataWarning, match="run left out: sub-1_run-1: 3 drift and confound") as told:
        found = clone(model).fit([runs[0], scrubbed(runs[1], 4), runs[2]]).predict(runs[3:])[0]
    assert {str(w.message) for w in told} == {str(told[0].message)}
    np.testing.assert_allclose(found, clone(model).fit([runs[0], runs[2]]).predict(runs[3:])[0])
    with pytest.raises(DataError, match="sub-1_run-0: 3 drift and confound columns leave nothing"):
        clone(model).fit([scrubbed(runs[0], 3)])
