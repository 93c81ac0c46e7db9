"""All circular shifts at once against one after the other."""

import numpy as np
import pytest

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.maths.metrics.scores import correlation, remainder
from drmbids.maths.metrics.shifted import shifted_correlations

N = 37


def one_by_one(measured: np.ndarray, predicted: np.ndarray, basis: np.ndarray) -> np.ndarray:
    clean, rows = remainder(basis, predicted), []
    for shift in range(len(measured)):
        moved = np.where(np.isfinite(measured), np.roll(clean, shift, axis=0), np.nan)
        rows.append(correlation(remainder(basis, measured), remainder(basis, moved)))
    return np.stack(rows)


@pytest.mark.parametrize("drift", ["none", "polynomial", "cosine"])
@pytest.mark.parametrize("gaps", [False, True])
def test_every_shift_is_as_if_made_alone(drift, gaps):
    rng = np.random.default_rng(0)
    measured, predicted = 100 + rng.normal(size=(2, N, 6)).cumsum(1)
    if gaps:
        measured[[0, 5, 6], 1] = np.nan
        measured[30:, 4] = np.nan
        measured[:, 5] = np.nan
    basis = Nuisance(drift=drift).basis(Run({}, duration=2.0 * N, tr=2.0), 2.0 * np.arange(N))
    expected = one_by_one(measured, predicted, basis)
    np.testing.assert_allclose(
        shifted_correlations(measured, predicted, basis), expected, atol=1e-8
    )
    assert np.isnan(expected).all(0).tolist() == [False] * 5 + [gaps]


def test_a_series_without_variation_has_no_correlation_at_any_shift():
    rng = np.random.default_rng(1)
    basis = np.full((N, 1), N**-0.5)
    measured, predicted = rng.normal(size=(2, N, 2))
    measured[:, 0], predicted[:, 1] = 0.1, 1e5 + 0.1
    assert np.isnan(shifted_correlations(measured, predicted, basis)).all()


def test_the_shift_is_found_back():
    series = np.random.default_rng(2).normal(size=(N, 1))
    r = shifted_correlations(np.roll(series, 11, axis=0), series, np.full((N, 1), N**-0.5))
    assert r[:, 0].argmax() == 11
    assert r.max() == pytest.approx(1.0)
