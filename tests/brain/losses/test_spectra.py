"""Spectra against the discrete Fourier transform, and the exponent of coloured noise."""

import numpy as np
import pytest
import torch

from drmbids.brain.losses.spectra import Spectra
from drmbids.data.tools.exceptions import UsageError


def test_at_the_frequencies_of_a_run_power_is_numpys() -> None:
    make = np.random.default_rng(0)
    x, y = make.standard_normal((2, 101, 3)).cumsum(1)
    loss = Spectra(tr=1.0, low=0.5 / 101, high=48.5 / 101, n_parts=6, n_frequencies=8)

    def parts(series: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft(series, axis=0))[1:49] ** 2
        return np.log(power.reshape(6, 8, 3).mean(1))

    ours, theirs = (p - p.mean(0) for p in (parts(x), parts(y)))
    wanted = ((ours - theirs) ** 2).mean(0).sum() / (1 + theirs.var(0)).sum()
    got = loss(torch.tensor(x)[:, None], torch.tensor(y)[:, None])
    assert got.item() == pytest.approx(wanted)


def test_scale_matters_where_it_is_asked_for() -> None:
    series = torch.randn(100, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert Spectra()(3 * series, series).item() < 1e-12
    size = (2 * np.log(3)) ** 2
    got = Spectra(relative=False)(3 * series, series).item()
    assert size / 2 < got < size  # over 1 + the variance of log power


def test_descent_finds_the_colour_of_noise() -> None:
    """Autoregressive noise of known memory: the memory is found from its spectrum."""
    make = torch.Generator().manual_seed(1)
    white, other = torch.randn(2, 1000, 1, 4, dtype=torch.float64, generator=make)

    def coloured(noise: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        lags = torch.arange(40, dtype=noise.dtype)
        kernel = memory**lags
        rows = noise[:, 0].T.unsqueeze(1)
        padded = torch.nn.functional.pad(rows, (39, 0))
        return torch.nn.functional.conv1d(padded, kernel.flip(0)[None, None]).permute(2, 1, 0)

    target = coloured(white, torch.tensor(0.6, dtype=torch.float64))
    loss, memory = (
        Spectra(n_frequencies=60),
        torch.tensor(0.3, dtype=torch.float64, requires_grad=True),
    )
    optimizer = torch.optim.Adam([memory], 0.05)
    for _ in range(40):
        optimizer.zero_grad()
        loss(coloured(other, memory), target).backward()
        optimizer.step()
    assert memory.item() == pytest.approx(0.6, abs=0.07)


def test_relative_power_needs_two_parts() -> None:
    with pytest.raises(UsageError, match="n_parts"):
        Spectra(n_parts=1)


def test_white_noise_explains_nothing_of_a_spectrum() -> None:
    """The limit is what a long series of white noise has, whatever the runs' lengths are."""
    make = torch.Generator().manual_seed(2)
    white, slow = torch.randn(2, 6000, 1, 3, dtype=torch.float64, generator=make)
    slow = slow.cumsum(0)
    loss = Spectra(n_frequencies=100)
    null, least = loss.limits(slow)
    assert loss(white, slow).item() == pytest.approx(null, rel=0.06)
    assert 0.1 < null < 1 and least == 0
    short = torch.cat([slow[:500], torch.full_like(slow[:500], torch.nan)])
    both = torch.cat([short, slow[:1000]], 1)
    alone = [loss.limits(series)[0] for series in (slow[:500], slow[:1000])]
    assert loss.limits(both)[0] == pytest.approx(sum(alone) / 2)
