"""Means over participants of unequal precision, against published numbers and by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student_t

from drmbids.compare.statistics.mixed import mixed_mean, summarise_differences
from drmbids.data.tools.exceptions import UsageError

# Trials of the BCG vaccine (Colditz et al. 1994, JAMA 271:698-702): log risk ratios, variances.
BCG = np.array(
    [
        (-0.8893, 0.3256), (-1.5854, 0.1946), (-1.3481, 0.4154), (-1.4416, 0.0200),
        (-0.2175, 0.0512), (-0.7861, 0.0069), (-1.6209, 0.2230), (0.0120, 0.0040),
        (-0.4694, 0.0564), (-1.3713, 0.0730), (-0.3394, 0.0124), (0.4459, 0.5325),
        (-0.0173, 0.0714),
    ]
)  # fmt: skip


def test_it_finds_the_variance_between_that_others_find():
    found = mixed_mean(BCG[:, 0], np.sqrt(BCG[:, 1]))
    # published Paule-Mandel estimate of this textbook example
    assert found.between_sd**2 == pytest.approx(0.318, abs=5e-4)
    weights = 1 / (BCG[:, 1] + found.between_sd**2)
    mean = weights @ BCG[:, 0] / weights.sum()
    assert found.mean == pytest.approx(mean)
    # squares meet their expectation, so the variance is the plain one of a weighted mean
    error = np.sqrt(1 / weights.sum())
    assert found.high - found.mean == pytest.approx(student_t.ppf(0.975, 12) * error)
    assert found.p == pytest.approx(2 * student_t.sf(abs(mean) / error, 12))


def test_equal_precision_gives_the_plain_mean_and_students_interval():
    values = np.array([0.1, 0.4, 0.2, 0.5])
    found = mixed_mean(values, np.full(4, 0.01), confidence=0.9)
    assert found.mean == pytest.approx(values.mean())
    half = student_t.ppf(0.95, 3) * values.std(ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert found.between_sd**2 == pytest.approx(values.var(ddof=1) - 0.01**2)


def test_participants_who_agree_by_chance_do_not_narrow_the_interval():
    found = mixed_mean(np.array([0.1, 0.1, 0.1]), np.array([0.3, 0.3, 0.3]))
    assert found.between_sd == 0
    assert found.high - found.mean == pytest.approx(student_t.ppf(0.975, 2) * 0.3 / np.sqrt(3))


def test_an_imprecise_participant_counts_for_less():
    found = mixed_mean(np.array([0.1, 0.12, 5.0]), np.array([0.02, 0.02, 4.0]))
    assert found.between_sd == 0
    assert found.mean == pytest.approx(0.11, abs=0.01)


def test_the_interval_covers_and_p_is_uniform_without_a_difference():
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.02, 0.1, 10)
    found = [
        mixed_mean(rng.normal(0, 0.1, 10) + errors * rng.normal(size=10), errors)
        for _ in range(400)
    ]
    covered = np.mean([low <= 0 <= high for _, low, high, _, _ in found])
    assert covered == pytest.approx(0.95, abs=0.035)  # 3 standard errors of 400 draws
    assert np.mean([row.p < 0.5 for row in found]) == pytest.approx(0.5, abs=0.08)
    assert np.median([row.between_sd for row in found]) == pytest.approx(0.1, abs=0.015)


def test_one_participant_tells_nothing_of_others():
    assert np.isnan(mixed_mean(np.array([0.1]), np.array([0.1]))).all()


def test_a_standard_error_has_to_be_positive():
    with pytest.raises(UsageError, match="above 0"):
        mixed_mean(np.array([0.1, 0.2]), np.array([0.1, 0.0]))


def test_regions_and_models_are_kept_apart():
    rows = [
        (f"sub-{k}", region, model, "glm", shift + 0.01 * k, 0.02)
        for k in range(5)
        for region, model, shift in (("V1", "a", 0.1), ("V2", "a", 0.2), ("V1", "b", -0.1))
    ]
    columns = ["participant_id", "region", "model", "baseline", "fold_mean", "fold_se"]
    found = summarise_differences(pd.DataFrame(rows, columns=columns))
    means = found.set_index(["region", "model"])["mean_difference"]
    assert means.to_dict() == pytest.approx(
        {("V1", "a"): 0.12, ("V2", "a"): 0.22, ("V1", "b"): -0.08}
    )
    assert found["p"].tolist() == pytest.approx([2 / 2**5] * 3)
    assert found["n_better"].tolist() == [5, 5, 0]
    with pytest.raises(UsageError, match="a participant has two"):
        summarise_differences(pd.DataFrame([*rows, rows[0]], columns=columns))
    with pytest.raises(UsageError, match="fold_se is missing"):
        summarise_differences(pd.DataFrame(rows, columns=columns).drop(columns="fold_se"))
