"""Lagged connectivity: the right lag, and windows of a run."""

import numpy as np
import pytest
import torch

from drmbids.brain.losses.lagged_connectivity import LaggedConnectivity
from drmbids.data.tools.exceptions import UsageError


@pytest.fixture
def series() -> torch.Tensor:
    make = torch.Generator().manual_seed(0)
    return torch.randn(2, 120, 2, 3, dtype=torch.float64, generator=make).cumsum(1)


def test_over_all_frequencies_of_a_run_it_is_the_circular_correlation() -> None:
    make = np.random.default_rng(0)
    x, y = make.standard_normal((2, 101, 3)).cumsum(1)
    loss = LaggedConnectivity((0.0, 3.0), tr=1.0, low=0.5 / 101, high=0.5, n_frequencies=50)

    def lagged(series: np.ndarray) -> np.ndarray:
        z = (series - series.mean(0)) / series.std(0) / 101**0.5
        return np.stack([z.T @ np.roll(z, -lag, 0) for lag in (0, 3)])

    ours, theirs = lagged(x), lagged(y)
    wanted = ((ours - theirs) ** 2).sum() / (theirs**2).sum()
    got = loss(torch.tensor(x)[:, None], torch.tensor(y)[:, None])
    assert got.item() == pytest.approx(wanted)


@pytest.mark.parametrize("length", [7, 50])
def test_windows_add_up_to_the_run(series: torch.Tensor, length: int) -> None:
    loss = LaggedConnectivity(tr=1.0)
    prediction, target = series
    target[5:9, 0, 1] = torch.nan
    cut = [
        loss.moments(p, t, start)
        for p, t, start in zip(
            prediction.split(length), target.split(length), range(0, 120, length), strict=True
        )
    ]
    added = loss.from_moments(tuple(sum(parts) for parts in zip(*cut, strict=True)))
    torch.testing.assert_close(added, loss(prediction, target))


def test_which_series_leads_matters(series: torch.Tensor) -> None:
    loss = LaggedConnectivity((0.0, 2.0), tr=1.0)
    led = series[1].clone()
    led[..., 1] = series[1][..., 0].roll(2, 0)  # 1 follows 0 by two samples
    back = led.clone()
    back[..., 1] = series[1][..., 0].roll(-2, 0)
    assert loss(led, led).item() < 1e-12
    assert loss(back, led).item() > 0.02


def test_impossible_bands_are_refused() -> None:
    with pytest.raises(UsageError, match=r"hold frequencies from 0 to 0\.25 Hz"):
        LaggedConnectivity(tr=2.0, high=0.3)
    with pytest.raises(UsageError, match="at least one lag"):
        LaggedConnectivity(())
