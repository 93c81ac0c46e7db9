"""Fits end in minima: delays are looked for, saddles are left, and starts agree."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from drmbids import BOLD, DRMConnection, DRMNet, DRMRegressor, Events, Leaky, LearnedDelay, Run
from drmbids.brain.connections.tracts import Tracts
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.stream import Stream
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.modes import beside_saddle, may_have_modes
from drmbids.fit.training.profiles import find_delays

TIMES = 1.5 * np.arange(80)


def chain_run(truth: Any, taus: Sequence[float], delay: float, seen: str) -> Run:
    """Return a run of an area A that drives an area B, next to no noise."""
    rng = np.random.default_rng(0)
    onsets = np.cumsum(rng.uniform(5.0, 12.0, 11))
    durations = rng.uniform(0.5, 4.0, 11)
    shown = truth.shown(onsets, durations, np.zeros(11, int), 1, 120.0)
    brain = truth.Brain(taus, np.array([[1.0], [0.0]]), [(1, 0, 1.0, delay)])
    series = truth.bold(truth.activity(brain, shown), TIMES)
    noise = 0.02 * series.std(0) * rng.standard_normal((2, 80, 2))
    bold = {name: Stream((series + noise)[:, :, "AB".index(name)].T, TIMES) for name in seen}
    return Run(bold, {"events": Events(onsets, durations, ["on"] * 11)}, tr=1.5, duration=120.0)


def chain_file(taus: Sequence[float], **between: Any) -> dict[str, Any]:
    areas = {
        name: {"kind": "leaky", "units": 1, "nonlinearity": "linear", "tau_s": tau}
        for name, tau in zip("AB", taus, strict=True)
    }
    return {
        "schema_version": 1,
        "resolution_s": 0.5,
        "stimuli": {"events": {}},
        "populations": areas,
        "projections": [{"from": "events", "to": "A"}, {"from": "A", "to": "B", **between}],
        "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}},
        "training": {"n_epochs": 3},
    }


def test_a_fit_leaves_the_saddle_between_exchangeable_areas(truth: Any) -> None:
    run = chain_run(truth, (1.0, 3.0), truth.STEP, "B")
    fit = DRMRegressor(chain_file((2.0, 2.0)), n_starts=2).fit([run])
    taus = sorted(fit.parameters_table().query("parameter == 'tau'")["value"])
    assert taus == pytest.approx([1.0, 3.0], rel=0.1)
    assert set(fit.starts_["ending"]) <= {"same", "exchanged"}
    assert fit.history_[0]["n_alike"] == 2
    stuck = DRMRegressor(chain_file((2.0, 2.0)), finish="none", n_epochs=20).fit([run])
    taus = sorted(stuck.parameters_table().query("parameter == 'tau'")["value"])
    assert taus[1] - taus[0] < 1.0


def test_a_delay_is_found_from_far_away(truth: Any) -> None:
    run = chain_run(truth, (0.4, 1.0), 1.5, "AB")
    limits = {"delay_min_s": 0.1, "delay_max_s": 5.0}
    fit = DRMRegressor(chain_file((1.0, 1.0), delay_s=4.5, **limits)).fit([run])
    (delay,) = fit.parameters_table().query("parameter == 'delay'")["value"]
    assert delay == pytest.approx(1.5, rel=0.05)


def test_a_saddle_is_left_along_its_free_direction_and_a_minimum_is_not() -> None:
    def double_well(x: np.ndarray) -> tuple[float, np.ndarray]:
        u, v = x[0] + x[1], x[0] - x[1]
        slope = np.array([2 * u + 4 * v**3 - 2 * v, 2 * u - 4 * v**3 + 2 * v, 0.0])
        return u**2 + v**4 - v**2, slope

    lower = beside_saddle(double_well, np.zeros(3), [0, 1])
    assert lower is not None
    assert lower[0] == pytest.approx(-lower[1], abs=1e-6) and lower[2] == 0.0
    assert double_well(lower)[0] < -0.1
    well = np.array([1.0, -1.0, 0.0]) / np.sqrt(8)
    assert beside_saddle(double_well, well, [0, 1]) is None
    assert beside_saddle(double_well, np.zeros(3), []) is None


def delayed_net(delay: float, others: float) -> DRMNet:
    """Return a chain of three areas with two learned delays; all are seen."""
    torch.manual_seed(0)
    areas = [Leaky(1, 1, tau=0.5, nonlinearity="linear", start="random") for _ in range(3)]
    wires = [
        [None, None, None],
        [LearnedDelay(delay, 0.2, 4.0), None, None],
        [None, LearnedDelay(others, 0.2, 4.0), None],
    ]
    hrf = DoubleGamma(trainable=False)
    readout = BOLD([1] * 3, [2] * 3, regions=list("ABC"), hrf=hrf, nuisance=Nuisance("none"))
    return DRMNet(areas, [DRMConnection(), None, None], wires, readout, resolution=0.5)


def test_two_delays_are_looked_for_together() -> None:
    rng = np.random.default_rng(1)
    times = np.arange(0.0, 120.0, 1.5)
    shown = Stream((rng.random((240, 1)) < 0.1).astype(float), 0.5 * np.arange(240))
    bold = {name: Stream(np.zeros((80, 2)), times) for name in "ABC"}
    run = Run(bold, {"s": shown}, tr=1.5, duration=120.0)
    data = DRMIterator.from_runs([run], 0.5)
    true = delayed_net(1.0, 3.0)
    with torch.no_grad():
        for weights in true.readout.weights:
            weights.fill_(1.0)
    (response,), _ = DRM(true).forward(data)
    split = np.split(response, 3, 1)
    run = Run(
        {n: Stream(v, times) for n, v in zip("ABC", split, strict=True)},
        {"s": shown},
        tr=1.5,
        duration=120.0,
    )
    model = DRM(delayed_net(3.9, 0.3))
    trainee = model.trainee(DRMIterator.from_runs([run], 0.5))
    find_delays([trainee], model.runner(), None)
    found = [c.delay for c in model.net.connections if c.learns_delay]
    assert found == pytest.approx([1.0, 3.0], abs=0.5)  # values are as far apart


def test_values_that_are_tried_lie_evenly_within_the_limits() -> None:
    delays = LearnedDelay(1.0, 0.5, 2.5)
    delays.set_resolution(0.1)
    name, values = delays.delay_values(4)
    assert name == "delay" and values.tolist() == pytest.approx([0.75, 1.25, 1.75, 2.25])
    assert len(delays.delay_values(99)[1]) == 20  # a tick apart
    limits = {"velocity_min": 1.0, "velocity_max": 10.0, "trainable": ("velocity",)}
    tracts = Tracts([[0.0, 1.0], [1.0, 0.0]], [[0.0, 100.0], [100.0, 0.0]], 2.0, **limits)
    tracts.set_resolution(0.001)
    name, values = tracts.delay_values(3)
    assert name == "velocity" and (0.1 / values).tolist() == pytest.approx([0.025, 0.055, 0.085])


def test_models_without_modes_are_not_finished_by_themselves(truth: Any) -> None:
    run = chain_run(truth, (0.4, 1.0), 0.5, "AB")
    fit = DRMRegressor(chain_file((1.0, 1.0)), n_epochs=2).fit([run])
    assert not may_have_modes(fit.net_) and len(fit.history_) == 3
