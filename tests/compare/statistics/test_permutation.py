"""p is uniform without an effect, small with one, and what is moved is what is meant."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, kstest

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.held_out import held_out_series
from drmbids.compare.statistics import moved
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError, UsageError

SPLIT = [([0, 1], [2, 3])]


def null_p(make_runs, model, cv, n_targets=150, n_draws=4, n_features=20, **options) -> np.ndarray:
    """Return the p of targets that no stimulus drives, over several data sets."""
    found = []
    for seed in range(n_draws):
        runs = make_runs(4, seed, np.zeros((n_features, n_targets)))
        results = compare_models({"m": model}, runs, cv=cv)
        found.append(permutation_test(results, runs, random_state=seed, **options)["p"])
    return np.concatenate(found)


def test_without_an_effect_p_is_uniform_in_a_split(make_runs, ridge):
    p = null_p(make_runs, ridge(), SPLIT, n_permutations=499)
    assert kstest(p, "uniform").pvalue > 0.05


def test_without_an_effect_p_is_uniform_in_a_cross_validation(make_runs, ridge):
    p = null_p(make_runs, ridge(alpha=1e3), "run", n_permutations=499, n_features=60)
    assert kstest(p, "uniform").pvalue > 0.05
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(p < 0.01) < 0.02


def test_as_they_are_moved_scores_of_a_cross_validation_find_too_much(
    make_runs, ridge, monkeypatch
):
    monkeypatch.setattr(moved, "spread_of", lambda *folds: lambda scores: scores)
    p = null_p(make_runs, ridge(alpha=1e3), "run", n_permutations=499, n_features=60)
    assert np.mean(p < 0.05) > 0.09
    assert np.mean(p < 0.01) > 0.03


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_few_regressors_keep_the_level_too(make_runs, ridge, n_features):
    p = null_p(make_runs, ridge(), "run", n_permutations=499, n_features=n_features)
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.02)
    assert 0.001 < np.mean(p < 0.01) < 0.02


@pytest.mark.parametrize("cv", ["run", SPLIT], ids=["cross-validation", "split"])
def test_without_an_effect_p_of_models_fitted_again_is_uniform(make_runs, ridge, cv):
    model = ridge(alpha=1e3)
    p = null_p(make_runs, model, cv, 300, n_draws=1, n_permutations=49, refit={"m": model})
    assert kstest(p, "uniform").pvalue > 0.05
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize("refit", [False, True])
def test_runs_exchanged_without_an_effect_find_nothing(make_runs, ridge, refit):
    model, found = ridge(alpha=1e3), []
    for seed in range(2):
        runs = make_runs(5, seed, np.zeros((20, 100)))
        results = compare_models({"m": model}, runs)
        options = {"refit": {"m": model}} if refit else {}
        table = permutation_test(results, runs, 19, "runs", random_state=seed, **options)
        found.append(table["p"])
    assert np.mean(np.concatenate(found) <= 0.05) == pytest.approx(0.05, abs=0.03)


@pytest.mark.parametrize(("scheme", "refit"), [("shift", False), ("shift", True), ("runs", False)])
def test_an_effect_is_found_where_it_is(make_runs, ridge, scheme, refit):
    weights = np.zeros((3, 60))
    weights[:, ::6] = 0.5
    runs = make_runs(4 if refit else 6, 0, weights)
    models = {"m": ridge()}
    results = compare_models(models, runs)
    refit = models if refit else None
    table = permutation_test(results, runs, 39 if refit else 999, scheme, refit)
    driven = np.arange(60) % 6 == 0
    assert (table.loc[driven, "p_fwe"] <= 0.05).mean() > 0.8
    assert (table.loc[~driven, "p_fwe"] <= 0.05).sum() <= 2
    # the smallest p of 39 permutations, times 6, as a sixth of the targets are driven
    assert (table.loc[driven, "p_fdr"] <= (0.16 if refit else 0.05)).mean() > 0.8
    assert table["region"].tolist() == ["V1"] * 30 + ["V2"] * 30


def test_the_largest_score_controls_the_family_wise_error(make_runs, ridge):
    found = []
    for seed in range(60):
        runs = make_runs(3, seed, np.zeros((5, 20)), n_times=60)
        results = compare_models({"m": ridge()}, runs, cv=[([0, 1], [2])])
        found.append(permutation_test(results, runs, 199)["p_fwe"].min() <= 0.05)
    assert np.mean(found) < 0.12


def test_the_family_wise_error_of_a_cross_validation_keeps_its_level(make_runs, ridge):
    """Two features and ten targets; `benchmarks accuracy --only chance` has more designs."""
    smallest = []
    for seed in range(60):
        runs = make_runs(3, seed, np.zeros((2, 10)), n_times=60)
        table = permutation_test(compare_models({"m": ridge(alpha=1e-6)}, runs), runs, 199)
        smallest.append(table["p_fwe"].min())
    assert 0.1 < np.mean(np.array(smallest) <= 0.2) < 0.3
    assert 0.0 < np.mean(np.array(smallest) <= 0.05) < 0.12


def test_p_adjusted_are_those_of_scipy_and_r_is_that_of_the_comparison(make_runs, ridge):
    runs = make_runs(4, 0, np.full((2, 8), 0.2))
    results = compare_models({"a": ridge(), "b": ridge(alpha=100.0)}, runs)
    table = permutation_test(results, runs, 199)
    per_target = results.per_target()
    columns = ["model", "region", "target", "r"]
    pd.testing.assert_frame_equal(table[columns], per_target[columns])
    for _, rows in table.groupby("model"):
        np.testing.assert_allclose(rows["p_fdr"], false_discovery_control(rows["p"]))
        assert (rows["p_fwe"] >= rows["p"]).all()
    pd.testing.assert_frame_equal(table, permutation_test(results, runs, 199))
    other = permutation_test(results, runs, 199, random_state=1)
    assert (other["p"] != table["p"]).any()


def test_blocks_of_targets_change_nothing(make_runs, ridge, monkeypatch):
    runs = make_runs(3, 0, np.full((2, 10), 0.2))
    results = compare_models({"m": ridge()}, runs)
    whole = permutation_test(results, runs, 99)
    monkeypatch.setattr(moved, "_BLOCK", 3)
    pd.testing.assert_frame_equal(permutation_test(results, runs, 99), whole)


def test_missing_volumes_and_targets_that_never_vary(make_runs, ridge):
    weights = np.full((2, 8), 0.8)
    runs = [holed(run, k) for k, run in enumerate(make_runs(4, 0, weights))]
    models = {"m": ridge()}
    results = compare_models(models, runs)
    for refit in (None, models):
        table = permutation_test(results, runs, 19, refit=refit)
        np.testing.assert_allclose(table["r"], results.per_target()["r"])
        assert table[["p", "p_fwe", "p_fdr"]].isna().all(axis=1).tolist() == [True] + [False] * 7
        assert (table.loc[1:, "p_fwe"] <= 0.06).all()


def holed(run: Run, k: int) -> Run:
    """Return the run with gaps, a target that is constant, and one that is so in this run only."""
    streams = {}
    for name, stream in run.responses.items():
        values = stream.values.copy()
        values[5 + k : 12 + k, 2] = np.nan
        if name == "V1":
            values[:, 0] = 3.0
            values[:, 1] = np.nan if k == 1 else values[:, 1]
        streams[name] = Stream(values, stream.times)
    return Run(streams, run.stimuli, tr=run.tr, entities=run.entities)


def test_drift_and_confounds_of_a_run_change_nothing(make_runs, ridge):
    def dirty(run: Run, k: int) -> Run:
        times = run.measured_times()
        confounds = np.random.default_rng(k).normal(size=(len(times), 2))
        nuisance = 0.02 * times**2 + confounds @ [30.0, -50.0]
        streams = {n: Stream(s.values + nuisance[:, None], times) for n, s in run.responses.items()}
        return Run(streams, run.stimuli, Stream(confounds, times), tr=run.tr, entities=run.entities)

    clean = make_runs(4, 0, np.full((2, 8), 0.2))
    runs = [dirty(run, k) for k, run in enumerate(clean)]
    found = permutation_test(compare_models({"m": ridge()}, runs), runs, 499)
    plain = [Run(c.responses, c.stimuli, r.confounds, tr=c.tr, entities=c.entities)
             for c, r in zip(clean, runs, strict=True)]  # fmt: skip
    expected = permutation_test(compare_models({"m": ridge()}, plain), plain, 499)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)


def test_folds_of_several_runs_and_runs_of_different_length(make_runs, ridge):
    weights = np.full((2, 6), 0.5)
    runs = make_runs(3, 0, weights) + [
        Run(r.responses, r.stimuli, tr=r.tr, entities={"run": f"long{k}"})
        for k, r in enumerate(make_runs(3, 1, weights, n_times=100))
    ]
    results = compare_models({"m": ridge()}, runs, cv=3)
    table = permutation_test(results, runs, 99)
    np.testing.assert_allclose(table["r"], results.per_target()["r"])
    with pytest.raises(DataError, match=r"\[80, 100\] volumes cannot be exchanged"):
        permutation_test(results, runs, 99, "runs")


def test_what_does_not_belong_together_is_refused(make_runs, ridge):
    runs = make_runs(3, 0, np.full((2, 4), 0.2))
    results = compare_models({"m": ridge()}, runs)
    with pytest.raises(UsageError, match="do not follow from these runs"):
        permutation_test(results, make_runs(3, 1, np.full((2, 4), 0.2)), 9)
    with pytest.raises(UsageError, match="run 'run-2', which is not among the 2 runs"):
        permutation_test(results, runs[:2], 9)
    with pytest.raises(UsageError, match="a table read from a file has none"):
        held_out_series(Results(results.table, results.predictions), runs, "m")
    with pytest.raises(UsageError, match="no model 'drm'"):
        held_out_series(results, runs, "drm")
    other = Results(results.table, results.predictions, {}, results.folds, Nuisance(order=0))
    with pytest.raises(UsageError, match="do not follow"):
        permutation_test(other, runs, 9)
    for options in ({"n_permutations": 0}, {"scheme": "volumes"}):
        with pytest.raises(UsageError, match=r"scheme must be shift|n_permutations must be"):
            permutation_test(results, runs, **options)
    for refit in ({}, {"drm": ridge()}):
        with pytest.raises(UsageError, match="refit has"):
            permutation_test(results, runs, 9, refit=refit)


def test_targets_keep_their_place_when_the_rows_of_the_table_do_not(make_runs, ridge):
    runs = make_runs(3, 0, np.outer([1.0, 1.0], np.linspace(0, 1, 6)))
    results = compare_models({"m": ridge()}, runs)
    last = results.folds["fold"].iloc[-1]
    first = results.table["fold"] != last
    swapped = pd.concat([results.table[~first], results.table[first]], ignore_index=True)
    moved_table = Results(swapped, results.predictions, {}, results.folds, results.nuisance)
    keys = ["region", "target"]
    one, other = (
        permutation_test(found, runs, 99).set_index(keys)["r"] for found in (results, moved_table)
    )
    pd.testing.assert_series_equal(one, other)
