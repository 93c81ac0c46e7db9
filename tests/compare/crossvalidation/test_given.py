"""What cannot be compared is refused in one line of our own, by every function that compares."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import drmbids as d
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataError, UsageError


def make_run(k: int) -> d.Run:
    rng = np.random.default_rng(k)
    bold = d.Stream(rng.normal(size=(60, 2)), 2.0 * np.arange(60))
    events = d.Events([10.0 + k, 60.0], [20.0, 20.0], ["a", "b"])
    return d.Run({"V1": bold}, {"events": events}, tr=2.0, entities={"run": str(k)})


RUNS = [make_run(k) for k in range(3)]
GLM = {"glm": d.GLMBaseline()}


@pytest.mark.parametrize("runs", [None, 3, RUNS[0], [1, 2], ["a", "b"], {"a": RUNS[0]}])
def test_runs_that_are_none(runs: Any) -> None:
    calls = (
        lambda: d.compare_models(GLM, runs),
        lambda: d.match_targets(runs),
        lambda: d.timing_audit(runs),
        lambda: d.default_model(3 if runs is None else runs),
        lambda: d.repeat_groups(runs),
        lambda: d.noise_ceiling(runs),
    )
    for call in calls:
        with pytest.raises(UsageError, match=r"^runs must be a list of Run, got .*"):
            call()


@pytest.mark.parametrize(
    ("cv", "told"),
    [
        ("loo", "got 'loo'"),
        (2.5, "got 2.5"),
        ([], r"got \[\]"),
        (True, "got True"),
        (d.BlockFolds, "got <class"),
        ([1, 2], r"or a list of pairs \(train, test\), got \[1, 2\]"),
        ([([0], ["x"])], "must be a pair of lists"),
        ([([0], [7])], "there is no run 7, they count from 0 to 2"),
        (np.array([1, 2, 3]), r"got an array of shape \(3,\)"),
        (d.BlockFolds("4"), "n_blocks must be an integer, 2 or more, got '4'"),
        (d.BlockFolds(2.5), "n_blocks must be an integer"),
        (d.BlockFolds(2, "8"), "guard must be a finite number of 0 or more, got '8'"),
        (d.StimulusFolds("2"), "n_folds must be an integer"),
        (d.StimulusFolds(reach="x"), "reach must be a finite number"),
    ],
)
def test_cross_validations_that_are_none(cv: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        d.compare_models(GLM, RUNS, cv=cv)


def test_numbers_of_folds() -> None:
    for cv in (0, 1, 10):
        with pytest.raises(DataError, match=f"cv={cv} is a number of folds, which must be from 2"):
            d.compare_models(GLM, RUNS, cv=cv)
    none, auto = (d.compare_models(GLM, RUNS, cv=cv).table for cv in (None, "auto"))
    pd.testing.assert_frame_equal(none, auto)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"models": [d.GLMBaseline()]}, "models must be a dict"),
        ({"models": d.GLMBaseline()}, "models must be a dict"),
        (
            {"models": {"a": d.GLMBaseline}},
            r"model 'a' is a class: give an object, GLMBaseline\(\)",
        ),
        ({"models": {"a": "glm"}}, "model 'a' must be an estimator"),
        ({"nuisance": "x"}, "nuisance must be a Nuisance, got 'x'"),
        ({"n_models_at_once": "2"}, "n_models_at_once must be an integer, 1 or more, got '2'"),
        ({"n_jobs": "a"}, "n_jobs must be an integer"),
        ({"n_jobs": 0}, "n_jobs must be a number of processes"),
        ({"on_fold": 3}, "on_fold must be a function"),
        ({"units": "folder"}, r"units must be Units\(folder\), got 'folder'"),
    ],
)
def test_arguments_of_comparisons(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        d.compare_models(**{"models": GLM, "runs": RUNS, **arguments})


def test_tables_in_place_of_results() -> None:
    results = d.compare_models({**GLM, "mean": d.MeanBaseline()}, RUNS)
    from_table = d.paired_differences(results.table, "glm", test_train_ratio=0.5)
    pd.testing.assert_frame_equal(from_table, d.paired_differences(results, "glm", 0.5))
    d.summarise_results(results.table, "glm")
    for call in (d.permutation_test, d.comparison_statistics, d.normalised_scores):
        with pytest.raises(UsageError, match="these results have no folds and predictions"):
            call(results.table, RUNS)
    for n in ("10", 10.5, 0):
        with pytest.raises(UsageError, match="n_permutations must be an integer, 1 or more"):
            d.permutation_test(results, RUNS, n)
    with pytest.raises(UsageError, match="random_state must be an integer"):
        d.permutation_test(results, RUNS, 10, random_state="x")
    with pytest.raises(UsageError, match="a score table must be a DataFrame, got 3"):
        Results(3)
    with pytest.raises(UsageError, match=r"needs the columns model, fold.* which it lacks"):
        Results(pd.DataFrame())


@pytest.mark.parametrize(
    ("estimator", "told"),
    [
        (d.GLMBaseline(hrf_model=3), "hrf_model must be a name or functions, got 3"),
        (d.GLMBaseline(nuisance="x"), "nuisance must be a Nuisance"),
        (d.RidgeBaseline(delays="x"), "delays must be a number or numbers, got 'x'"),
        (d.RidgeBaseline(alphas="x"), "alphas must be a number or numbers, got 'x'"),
    ],
)
def test_arguments_of_linear_models(estimator: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        estimator.fit(RUNS)
