"""Nets beside a simulator of steps of 5 ms that knows of no ticks.

Two areas with delays forward and back, blocks that begin and end within ticks. Whatever the
resolution, series and delays must come out where they are: the error falls with the square of the
tick, and no part of it is a shift in time.
"""

from functools import cache
from types import ModuleType

import numpy as np
import pytest
import torch

from drmbids import BOLD, Balloon, DRMConnection, DRMNet, Events, Leaky, LearnedDelay, Run
from drmbids.brain.readouts.base import DRMReadout
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.simulation.simulate import predict

SECONDS, TR, TAUS, BACK, FEEDBACK = 120.0, 1.0, (0.4, 0.8), -0.4, 0.5
TIMES = TR * np.arange(2, 118)
RESOLUTIONS = (0.5, 0.25, 0.1)


def events() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return np.cumsum(rng.uniform(2.5, 7.0, 20)), rng.uniform(0.4, 2.5, 20)


@cache
def series(truth: ModuleType, delay: float, measured: str = "bold") -> np.ndarray:
    """Return the true series of both areas at the measured times."""
    onsets, durations = events()
    stimulus = truth.shown(onsets, durations, np.zeros(20, int), 1, SECONDS)
    brain = truth.Brain(
        TAUS, np.array([[1.0], [0.0]]), [(1, 0, 1.0, delay), (0, 1, BACK, FEEDBACK)]
    )
    return getattr(truth, measured)(truth.activity(brain, stimulus), TIMES)


def net(resolution: float, delay: float, readout: DRMReadout | None = None) -> DRMNet:
    """Return the same areas as a net, its maps those of series as they are."""
    V1, V2 = (
        Leaky(1, n, tau=tau, nonlinearity="linear") for n, tau in zip((2, 1), TAUS, strict=True)
    )
    forward = LearnedDelay(delay, 0.2, 4.0)
    made = DRMNet(
        {"V1": V1, "V2": V2},
        [DRMConnection(), None],
        [[None, DRMConnection(FEEDBACK)], [forward, None]],
        readout or BOLD([1, 1], [1, 1], hrf=DoubleGamma()),
        resolution=resolution,
        stimuli={"events": ["on"]},
    )
    with torch.no_grad():
        V1.weight.copy_(torch.tensor([[1.0, BACK]]))
        V2.weight.fill_(1.0)
        for weights in made.readout.weights:
            weights.fill_(1.0)
    return made


def predicted(made: DRMNet) -> np.ndarray:
    onsets, durations = events()
    shown = {"events": Events(onsets, durations, ["on"] * 20)}
    (run,) = predict(made, [Run({}, shown, duration=SECONDS, tr=TR)])
    return np.asarray(run)[2:118]


def shift(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return how much later series are than others in s: the error over the slope."""
    slope = np.gradient(wanted, TR, axis=0)
    return -((got - wanted) * slope).sum(0) / (slope**2).sum(0)


@pytest.mark.parametrize("measured", ["bold", "balloon"])
def test_series_are_those_of_small_steps_but_for_the_square_of_the_tick(
    truth: ModuleType, measured: str
) -> None:
    wanted = series(truth, 1.0, measured)
    errors, shifts = [], []
    for resolution in RESOLUTIONS:
        readout = Balloon([1, 1], [1, 1]) if measured == "balloon" else None
        got = predicted(net(resolution, 1.0, readout))
        errors.append(np.abs(got - wanted).max() / wanted.std())
        shifts.append(np.abs(shift(got, wanted)).max())
    assert errors[0] < 0.06 and shifts[0] < 0.02  # half a tick would be 0.25 s
    for series_of in (errors, shifts):
        # balloons take steps of their own, no longer than 0.2 s
        assert series_of[1] < 0.45 * series_of[0] and series_of[2] < 0.45 * series_of[1]


@pytest.mark.parametrize(
    ("resolution", "delay"), [(0.5, 0.5), (0.5, 1.0), (0.5, 2.0), (0.25, 1.0), (0.1, 1.0)]
)
def test_the_delay_that_fits_best_is_the_true_one(
    truth: ModuleType, resolution: float, delay: float
) -> None:
    """By the step of least squares from 0.1 s to either side of it."""
    wanted, made = series(truth, delay), net(resolution, 1.5)
    around = []
    for seconds in (delay - 0.1, delay + 0.1):
        made.connections[2].set_value("delay", seconds)
        around.append(predicted(made))
    slope, middle = (around[1] - around[0]) / 0.2, (around[0] + around[1]) / 2
    found = delay + (slope * (wanted - middle)).sum() / (slope**2).sum()
    assert abs(found - delay) < 0.03
