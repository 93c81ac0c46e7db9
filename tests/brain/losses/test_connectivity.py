"""Connectivity against numpy."""

import numpy as np
import pytest
import torch

from drmbids.brain.losses.connectivity import Connectivity
from drmbids.data.tools.exceptions import UsageError


@pytest.fixture
def series() -> torch.Tensor:
    """Return prediction and target of two runs."""
    make = torch.Generator().manual_seed(0)
    shared = torch.randn(2, 80, 2, 1, dtype=torch.float64, generator=make)
    return shared + torch.randn(2, 80, 2, 5, dtype=torch.float64, generator=make)


def pairs(series: torch.Tensor, run: int) -> np.ndarray:
    return np.corrcoef(series[:, run].numpy().T)[np.triu_indices(5, 1)]


def test_the_error_is_that_of_fishers_z(series: torch.Tensor) -> None:
    ours, theirs = ([np.arctanh(pairs(x, run)) for run in range(2)] for x in (series[0], series[1]))
    wanted = np.mean(
        [((a - b) ** 2).sum() / (b**2).sum() for a, b in zip(ours, theirs, strict=True)]
    )
    assert Connectivity()(*series).item() == pytest.approx(wanted)


def test_the_pattern_alone(series: torch.Tensor) -> None:
    wanted = np.mean(
        [1 - np.corrcoef(pairs(series[0], run), pairs(series[1], run))[0, 1] for run in range(2)]
    )
    got = Connectivity("none", "correlation")(*series)
    assert got.item() == pytest.approx(wanted)


def test_a_run_without_data_has_no_loss(series: torch.Tensor) -> None:
    prediction, target = series
    alone = Connectivity()(prediction[:, :1], target[:, :1])
    partly = target.clone()
    partly[:, 1] = torch.nan
    torch.testing.assert_close(Connectivity()(prediction, partly), alone)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UsageError, match="transform must be"):
        Connectivity("log")  # type: ignore[arg-type]


def test_a_prediction_that_does_not_vary_explains_nothing() -> None:
    """Not to be taken for a run without data, whose loss is 0."""
    target = torch.randn(50, 1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    loss = Connectivity(compare="correlation")
    assert loss(torch.zeros_like(target), target).item() == pytest.approx(1.0)
    assert loss(torch.zeros_like(target), torch.full_like(target, torch.nan)).item() == 0.0
