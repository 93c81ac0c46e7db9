"""DoubleExponential is what its equation says, over ticks of any length."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from drmbids.brain.readouts.calcium import Calcium
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.data.tools.exceptions import ModelError


def test_it_peaks_where_its_derivative_is_zero_and_has_an_area_of_one() -> None:
    kernel = DoubleExponential(rise=0.05, decay=0.4, length=6.0).double()
    lag = torch.linspace(0.0, 6.0, 60001, dtype=torch.float64)
    values = kernel(lag)[0, 0].detach()
    peak = np.log(0.4 / 0.05) * 0.05 * 0.4 / (0.4 - 0.05)
    assert float(lag[values.argmax()]) == pytest.approx(peak, abs=2e-4)
    assert float(torch.trapezoid(values, lag)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("resolution", [0.001, 0.1, 5.0])
def test_ticks_are_integrated(resolution: float) -> None:
    """Against quadrature, also of ticks that are not over, or are longer than the response."""
    kernel = DoubleExponential(rise=0.05, decay=0.4, length=3.0).double()
    lag = torch.tensor([-resolution, -0.2 * resolution, 0.3 * resolution, 0.11, 2.99, 9.0]).double()
    found = kernel.over_ticks(lag, resolution)[0, 0].detach().numpy()

    def value(t: float) -> float:
        return float(kernel(torch.tensor([t], dtype=torch.float64)).detach())

    for mid, got in zip(lag.tolist(), found, strict=True):
        low, high = np.clip([mid - resolution / 2, mid + resolution / 2], 0.0, 3.0)
        assert got == pytest.approx(quad(value, low, high, limit=200)[0], abs=1e-6)


def test_a_response_much_shorter_than_a_tick_is_the_activity_of_the_tick() -> None:
    short = DoubleExponential(rise=1e-5, decay=1e-4, length=1e-2)
    readout = Calcium([1], [1], hrf=short)
    readout.set_resolution(0.5)
    activity = torch.randn(readout.memory + 6, 1, 1)
    (x,) = readout.features([activity], torch.arange(0.5, 3.5, 0.5).double())
    torch.testing.assert_close(x, activity[readout.memory :], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("times", [(0.0, 0.4), (0.4, 0.4), (0.1, 5.0)])
def test_faulty_time_constants(times: tuple[float, float]) -> None:
    with pytest.raises(ModelError, match="rise < decay < length"):
        DoubleExponential(rise=times[0], decay=times[1], length=3.0)
