"""Calcium: the indicator's time constants and saturation are recovered, and none from noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids import FIR, Nuisance, SmoothHRF
from drmbids.brain.readouts.calcium import Calcium
from drmbids.brain.readouts.double_exponential import DoubleExponential
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import ModelError

STEP = 0.05


def readout(**options: object) -> Calcium:
    return Calcium([2], [1], regions=["R"], nuisance=Nuisance("none"), **options)


def make(recording):
    rng = np.random.default_rng(0)
    # spikes are impulses: as high as a tick is short
    values = [rng.poisson([0.03, 0.02], (600, 2)) / STEP for _ in range(3)]
    return recording(values, STEP, STEP * np.arange(1, 601, 2))


def truth(**options: object) -> Calcium:
    return readout(hrf=DoubleExponential(rise=0.08, decay=0.7), **options)


def test_time_constants_are_recovered(recording) -> None:
    brain, found = make(recording), readout()
    brain.fitted(brain.drawn(truth(), [[1.0], [0.5]], snr=3.0), found, n_epochs=60)
    assert found.hrf.value("decay").item() == pytest.approx(0.7, rel=0.1)
    assert found.hrf.value("rise").item() == pytest.approx(0.08, rel=0.3)


def test_saturation_is_recovered_and_predicts_better_than_proportion(recording) -> None:
    brain, true = make(recording), truth(saturation="hill")
    true.set_value("hill", 2.5)
    true.set_value("half_saturation", 1.5)
    runs = brain.drawn(true, [[1.0], [0.0]], snr=4.0)
    scores, found = {}, None
    for kind in ("none", "hill"):
        found = readout(saturation=kind)
        model = brain.fitted(runs[:2], found, n_epochs=60, learning_rate=0.1)
        (predicted,), _ = model.forward(brain.data(runs[2:], found))
        measured = runs[2].responses["R"].values
        scores[kind] = np.corrcoef(predicted[:, 0], measured[:, 0])[0, 1]
    assert scores["hill"] > scores["none"] + 0.01
    assert found is not None and found.value("hill").item() > 1.5


@pytest.mark.parametrize("hrf", [SmoothHRF(), FIR(n_delays=14)], ids=str)
def test_a_response_of_any_shape_is_found_too(recording, hrf) -> None:
    brain = make(recording)
    runs = brain.drawn(truth(), [[1.0], [0.5]], snr=3.0)
    found = readout(hrf=hrf)
    n_epochs = 0 if isinstance(hrf, FIR) else 60
    (predicted,), _ = brain.fitted(runs[:2], found, n_epochs).forward(brain.data(runs[2:], found))
    (best,), _ = brain.fitted(runs[:2], truth()).forward(brain.data(runs[2:], truth()))
    assert np.corrcoef(predicted[:, 0], best[:, 0])[0, 1] > 0.95


def test_nothing_is_found_in_noise(recording) -> None:
    brain, rng = make(recording), np.random.default_rng(1)
    runs = [
        replace(run, responses={"R": Stream(rng.standard_normal((300, 1)), brain.times)})
        for run in brain.runs
    ]
    model = brain.fitted(runs[:2], readout(), n_epochs=20)
    (predicted,), _ = model.forward(brain.data(runs[2:], readout()))
    assert abs(np.corrcoef(predicted.ravel(), runs[2].responses["R"].values.ravel())[0, 1]) < 0.12


def test_saturation_keeps_one_at_one_and_its_limit() -> None:
    build = readout(saturation="hill")
    build.set_value("half_saturation", 2.0)
    build.set_value("hill", 3.0)
    n, half = (build.value(name)[0] for name in ("hill", "half_saturation"))
    found = build._saturated(torch.tensor([0.0, 1.0, 2.0, 1e9]), n, half).detach()
    assert found.tolist() == pytest.approx([0.0, 1.0, 4.5, 9.0], abs=1e-4)


def test_faulty_arguments() -> None:
    with pytest.raises(ModelError, match="unknown saturation"):
        readout(saturation="soft")
    with pytest.raises(ModelError, match="one basis function"):
        readout(hrf=FIR(), saturation="hill")
