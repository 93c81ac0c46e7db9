"""A chain of two areas, data drawn from it with realistic noise, and fits to them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from drmbids import DRMNet, DRMRegressor, Run, Stream, fit_together, simulate_runs
from drmbids.brain.modelfile.load import as_model
from drmbids.brain.simulation.design import draw_gains, random_events
from drmbids.brain.simulation.noise import autoregression, noise_for_snr
from drmbids.brain.simulation.simulate import predict

TR, N_TARGETS, AUTOCORRELATION = 2.0, 8, 0.5


def chain(learned_hrf: bool = False, n_epochs: int = 40, confounds: str = "per_run") -> dict:
    """Return a model file: V1 follows the stimulus, V2 follows V1 late and slowly."""
    return {
        "schema_version": 1,
        "name": "chain",
        "resolution_s": 1.0,
        "stimuli": {"events": {"conditions": ["a", "b"]}},
        "populations": {
            "V1": {"kind": "additive", "units": 1, "nonlinearity": "linear"},
            "V2": {"kind": "leaky", "units": 1, "tau_s": 2.0, "nonlinearity": "linear"},
        },
        "projections": [
            {"from": "events", "to": "V1"},
            {"from": "V1", "to": "V2", "delay_s": 1.7, "delay_min_s": 0.5, "delay_max_s": 5.0},
        ],
        "readout": {
            "kind": "bold",
            "hrf": {"kind": "double_gamma", "shape": "spm", "trainable": learned_hrf},
            "confounds": confounds,
        },
        "training": {"n_epochs": n_epochs, "learning_rate": 0.1, "random_state": 0},
    }


def areas(n_epochs: int = 30) -> dict:
    """Return a model file that trains fast: both areas follow the stimulus, each slowly."""
    return {
        **chain(n_epochs=n_epochs),
        "populations": {
            name: {"kind": "leaky", "units": 1, "tau_s": tau, "nonlinearity": "linear"}
            for name, tau in (("V1", 2.5), ("V2", 4.0))
        },
        "projections": [{"from": "events", "to": name} for name in ("V1", "V2")],
    }


def templates(n_runs: int, duration: float) -> list[Run]:
    """Return runs with events and confounds, and responses of zero."""
    rng, times = np.random.default_rng(0), TR * np.arange(round(duration / TR))
    silent = {name: Stream(np.zeros((len(times), N_TARGETS)), times) for name in ("V1", "V2")}
    return [
        Run(
            silent,
            {"events": random_events(("a", "b"), duration, rng)},
            Stream(rng.normal(size=(len(times), 2)), times),
            duration=duration,
            tr=TR,
            entities={"run": str(k)},
        )
        for k in range(n_runs)
    ]


def true_net(runs: Sequence[Run], **options: object) -> DRMNet:
    """Return a net whose time constant and delay are not those that fits start from."""
    net = as_model(chain(**options)).build(runs)
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.tensor([[1.0, 0.5]]))
        net.populations[1].weight.fill_(1.0)
    net.populations[1].set_value("tau", 3.0)
    net.afferents[1][0].connection.set_value("delay", 2.3)
    draw_gains(net, np.random.default_rng(1))
    return net


def draw(net: DRMNet, runs: Sequence[Run], seed: int) -> list[Run]:
    """Return runs with autocorrelated noise, half of whose variance all targets share."""
    size, rng = noise_for_snr(predict(net, runs), 1.0) / np.sqrt(2), np.random.default_rng(seed)
    drawn = simulate_runs(
        net, runs, noise=size, autocorrelation=AUTOCORRELATION, drift=0.5, random_state=rng
    )
    return [_with_shared_noise(run, size, rng) for run in drawn]


def _with_shared_noise(run: Run, size: float, rng: np.random.Generator) -> Run:
    shared = size * autoregression(rng, (len(run.measured_times()), 1), AUTOCORRELATION)
    streams = run.responses.items()
    return replace(run, responses={n: Stream(s.values + shared, s.times) for n, s in streams})


@pytest.fixture(scope="package")
def true() -> DRMNet:
    """Return the net that data are drawn from: not the one that fits start from."""
    net = as_model(areas()).build(templates(2, 240.0))
    for population, weights, tau in zip(
        net.populations, ([1.0, 0.5], [0.4, 1.0]), (3.0, 5.0), strict=True
    ):
        with torch.no_grad():
            population.weight.copy_(torch.tensor([weights]))
        population.set_value("tau", tau)
    draw_gains(net, np.random.default_rng(1))
    return net


@pytest.fixture(scope="package")
def data(true: DRMNet) -> list[list[Run]]:
    """Return data sets that differ in noise alone."""
    shown = templates(2, 240.0)
    return [draw(true, shown, 100 + seed) for seed in range(20)]


@pytest.fixture(scope="package")
def fits(data: list[list[Run]]) -> list[DRMRegressor]:
    """Return a model fitted to each data set."""
    found = [DRMRegressor(areas(), alphas=1e-3) for _ in data]
    fit_together(found, data)
    return found


@pytest.fixture
def make() -> Callable[..., tuple[DRMNet, list[Run]]]:
    """Return a maker of a true net and runs to draw from it."""

    def build(n_runs: int, duration: float, **options: object) -> tuple[DRMNet, list[Run]]:
        shown = templates(n_runs, duration)
        return true_net(shown, **options), shown

    return build
