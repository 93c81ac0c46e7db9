"""Bands of features: which there are, and that a penalty of their own pays where it should."""

import numpy as np
import torch

from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.fit.maps.bands import feature_bands, weightings_of
from drmbids.fit.maps.ridge import solve_region
from drmbids.fit.maps.targets import RegionTargets, Series


def test_one_population_is_one_band() -> None:
    readout = BOLD([3, 2], [4, 4])
    assert [feature_bands(readout, k).tolist() for k in range(2)] == [[0] * 3, [0] * 2]
    assert len(weightings_of(feature_bands(readout, 0))) == 1


def test_populations_and_deviations_of_the_response_are_bands() -> None:
    hrf = DoubleGamma(derivatives="time")
    bands = feature_bands(BOLD([2, 1], [4], hrf=hrf), 0)
    # all units through the response come first, then all through its derivative
    assert bands.tolist() == [0, 0, 2, 1, 1, 3]


def test_weightings_move_one_band_at_a_time() -> None:
    found = weightings_of(torch.tensor([0, 1, 1]))
    assert found[0].tolist() == [1, 1, 1] and len(found) == 5
    for row in found[1:].tolist():
        assert row[1] == row[2] and sorted(row[:2])[1] == 1 > min(row)
    assert len(weightings_of(torch.tensor([0, 1, 2]))) == 13
    assert len(found.unique(dim=0)) == len(found)


def unseen_error(weightings: torch.Tensor | None, of_noise: int, seed: int) -> float:
    """Return the error on unseen samples where some of the features have no part in the targets."""
    make = np.random.default_rng(seed)
    weights = make.standard_normal((40, 15))
    weights[40 - of_noise :] = 0.0

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = make.standard_normal((n, 40))
        return torch.as_tensor(x), torch.as_tensor(x @ weights + 6 * make.standard_normal((n, 15)))

    runs = [draw(25) for _ in range(3)]
    series = [Series(y, torch.full((25, 1), 0.2, dtype=torch.float64)) for _, y in runs]
    targets = RegionTargets(series, torch.ones(15))
    maps = solve_region([x for x, _ in runs], targets, torch.logspace(-2, 2, 9), weightings)
    x, y = draw(500)
    return float((y - x @ maps.weights).square().mean())


def test_a_band_of_noise_is_shrunk_and_alike_bands_lose_little() -> None:
    bands = weightings_of(torch.tensor([0] * 10 + [1] * 30))

    def gain(of_noise: int) -> float:
        pairs = [
            (unseen_error(None, of_noise, k), unseen_error(bands, of_noise, k)) for k in range(6)
        ]
        return float(np.mean([1 - banded / plain for plain, banded in pairs]))

    assert gain(30) > 0.05
    assert gain(0) > -0.03  # the null: both bands matter alike
