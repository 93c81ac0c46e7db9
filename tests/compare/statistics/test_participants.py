"""Group statistics against scipy and by enumeration."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, kstest

from drmbids.compare.statistics.participants import participant_differences
from drmbids.data.tools.exceptions import UsageError


def table_of(difference: np.ndarray, **columns: str) -> pd.DataFrame:
    base = np.random.default_rng(0).uniform(0, 0.3, len(difference))
    people = [f"sub-{k:02d}" for k in range(len(difference))]
    parts = [
        pd.DataFrame({"participant_id": people, "model": model, "r_median": values, **columns})
        for model, values in (("drm", base + difference), ("glm", base))
    ]
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_p_counts_the_signs():
    difference = np.array([0.3, 0.1, -0.05, 0.2, 0.15])
    row = participant_differences(table_of(difference), "glm").iloc[0]
    means = [np.mean(difference * signs) for signs in product([1, -1], repeat=5)]
    # twice the smaller tail, as scipy has it
    assert row["p"] == pytest.approx(2 * np.mean(np.array(means) >= difference.mean() - 1e-12))
    assert row["mean_difference"] == pytest.approx(difference.mean())
    assert (row["n_participants"], row["n_better"]) == (5, 4)


def test_the_interval_is_that_of_scipy():
    difference = np.random.default_rng(1).gamma(1.0, 0.1, 15)
    row = participant_differences(table_of(difference), "glm", confidence=0.9).iloc[0]
    expected = bootstrap(
        (difference,), np.mean, confidence_level=0.9, random_state=np.random.default_rng(5)
    ).confidence_interval
    found = (row["ci_low"], row["ci_high"])
    assert found == pytest.approx(tuple(expected), abs=0.01)
    assert row["ci_low"] < difference.mean() < row["ci_high"]


def test_p_is_uniform_without_a_difference():
    rng = np.random.default_rng(2)
    tables = [table_of(rng.normal(size=10), region=f"r{k:03d}") for k in range(300)]
    found = participant_differences(pd.concat(tables), "glm", n_resamples=1024)
    assert len(found) == 300
    assert kstest(found["p"], "uniform").pvalue > 0.01
    covered = (found["ci_low"] < 0) & (found["ci_high"] > 0)
    assert covered.mean() == pytest.approx(0.92, abs=0.04)


def test_one_row_for_each_analysis_region_and_model():
    tables = [
        table_of(np.full(4, 0.1) * k, analysis=a, region=r)
        for k, (a, r) in enumerate([("task-x", "V1"), ("task-x", "V2"), ("task-y", "V1")], start=1)
    ]
    found = participant_differences(pd.concat(tables), "glm")
    keys = ["analysis", "region", "model", "baseline", "score"]
    assert sorted(found[keys].values.tolist()) == [
        ["task-x", "V1", "drm", "glm", "r_median"],
        ["task-x", "V2", "drm", "glm", "r_median"],
        ["task-y", "V1", "drm", "glm", "r_median"],
    ]
    means = found.set_index(["analysis", "region"])["mean_difference"]
    np.testing.assert_allclose(means.sort_index(), [0.1, 0.2, 0.3])


def test_few_participants_have_no_interval_or_test():
    one = participant_differences(table_of(np.array([0.1])), "glm").iloc[0]
    assert one[["ci_low", "ci_high", "p"]].isna().all()
    two = participant_differences(table_of(np.array([0.1, 0.2])), "glm").iloc[0]
    assert two["p"] == pytest.approx(0.5)
    assert two[["ci_low", "ci_high"]].isna().all()
    same = participant_differences(table_of(np.zeros(5)), "glm").iloc[0]
    assert same["p"] == pytest.approx(1.0)


def test_a_participant_without_one_of_the_models_is_left_out():
    table = table_of(np.array([0.1, 0.2, 0.3, 0.4]))
    table = table[~((table["participant_id"] == "sub-03") & (table["model"] == "glm"))]
    row = participant_differences(table, "glm").iloc[0]
    assert row["n_participants"] == 3
    assert row["mean_difference"] == pytest.approx(0.2)


def test_wrong_tables_are_refused():
    table = table_of(np.ones(3))
    for wrong, options in (
        (table.drop(columns="participant_id"), {}),
        (table, {"score": "r2_median"}),
        (table[table["model"] == "glm"], {}),
    ):
        with pytest.raises(UsageError, match="need the columns participant_id, model"):
            participant_differences(wrong, "glm", **options)
    with pytest.raises(UsageError, match="'ridge' among two or more"):
        participant_differences(table, "ridge")
    with pytest.raises(UsageError, match="two values of r_median"):
        participant_differences(pd.concat([table, table]), "glm")
