"""Connectivity dynamics against the plain functions, and windows of a run."""

import pytest
import torch

from drmbids.brain.losses.connectivity_dynamics import ConnectivityDynamics
from drmbids.data.tools.exceptions import UsageError
from drmbids.maths.signals.connectivity import (
    connectivity_dynamics,
    fisher_z,
    quantile_distance,
    region_pairs,
    windowed_connectivity,
)


@pytest.fixture
def series() -> torch.Tensor:
    make = torch.Generator().manual_seed(0)
    return torch.randn(2, 90, 1, 4, dtype=torch.float64, generator=make).cumsum(1)


def values(series: torch.Tensor) -> torch.Tensor:
    fc = fisher_z(windowed_connectivity(series, 30, 10))
    return region_pairs(connectivity_dynamics(fc))[0]


def test_the_loss_is_the_distance_of_the_distributions(series: torch.Tensor) -> None:
    ours, theirs = (values(x) for x in series)
    wanted = quantile_distance(ours, theirs) / (1 - theirs).mean()
    got = ConnectivityDynamics(30, 10, 9)(*series)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(ConnectivityDynamics(30, 10, 50)(*series), wanted)


@pytest.mark.parametrize("length", [7, 10, 64])
def test_windows_add_up_to_the_run(series: torch.Tensor, length: int) -> None:
    loss = ConnectivityDynamics(30, 10, 9)
    parts = [
        loss.moments(p, t, start)
        for p, t, start in zip(
            *(x.split(length) for x in series), range(0, 90, length), strict=True
        )
    ]
    added = loss.from_moments(tuple(sum(p) for p in zip(*parts, strict=True)))
    torch.testing.assert_close(added, loss(*series))


def test_a_run_of_one_window_has_no_loss(series: torch.Tensor) -> None:
    assert ConnectivityDynamics(30, 10, 9)(*series[:, :35]).item() == 0


def test_impossible_windows_are_refused() -> None:
    with pytest.raises(UsageError, match="whole steps"):
        ConnectivityDynamics(30, 7)
