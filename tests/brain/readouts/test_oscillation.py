"""Oscillation gives the power of its band, whatever the phase."""

import math

import pytest
import torch

from drmbids.brain.readouts.lfp import LFP
from drmbids.brain.readouts.oscillation import Oscillation
from drmbids.data.tools.exceptions import ModelError

STEP = 0.005


def power(frequency: float, phase: float = 0.0) -> float:
    readout = LFP([1], [1], hrf=Oscillation(low=8.0, high=12.0), output="power")
    readout.set_resolution(STEP)
    ticks = STEP * (torch.arange(readout.memory + 40) + 0.5)
    activity = torch.sin(2 * math.pi * frequency * ticks + phase)[:, None, None]
    (x,) = readout.features([activity], torch.tensor([0.1]))
    return float(x)


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5])
def test_a_sinusoid_of_amplitude_one_has_a_power_of_one(phase: float) -> None:
    assert power(10.0, phase) == pytest.approx(1.0, rel=0.02)


def test_half_of_the_amplitude_is_left_at_the_limits_and_little_beyond() -> None:
    for edge in (8.0, 12.0):
        assert math.sqrt(power(edge)) == pytest.approx(0.5, abs=0.03)
    assert power(4.0) < 0.01 and power(20.0) < 0.01


def test_faulty_bands() -> None:
    with pytest.raises(ModelError, match="0 < low < high"):
        Oscillation(low=12.0, high=8.0)
    readout = LFP([1], [1], hrf=Oscillation(low=8.0, high=12.0))
    with pytest.raises(ModelError, match="cannot show 12 Hz"):
        readout.set_resolution(0.1)
