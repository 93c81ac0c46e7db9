"""Correlation is numpy's, run by run, however runs are cut."""

import numpy as np
import pytest
import torch

from drmbids.brain.losses.correlation import Correlation

NAN = torch.nan


@pytest.fixture
def series() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    prediction, noise = torch.randn(2, 30, 2, 4, dtype=torch.float64, generator=generator)
    target = prediction + noise + 1000.0
    target[3, 0, 1] = target[8] = NAN
    return prediction, target


def test_it_is_one_minus_the_correlation_of_numpy(
    series: tuple[torch.Tensor, torch.Tensor],
) -> None:
    prediction, target = series
    r = []
    for run in range(2):
        for k in range(4):
            there = ~target[:, run, k].isnan()
            r.append(np.corrcoef(prediction[there, run, k], target[there, run, k])[0, 1])
    assert Correlation()(prediction, target).item() == pytest.approx(1 - np.mean(r), abs=1e-7)
    # neither mean nor scale of the prediction is looked at
    scaled = Correlation()(5 + 1e3 * prediction, target).item()
    assert scaled == pytest.approx(1 - np.mean(r), abs=1e-7)


def test_windows_add_up(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    loss = Correlation()
    parts = [
        loss.moments(series[0][rows], series[1][rows])
        for rows in (slice(7), slice(7, 7), slice(7, None))
    ]
    added = tuple(sum(some[1:], some[0]) for some in zip(*parts, strict=True))
    torch.testing.assert_close(loss.from_moments(added), loss(*series))


def test_what_does_not_vary_is_left_out(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    prediction, target = series
    wanted = Correlation()(prediction[..., :2], target[..., :2])
    target[:, :, 2], target[:, :, 3] = 7.3, NAN
    target[4, :, 3] = 1.0
    torch.testing.assert_close(Correlation()(prediction, target), wanted)


def test_a_prediction_that_does_not_vary_has_a_gradient(
    series: tuple[torch.Tensor, torch.Tensor],
) -> None:
    flat = torch.zeros_like(series[0]).requires_grad_()
    value = Correlation()(flat, series[1])
    value.backward()
    assert value.item() == pytest.approx(1.0) and torch.isfinite(flat.grad).all()
    assert Correlation()(-flat.grad, series[1]).item() < 1e-6  # the way up is the target itself
