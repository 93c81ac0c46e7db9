"""Shares of two predictions: least squares where there are data, the same for all where not."""

import numpy as np
from scipy.optimize import minimize_scalar

from drmbids.fit.estimators.shares import Held, shares_of_second


def parts_of(share: np.ndarray, noise: float, n: int = 100, seed: int = 0) -> list[list[Held]]:
    """Four parts of series that are weighted means of two predictions, and noise."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(4):
        first, second, rest = rng.standard_normal((3, n, len(share)))
        parts.append([Held(first + share * (second - first) + noise * rest, first, second)])
    return parts


def test_one_target_has_the_share_of_least_squares() -> None:
    parts = parts_of(np.array([0.35]), 0.5)

    def error(share: float) -> float:
        return sum(
            (((h.measured - h.first - share * (h.second - h.first)) - m) ** 2).sum()
            for (h,) in parts
            for m in [(h.measured - h.first - share * (h.second - h.first)).mean(0)]
        )

    best = minimize_scalar(error, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x
    np.testing.assert_allclose(shares_of_second(parts), best, atol=1e-6)


def test_targets_have_their_own_shares_where_data_are_many() -> None:
    truth = np.array([0.1, 0.9, 0.5])
    np.testing.assert_allclose(shares_of_second(parts_of(truth, 0.1, 400)), truth, atol=0.05)


def test_noisy_targets_share_one() -> None:
    found = shares_of_second(parts_of(np.full(30, 0.5), 3.0, 40))
    assert found.std() < 0.1
    assert abs(found.mean() - 0.5) < 0.15


def test_a_worse_prediction_has_no_share() -> None:
    parts = [
        [held._replace(second=np.random.default_rng(9).standard_normal(held.first.shape))]
        for (held,) in parts_of(np.zeros(5), 0.2)
    ]
    assert shares_of_second(parts).max() < 0.02


def test_units_missing_samples_and_offsets_do_not_matter() -> None:
    parts = parts_of(np.array([0.2, 0.7]), 0.3)
    scaled, holed = [], []
    for (held,) in parts:
        scale, offset = np.array([1e-3, 1e4]), np.array([5.0, -800.0])
        scaled.append(
            [Held(held.measured * scale + offset, held.first * scale, held.second * scale)]
        )
        gap = np.where(np.arange(len(held.measured))[:, None] < 5, np.nan, held.measured)
        rest = Held(*(series[5:] for series in held[:3]))
        holed.append(([held._replace(measured=gap)], [rest]))
    np.testing.assert_allclose(shares_of_second(scaled), shares_of_second(parts), rtol=1e-9)
    with_gap, without = zip(*holed, strict=True)
    np.testing.assert_allclose(shares_of_second(with_gap), shares_of_second(without), rtol=1e-9)


def test_weights_of_samples_count() -> None:
    parts = parts_of(np.array([0.2]), 0.3)
    half = np.r_[np.ones(50), np.zeros(50)][:, None]
    weighed = [[held._replace(weights=half)] for (held,) in parts]
    cut = [[Held(*(series[:50] for series in held[:3]))] for (held,) in parts]
    np.testing.assert_allclose(shares_of_second(weighed), shares_of_second(cut), rtol=1e-9)


def test_equal_predictions_and_targets_without_data_have_none() -> None:
    (held,), *_ = parts_of(np.array([0.5, 0.5]), 0.1)
    same = held._replace(second=held.first)
    assert (shares_of_second([[same], [same]]) == 0).all()
    empty = held._replace(measured=np.where([[False, True]], np.nan, held.measured))
    found = shares_of_second([[empty], [empty]])
    assert np.isfinite(found).all()
