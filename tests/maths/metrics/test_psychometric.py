"""Psychometric curves: shares, their intervals, and fits that find what was put in."""

import numpy as np
import pytest
from scipy.stats import binomtest

from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.psychometric import Psychometric, fit_psychometric, psychometric_curve


def test_shares_and_intervals_are_scipys() -> None:
    evidence = np.repeat([-1.0, 0.0, 2.0], [10, 4, 5])
    answered = np.array([1] * 3 + [0] * 7 + [1, 0, 1, np.nan] + [1] * 5)
    curve = psychometric_curve(evidence, answered)
    assert curve["n"].tolist() == [10, 3, 5]
    for row, k in zip(curve.itertuples(), (3, 2, 5), strict=True):
        interval = binomtest(k, row.n).proportion_ci(method="wilson")
        assert row.share == pytest.approx(k / row.n)
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high))


def test_a_fit_finds_the_observer() -> None:
    rng = np.random.default_rng(0)
    truth = Psychometric(bias=0.1, threshold=0.25, lapse=0.06)
    evidence = np.repeat(np.linspace(-1, 1, 11), 600)
    found = fit_psychometric(evidence, rng.random(len(evidence)) < truth(evidence))
    np.testing.assert_allclose(found, truth, atol=0.03)


def test_no_lapse_is_found_where_there_is_none() -> None:
    evidence = np.repeat(np.linspace(-1, 1, 11), 50)
    found = fit_psychometric(evidence, Psychometric(0.0, 0.4, 0.0)(evidence))
    np.testing.assert_allclose(found, (0.0, 0.4, 0.0), atol=2e-3)


@pytest.mark.parametrize(
    ("evidence", "answered", "message"),
    [
        ([1.0, 2.0], [1.0], "one number a trial"),
        ([1.0], [np.nan], "no trial"),
        ([1.0, 2.0], [0.0, 2.0], "probabilities"),
    ],
)
def test_what_is_no_answer_is_refused(evidence, answered, message: str) -> None:
    with pytest.raises(DataError, match=message):
        psychometric_curve(evidence, answered)


def test_one_level_is_no_curve() -> None:
    with pytest.raises(DataError, match="two levels"):
        fit_psychometric([0.5, 0.5], [0, 1])
