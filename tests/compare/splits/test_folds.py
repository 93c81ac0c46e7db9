"""Results know their folds, so that the corrected test needs no assumption about them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.splits.stimulus_folds import StimulusFolds
from drmbids.compare.statistics.paired import corrected_t, paired_differences
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import FOLD_COLUMNS, Results
from drmbids.data.runs.stream import Events
from drmbids.data.tools.exceptions import DataError

# Differences of ROC AUC, RBF against linear kernel, in scikit-learn's example "Statistical
# comparison of models using grid search" (10 x 10 folds of 90 training and 10 test samples), with
# how often each occurs; the example prints a corrected t of 0.750 and a one-sided p of 0.227.
KERNELS = {-0.12: 1, -0.08: 2, -0.04: 10, 0.0: 53, 0.04: 29, 0.08: 4, 0.2: 1}


def test_the_corrected_test_is_that_of_the_example_of_scikit_learn():
    differences = np.repeat([*KERNELS], [*KERNELS.values()])
    assert len(differences) == 100
    _, t, p = corrected_t(differences, test_train_ratio=10 / 90)
    assert t == pytest.approx(0.750, abs=5e-4)
    assert p / 2 == pytest.approx(0.227, abs=5e-4)


def test_results_hold_who_was_trained_on_and_tested(make_runs, ridge):
    runs = make_runs(4, 0, np.full((2, 4), 0.3))
    results = compare_models({"m": ridge()}, runs, cv=[([0, 1, 2], [3]), ([3, 2], [0, 1])])
    assert tuple(results.folds) == FOLD_COLUMNS
    first = results.folds[results.folds["fold"] == "run-3"]
    assert first[["run", "part"]].values.tolist() == [
        ["run-0", "train"], ["run-1", "train"], ["run-2", "train"], ["run-3", "test"],
    ]  # fmt: skip
    assert (results.folds["n_measured"] == 80).all()
    assert results.nuisance == Nuisance()


@pytest.mark.parametrize(
    ("cv", "ratio"), [("run", 1 / 3), (2, 1.0), ([([0, 1], [2]), ([0, 1], [3])], 1 / 2)]
)
def test_the_ratio_of_volumes_is_taken_from_the_folds(make_runs, ridge, cv, ratio):
    runs = make_runs(4, 0, np.full((2, 8), 0.3))
    results = compare_models({"a": ridge(), "b": ridge(alpha=50.0)}, runs, cv=cv)
    found = paired_differences(results, "b")
    pd.testing.assert_frame_equal(found, paired_differences(results, "b", test_train_ratio=ratio))
    read = Results(results.table)
    k = len(results.table["fold"].unique())
    default = paired_differences(read, "b", test_train_ratio=1 / (k - 1))
    pd.testing.assert_frame_equal(paired_differences(read, "b"), default)


def test_runs_of_different_length_count_by_their_volumes(make_runs, ridge):
    weights = np.full((2, 4), 0.3)
    runs = [*make_runs(2, 0, weights), *make_runs(1, 1, weights, n_times=160)]
    runs = [
        type(run)(run.responses, run.stimuli, tr=run.tr, entities={"run": str(k)})
        for k, run in enumerate(runs)
    ]
    models = {"a": ridge(), "b": ridge(alpha=50.0)}
    one = compare_models(models, runs, cv=[([0, 2], [1]), ([1, 2], [0])])
    expected = paired_differences(one, "b", test_train_ratio=160 / 480)
    pd.testing.assert_frame_equal(paired_differences(one, "b"), expected)


def test_one_run_is_enough_where_the_folds_are_stimuli(make_runs, ridge):
    (run,) = make_runs(1, 0, np.full((2, 4), 0.3))
    onsets, names = [10.0, 80.0], ["cat", "dog"]
    run = replace(run, stimuli={**run.stimuli, "events": Events(onsets, [4.0] * 2, names)})
    cv = StimulusFolds(reach=10.0)
    assert [fold.label for fold in make_folds([run], cv)] == names
    results = compare_models({"m": ridge()}, [run], cv=cv)
    assert results.table["fold"].unique().tolist() == names
    for other in ("run", 2):
        with pytest.raises(DataError, match="run"):
            make_folds([run], other)
