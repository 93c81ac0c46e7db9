"""Seven ways in which scikit-learn scores several runs wrongly without a word, and why none works.

Each was seen with rows of several runs, or with lists beside them. Samples here are whole runs,
which carry all that belongs to them.
"""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    permutation_test_score,
)

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.weights import with_weights
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor

LENGTHS = (40, 56, 48, 60)
DELAYED = RidgeBaseline(delays=(2.0, 4.0, 6.0, 8.0))


def make_run(k: int, n_times: int) -> Run:
    """Return a run that ends within a response, so that one that leaked would be seen."""
    rng, times = np.random.default_rng(k), 2.0 * np.arange(n_times)
    onsets = np.append(np.arange(4.0, times[-1] - 20, 18.0), times[-1] - 4)
    events = Events(
        onsets, np.full(len(onsets), 4.0), rng.choice(["a", "b"], len(onsets)), columns=["a", "b"]
    )
    bare = Run({"V1": Stream(np.zeros((n_times, 1)), times)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    values = design @ [[2.0, 0.5], [1.0, 2.0]] + 0.3 * rng.normal(size=(n_times, 2))
    entities = {"subject": str(k // 2), "run": str(k)}
    return replace(bare, responses={"V1": Stream(values, times)}, entities=entities)


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, n) for k, n in enumerate(LENGTHS)]


@pytest.mark.parametrize("model", [DELAYED, DRMRegressor(n_epochs=1)], ids=["ridge", "drm"])
def test_trap_1_nothing_crosses_the_border_of_a_run(runs, model):
    fitted = model.fit(runs[:2])
    behind_another = fitted.predict([runs[3], runs[2]])[1]
    np.testing.assert_allclose(behind_another, fitted.predict([runs[2]])[0], atol=1e-5)
    swapped = model.fit(runs[1::-1]).predict(runs[2:3])[0]
    np.testing.assert_allclose(swapped, behind_another, rtol=1e-3, atol=1e-3)


def test_trap_2_all_that_a_run_needs_reaches_fit_predict_and_score(runs):
    """With metadata routing on or off: predict gets runs, not rows without their run."""
    weighted = with_weights(runs, [np.linspace(0.1, 1.0, n) for n in LENGTHS])
    by_hand = [
        GLMBaseline().fit([*weighted[:k], *weighted[k + 1 :]]).score([weighted[k]])
        for k in range(4)
    ]
    for routed in (False, True):
        with config_context(enable_metadata_routing=routed):
            found = cross_val_score(GLMBaseline(), weighted, cv=LeaveOneOut(), error_score="raise")
            predicted = cross_val_predict(GLMBaseline(), weighted, cv=LeaveOneOut())
        np.testing.assert_allclose(found, by_hand)
        assert [len(series) for series in predicted] == list(LENGTHS)


def test_trap_3_a_shuffled_splitter_cannot_cut_a_run(runs):
    model = GLMBaseline()
    in_turn = cross_val_score(model, runs, cv=LeaveOneOut())
    shuffled = cross_val_score(model, runs, cv=KFold(4, shuffle=True, random_state=0))
    np.testing.assert_allclose(sorted(shuffled), sorted(in_turn))
    subjects = [run.entities["subject"] for run in runs]
    assert len(cross_val_score(model, runs, groups=subjects, cv=GroupKFold(2))) == 2


def test_trap_4_lists_of_another_length_beside_runs_are_refused(runs):
    """Three arrays for four runs would reach each fold of three runs, as those of other runs."""
    with pytest.raises(UsageError, match="sample_weight beside runs must name them"):
        cross_validate(
            GLMBaseline(), runs, cv=LeaveOneOut(), params={"sample_weight": [np.ones(40)] * 3},
            error_score="raise",
        )  # fmt: skip
    with pytest.raises(DataError, match="3 arrays of weights for 4 runs"):
        with_weights(runs, [np.ones(40)] * 3)


def test_trap_5_a_dummy_y_is_refused_as_permuting_it_changes_nothing(runs):
    with pytest.raises(UsageError, match="leave y out"):
        permutation_test_score(GLMBaseline(), runs, np.arange(4), cv=KFold(2), n_permutations=2)


def test_trap_6_runs_come_as_a_list_or_as_an_array_of_objects(runs):
    """A search hands the container to the final fit and lists to the folds."""
    array = np.empty(4, dtype=object)
    array[:] = runs
    grid = {"hrf_model": ["spm", "glover"]}
    found = [
        GridSearchCV(GLMBaseline(), grid, cv=LeaveOneOut(), error_score="raise").fit(some)
        for some in (runs, tuple(runs), array)
    ]
    for search in found[1:]:
        np.testing.assert_array_equal(search.best_estimator_.coef_, found[0].best_estimator_.coef_)
        np.testing.assert_array_equal(search.predict(array)[1], found[0].predict(runs)[1])
    with pytest.raises(UsageError, match="give a list of runs"):
        GLMBaseline().fit(runs[0])


def test_trap_7_measured_series_are_not_spread_over_the_grid_of_the_stimuli(runs):
    """At 0.1 s a grid has 20 ticks for each volume; responses keep their own times."""
    data = DRMIterator.from_runs(runs[:1], resolution=0.1)
    (item,) = data
    assert item["stimulus"][0].shape[0] == 20 * LENGTHS[0]
    assert item["response"].shape == (LENGTHS[0], 1, 2)


def test_more_folds_than_runs_is_an_error(runs):
    with pytest.raises(DataError, match="cv=5 is a number of folds, which must be from 2 to the"):
        compare_models({"glm": GLMBaseline()}, runs, cv=5)
    with pytest.raises(ValueError, match="greater than the number of samples"):
        cross_val_score(GLMBaseline(), runs, cv=KFold(5))
