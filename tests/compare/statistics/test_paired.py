"""Paired differences against numbers worked out by hand and by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from drmbids.compare.statistics.paired import corrected_t, paired_differences
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import UsageError


def make_results(difference: np.ndarray, seed: int = 0) -> Results:
    """Return scores of ``glm`` and, higher by a difference (n_folds, n_targets), of ``drm``."""
    rng = np.random.default_rng(seed)
    n_folds, n_targets = difference.shape
    glm = rng.uniform(0, 0.5, size=difference.shape)
    tables = [
        pd.DataFrame(
            {
                "model": model,
                "fold": np.repeat([f"run-{k}" for k in range(n_folds)], n_targets),
                "region": np.tile(["V1", "V2"], n_folds * n_targets // 2),
                "target": np.tile(np.arange(n_targets) // 2, n_folds),
                "r": scores.ravel(),
                "r2": 2 * scores.ravel(),
            }
        )
        for model, scores in (("drm", glm + difference), ("glm", glm))
    ]
    return Results(pd.concat(tables).sample(frac=1, random_state=seed))


def test_differences_over_targets_and_folds():
    rng = np.random.default_rng(3)
    difference = 0.1 + rng.normal(0, 0.1, size=(5, 40))
    table = paired_differences(make_results(difference), "glm")
    assert sorted(zip(table["region"], table["score"], strict=True)) == [
        ("V1", "r"), ("V1", "r2"), ("V2", "r"), ("V2", "r2"),
    ]  # fmt: skip
    for row in table.itertuples():
        part = difference[:, ["V1", "V2"].index(row.region) :: 2] * (2 if row.score == "r2" else 1)
        means, medians = part.mean(0), np.median(part, axis=1)
        assert (row.model, row.baseline, row.n_targets, row.n_folds) == ("drm", "glm", 20, 5)
        assert row.median == pytest.approx(np.median(means))
        assert row.mean == pytest.approx(means.mean())
        assert row.share_better == pytest.approx((means > 0).mean())
        assert row.fold_mean == pytest.approx(medians.mean())
        assert (row.fold_se, row.t, row.p) == pytest.approx(corrected_t(medians, 1 / 4))


def test_the_variance_has_the_term_of_overlapping_training_sets():
    values = np.array([0.1, 0.3, 0.2, 0.5])
    error, t, p = corrected_t(values, 1 / 3)
    assert error == pytest.approx(np.sqrt(values.var(ddof=1) * (1 / 4 + 1 / 3)))
    plain = ttest_1samp(values, 0)
    assert corrected_t(values, 0.0)[1:] == pytest.approx((plain.statistic, plain.pvalue))
    assert t == pytest.approx(plain.statistic * np.sqrt((1 / 4) / (1 / 4 + 1 / 3)))
    assert p > plain.pvalue


def test_the_ratio_of_test_to_training_runs_can_be_given():
    results = make_results(np.random.default_rng(0).normal(0.1, 0.1, size=(4, 10)))
    default, same = paired_differences(results, "glm"), paired_differences(results, "glm", 1 / 3)
    pd.testing.assert_frame_equal(default, same)
    assert (paired_differences(results, "glm", 1.0)["fold_se"] > default["fold_se"]).all()


def test_the_sign_turns_with_the_baseline():
    results = make_results(np.random.default_rng(0).normal(0.1, 0.1, size=(4, 10)))
    up, down = (
        paired_differences(results, baseline).sort_values(["region", "score"])
        for baseline in ("glm", "drm")
    )
    for column in ("median", "mean", "fold_mean", "t"):
        np.testing.assert_allclose(up[column], -down[column])
    np.testing.assert_allclose(up["p"], down["p"])


def test_targets_without_a_score_are_left_out():
    results = make_results(np.full((3, 8), 0.1))
    table = results.table.copy()
    table.loc[(table["region"] == "V1") & (table["target"] == 0), ["r", "r2"]] = np.nan
    found = paired_differences(Results(table), "glm").set_index(["region", "score"])
    assert found["n_targets"].to_dict() == {
        ("V1", "r"): 3, ("V1", "r2"): 3, ("V2", "r"): 4, ("V2", "r2"): 4,
    }  # fmt: skip
    assert (found["share_better"] == 1).all()
    np.testing.assert_allclose(found.loc[("V1", "r"), "mean"], 0.1)


def test_one_fold_or_no_difference_gives_no_test():
    one = paired_differences(make_results(np.full((1, 6), 0.1)), "glm")
    assert one[["fold_se", "t", "p"]].isna().all(axis=None)
    np.testing.assert_allclose(one["fold_mean"], [0.1, 0.2] * 2)
    none = paired_differences(make_results(np.zeros((3, 6))), "glm")
    assert (none["fold_se"] == 0).all()
    assert none[["t", "p"]].isna().all(axis=None)


def test_folds_that_share_training_data_do_not_find_too_much():
    # correlated differences, correlation n_test / n: what Nadeau and Bengio assume
    rng = np.random.default_rng(0)
    k, n_draws = 6, 2000
    shared = rng.normal(size=(n_draws, 1)) * np.sqrt(1 / k)
    draws = shared + rng.normal(size=(n_draws, k)) * np.sqrt(1 - 1 / k)
    corrected = np.mean([corrected_t(d, 1 / (k - 1))[2] < 0.05 for d in draws])
    assert corrected == pytest.approx(0.05, abs=0.015)
    assert np.mean(ttest_1samp(draws, 0, axis=1).pvalue < 0.05) > 0.09


@pytest.mark.parametrize("baseline", ["ridge", "glm"])
def test_the_baseline_has_to_be_one_of_several_models(baseline):
    results = make_results(np.zeros((2, 4)))
    alone = Results(results.table[results.table["model"] == "glm"])
    with pytest.raises(UsageError, match="one of two models or more"):
        paired_differences(alone if baseline == "glm" else results, baseline)
