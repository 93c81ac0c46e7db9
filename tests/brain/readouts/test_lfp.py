"""LFP tells excitation from inhibition by their weights, and power from potential."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.brain.readouts.lfp import LFP
from drmbids.brain.readouts.oscillation import Oscillation
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import ModelError

STEP = 0.002


def readout(**options: object) -> LFP:
    return LFP([2], [1], regions=["R"], nuisance=Nuisance("none"), **options)


def make(recording):
    rng = np.random.default_rng(0)
    values = [np.abs(rng.standard_normal((400, 2))) for _ in range(3)]
    return recording(values, STEP, STEP * np.arange(1, 401))


def test_currents_of_excitation_and_inhibition_are_recovered(recording) -> None:
    brain = make(recording)
    runs = brain.drawn(readout(), [[1.0], [-2.0]], snr=1.0)
    weights = brain.fitted(runs, readout()).net.readout.weights[0].detach().ravel()
    assert weights.tolist() == pytest.approx([1.0, -2.0], abs=0.25)


def test_the_time_constant_of_a_synapse_is_recovered(recording) -> None:
    brain = make(recording)
    true = DoubleExponential(rise=0.001, decay=0.015, length=0.08, trainable=False)
    runs = brain.drawn(readout(hrf=true), [[1.0], [-2.0]], snr=3.0)
    found = DoubleExponential(rise=0.001, decay=0.006, length=0.08)
    brain.fitted(runs, readout(hrf=found), n_epochs=25)
    assert found.value("decay").item() == pytest.approx(0.015, rel=0.2)


def test_power_is_what_predicts_power(recording) -> None:
    brain = make(recording)

    def band() -> LFP:
        return readout(hrf=Oscillation(low=30.0, high=60.0), output="power")

    runs = brain.drawn(band(), [[1.0], [0.3]], snr=2.0)
    scores = []
    for kind in (band(), readout()):
        (predicted,), _ = brain.fitted(runs[:2], kind).forward(brain.data(runs[2:], kind))
        scores.append(np.corrcoef(predicted[:, 0], runs[2].responses["R"].values[:, 0])[0, 1])
    assert scores[0] > 0.8 and abs(scores[1]) < 0.4


def test_nothing_is_found_in_noise(recording) -> None:
    brain, rng = make(recording), np.random.default_rng(1)
    runs = [
        replace(run, responses={"R": Stream(rng.standard_normal((400, 1)), brain.times)})
        for run in brain.runs
    ]
    (predicted,), _ = brain.fitted(runs[:2], readout()).forward(brain.data(runs[2:], readout()))
    assert abs(np.corrcoef(predicted.ravel(), runs[2].responses["R"].values.ravel())[0, 1]) < 0.12


def test_both_outputs_have_their_features() -> None:
    pair = Oscillation(low=0.1, high=0.4)
    assert LFP([2], [1], hrf=pair).n_features(0) == 4
    assert LFP([2], [1], hrf=pair, output="power").n_features(0) == 2
    with pytest.raises(ModelError, match="unknown output 'current'"):
        LFP([2], [1], output="current")
    assert torch.is_tensor(LFP([2], [1]).bias)
