"""Long series: the band of the response matrix alone, equal to the whole matrix."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from drmbids.brain.readouts import convolution
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.calcium import Calcium
from drmbids.brain.readouts.convolution import ConvolvedReadout
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.brain.readouts.fir import FIR
from drmbids.brain.readouts.gru import GRUReadout
from drmbids.brain.readouts.hemodynamics import DoubleGamma, SmoothHRF
from drmbids.brain.readouts.lfp import LFP
from drmbids.brain.readouts.oscillation import Oscillation
from drmbids.maths.signals.banded import make_bands

RESOLUTION, N_TICKS = 0.1, 700
MAKE = np.random.default_rng(0)

READOUTS: dict[str, Callable[[], ConvolvedReadout]] = {
    "double_gamma": lambda: BOLD([2], [1], hrf=DoubleGamma(length=8.0)),
    "derivatives": lambda: BOLD([2], [1], hrf=DoubleGamma(length=9.0, derivatives="time")),
    "regions": lambda: BOLD([2, 1], [1, 1], hrf=SmoothHRF(n_regions=2, length=7.05)),
    "fir": lambda: BOLD([1], [1], hrf=FIR(n_delays=4, length=6.0)),
    "calcium": lambda: Calcium([2], [1], saturation="hill"),
    "short": lambda: LFP([2], [1], hrf=DoubleExponential(rise=0.01, decay=0.02, length=0.1)),
    "power": lambda: LFP([2], [1], hrf=Oscillation(low=1.0, high=2.0), output="power"),
    "gru": lambda: GRUReadout([2], [1], n_delays=3, length=4.0),
}

TIMES = {
    "regular": 0.5 * np.arange(140),
    "frames": np.arange(700) / 30,  # no multiple of a tick
    "irregular": np.sort(MAKE.uniform(0.0, 70.0, 90)),
    "crowded": np.concatenate([MAKE.uniform(30.0, 30.2, 60), MAKE.uniform(0.0, 70.0, 6)]),
    "outside": np.array([-3.0, 0.0, 69.9, 71.0, 75.0, 400.0]),
}


def results(readout: ConvolvedReadout, times: np.ndarray) -> tuple[list[Tensor], list[Tensor]]:
    """Return features, and gradients for activity and parameters of a sum of their squares."""
    torch.manual_seed(1)
    activity = [
        torch.rand(readout.memory + N_TICKS, 2, n, dtype=torch.float64, requires_grad=True)
        for n in readout.n_units
    ]
    features = readout.features(activity, torch.from_numpy(times))
    inputs = [*activity, *(p for p in readout.parameters() if p.requires_grad)]
    total = sum(x.square().sum() for x in features)
    assert isinstance(total, Tensor)
    gradients = torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    return features, list(gradients)


@pytest.mark.parametrize("series", TIMES)
@pytest.mark.parametrize("name", READOUTS)
def test_the_band_gives_what_the_whole_matrix_gives(
    name: str, series: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    readout = READOUTS[name]().double()
    readout.set_resolution(RESOLUTION)
    whole = results(readout, TIMES[series])
    monkeypatch.setattr(convolution, "MOST_WHOLE", -1)
    readout._lags.clear()
    assert readout.response_matrix(
        torch.from_numpy(TIMES[series]),
        readout.memory,
        N_TICKS,
        torch.zeros((), dtype=torch.float64),
    )[1]
    readout._lags.clear()
    for wanted, got in zip(whole, results(readout, TIMES[series]), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", ["frames", "crowded", "irregular"])
def test_what_is_made_grows_with_the_length_of_a_series(name: str) -> None:
    """Twice the series, twice the entries: 11,000 frames need megabytes where they took 5 GB."""
    length, sizes = 1.0, []
    for n in (1_500, 3_000):
        if name == "frames":
            times, resolution = np.arange(n) / 30, 1 / 120
        else:
            make = np.random.default_rng(0)
            end = 10.0 if name == "crowded" else n / 30
            times, resolution = np.sort(make.uniform(0.0, end, n)), 1 / 120
        n_ticks = round(n / 30 / resolution)
        lag = make_bands(torch.from_numpy(times), 120, n_ticks, resolution, length).lag
        sizes.append(lag.numel())
        assert lag.numel() < 4 * n * (120 + 3)
        assert int((lag < length).sum()) >= n * 100  # nothing that is seen was left out
    assert sizes[1] < 2.2 * sizes[0]


def test_a_whole_run_of_frames_is_read_in_bands() -> None:
    readout = Calcium([1], [1])
    readout.set_resolution(1 / 60)
    n_frames, past = 1500, readout.memory
    times = torch.arange(n_frames, dtype=torch.float64) / 30
    matrix, bands = readout.response_matrix(times, past, 2 * n_frames, torch.zeros(()))
    assert bands and matrix.numel() < 2.5 * n_frames * past
    # one event, through the response as it is
    activity = torch.zeros(past + 2 * n_frames, 1, 1)
    activity[past + 600] = 60.0
    [seen] = readout.features([activity], times)
    lag = times - 10.0 - 0.5 / 60
    wanted = readout.hrf(lag.to(torch.float32))[0, 0].detach()
    near = (lag > 0.05) & (lag < 2.9)
    torch.testing.assert_close(seen[near, 0, 0].detach(), wanted[near], rtol=0.02, atol=1e-3)
    assert not seen[(lag < -0.05) | (lag > 3.1)].any()
