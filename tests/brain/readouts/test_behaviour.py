"""Behaviour finds how long before a movement each unit acts, and nothing in noise."""

from dataclasses import replace

import numpy as np

from drmbids.brain.readouts.behaviour import Behaviour
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.stream import Stream

STEP = 0.05


def readout(n_windows: int = 3) -> Behaviour:
    return Behaviour(
        [2], [2], regions=["R"], nuisance=Nuisance("none"), length=STEP, n_windows=n_windows
    )


def make(recording):
    rng = np.random.default_rng(0)
    return recording(
        [rng.standard_normal((300, 2)) for _ in range(3)], STEP, STEP * np.arange(1, 301)
    )


#: Rows are unit a and b now, one window before, two before; columns the two coordinates.
WEIGHTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [-0.5, 0.0]]


def test_weights_of_windows_are_recovered(recording) -> None:
    brain = make(recording)
    runs = brain.drawn(readout(), WEIGHTS, noise=0.5)
    found = brain.fitted(runs, readout()).net.readout.weights[0].detach().numpy()
    np.testing.assert_allclose(found, WEIGHTS, atol=0.1)


def test_too_few_windows_miss_what_comes_earlier(recording) -> None:
    brain = make(recording)
    runs = brain.drawn(readout(), WEIGHTS, noise=0.1)
    scores = []
    for n in (1, 3):
        (predicted,), _ = brain.fitted(runs[:2], readout(n)).forward(
            brain.data(runs[2:], readout(n))
        )
        scores.append(np.corrcoef(predicted[:, 0], runs[2].responses["R"].values[:, 0])[0, 1])
    assert scores[0] < 0.2 and scores[1] > 0.95


def test_nothing_is_found_in_noise(recording) -> None:
    brain, rng = make(recording), np.random.default_rng(1)
    runs = [
        replace(run, responses={"R": Stream(rng.standard_normal((300, 2)), brain.times)})
        for run in brain.runs
    ]
    (predicted,), _ = brain.fitted(runs[:2], readout()).forward(brain.data(runs[2:], readout()))
    assert abs(np.corrcoef(predicted.ravel(), runs[2].responses["R"].values.ravel())[0, 1]) < 0.1
