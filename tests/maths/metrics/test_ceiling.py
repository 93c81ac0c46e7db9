"""Ceilings against simulations in which they are known, and against each other."""

import numpy as np
import pytest

from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.ceiling import (
    explainable_variance,
    normalised_correlation,
    signal_power,
    split_half,
)

SHARES = np.array([0.8, 0.5, 0.2, 0.05])


def simulate(n_repeats: int, seed: int, n_times: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Return repeats (n_repeats, n_times, 4) of variance 1 about, and their signal."""
    rng = np.random.default_rng(seed)
    signal = np.sqrt(SHARES) * rng.normal(size=(n_times, 4))
    noise = np.sqrt(1 - SHARES) * rng.normal(size=(n_repeats, n_times, 4))
    return signal + noise + 100.0, signal


def test_signal_power_is_as_defined_by_sahani_and_linden():
    repeats = np.random.default_rng(0).normal(size=(5, 30, 3)).cumsum(1)
    n, variance = 5, {"axis": -2, "ddof": 1}
    expected = (repeats.sum(0).var(**variance) - repeats.var(**variance).sum(0)) / (n * (n - 1))
    np.testing.assert_allclose(signal_power(repeats), expected)


def test_explainable_variance_is_the_corrected_one():
    repeats = np.random.default_rng(1).normal(size=(4, 30, 3)).cumsum(1)
    raw = repeats.mean(0).var(0, ddof=1) / repeats.var(1, ddof=1).mean(0)
    np.testing.assert_allclose(explainable_variance(repeats), raw - (1 - raw) / 3)


@pytest.mark.parametrize("n_repeats", [2, 3, 6])
def test_a_known_ceiling_is_found(n_repeats):
    repeats, signal = simulate(n_repeats, seed=n_repeats)
    np.testing.assert_allclose(signal_power(repeats), SHARES, atol=0.05)
    np.testing.assert_allclose(explainable_variance(repeats), SHARES, atol=0.05)
    reliability = n_repeats * SHARES / (1 + (n_repeats - 1) * SHARES)
    np.testing.assert_allclose(split_half(repeats), reliability, atol=0.06)
    # the last target has so little signal that its normalisation is all chance
    np.testing.assert_allclose(normalised_correlation(repeats, 3 * signal)[:3], 1.0, atol=0.05)


def test_the_correction_takes_the_bias_of_few_repeats_away():
    draws = [simulate(2, seed, n_times=60)[0][..., 3:] for seed in range(400)]
    assert np.mean([explainable_variance(d)[0] for d in draws]) == pytest.approx(0.05, abs=0.02)
    raw = [d.mean(0).var() / d.var(1).mean() for d in draws]
    assert np.mean(raw) > 0.5


def test_a_prediction_of_half_the_signal_has_its_correlation_whatever_the_noise():
    repeats, signal = simulate(4, seed=7, n_times=20000)
    other = np.random.default_rng(8).normal(size=signal.shape) * np.sqrt(SHARES)
    found = normalised_correlation(repeats, signal + other)
    np.testing.assert_allclose(found, np.sqrt(0.5), atol=0.06)


@pytest.mark.parametrize("n_repeats", [9, 20])
def test_many_splits_are_drawn_with_a_seed(n_repeats):
    repeats, _ = simulate(n_repeats, seed=0, n_times=1000)
    reliability = n_repeats * SHARES / (1 + (n_repeats - 1) * SHARES)
    np.testing.assert_allclose(split_half(repeats), reliability, atol=0.08)
    np.testing.assert_array_equal(split_half(repeats), split_half(repeats))
    assert (split_half(repeats) != split_half(repeats, random_state=1)).any()


def test_halves_of_two_repeats_are_the_repeats():
    repeats, _ = simulate(2, seed=3, n_times=50)
    r = np.array([np.corrcoef(repeats[0, :, k], repeats[1, :, k])[0, 1] for k in range(4)])
    np.testing.assert_allclose(split_half(repeats), np.where(r > 0, 2 * r / (1 + r), r))


def test_an_element_missing_in_one_repeat_is_left_out_of_all():
    repeats, signal = simulate(3, seed=1, n_times=40)
    gaps = repeats.copy()
    gaps[0, 3, 1] = gaps[2, 10:15, 1] = np.nan
    rows = np.delete(np.arange(40), [3, *range(10, 15)])
    for score in (signal_power, explainable_variance, split_half):
        expected = score(repeats)
        expected[1] = score(repeats[:, rows])[1]
        np.testing.assert_allclose(score(gaps), expected)
    expected = normalised_correlation(repeats, signal)
    expected[1] = normalised_correlation(repeats[:, rows], signal[rows])[1]
    np.testing.assert_allclose(normalised_correlation(gaps, signal), expected)


def test_what_does_not_vary_or_has_no_signal_has_no_ceiling():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(30, 1))
    repeats = np.concatenate([np.full((2, 30, 1), 0.1), np.full((2, 30, 1), np.nan)], axis=2)
    repeats = np.concatenate([repeats, np.stack([signal, -signal + 0.1])], axis=2)
    assert np.isnan(explainable_variance(repeats)).tolist() == [True, True, False]
    assert np.isnan(split_half(repeats)).tolist() == [True, True, False]
    assert np.isnan(signal_power(repeats)).tolist() == [False, True, False]
    assert signal_power(repeats)[2] < 0
    assert np.isnan(normalised_correlation(repeats, np.tile(signal, 3))).all()
    assert split_half(repeats)[2] == pytest.approx(-1.0)
    constant = np.ones((30, 1))
    assert np.isnan(normalised_correlation(np.stack([signal, signal]), constant)).all()


@pytest.mark.parametrize("shape", [(30, 4), (1, 30, 4)])
@pytest.mark.parametrize("score", [signal_power, explainable_variance, split_half])
def test_one_repeat_is_none(score, shape):
    with pytest.raises(DataError, match="two or more"):
        score(np.zeros(shape))


def test_a_prediction_has_the_shape_of_a_repeat():
    with pytest.raises(DataError, match=r"predicted \(30, 2\)"):
        normalised_correlation(np.zeros((2, 30, 4)), np.zeros((30, 2)))
