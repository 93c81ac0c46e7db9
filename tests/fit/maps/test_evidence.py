"""Maps averaged by evidence in training: slopes, noise, restraint, and who may ask for them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.maps.evidence import EvidenceSolver
from drmbids.fit.maps.passes import gather_targets
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.epochs import MOST_EPOCHS

N_VOLUMES, N_TARGETS, N_UNITS = 40, 3, 2


def readout(derivatives: str = "time") -> BOLD:
    hrf = DoubleGamma(derivatives=derivatives)  # type: ignore[arg-type]
    return BOLD([N_UNITS], [N_TARGETS], hrf=hrf, nuisance=Nuisance("polynomial", order=1))


@pytest.fixture(params=["whole", "elements missing", "elements weighed"])
def solver(request: pytest.FixtureRequest) -> EvidenceSolver:
    make, times = np.random.default_rng(0), 2.0 * np.arange(N_VOLUMES)
    runs = []
    for _ in range(2):
        shown = Stream(make.random((N_VOLUMES, 2)), times + 1)
        measured = make.standard_normal((N_VOLUMES, N_TARGETS)).cumsum(0) * [1.0, 10.0, 0.1] + 5
        if request.param == "elements missing":
            measured[make.random(measured.shape) < 0.2] = np.nan
        weights = make.random(measured.shape) + 0.1 if request.param == "elements weighed" else None
        runs.append(Run({"A": Stream(measured, times, weights=weights)}, {"s": shown}, tr=2.0))
    data = DRMIterator.from_runs(runs, 2.0, nuisance=Nuisance("polynomial", order=1))
    return EvidenceSolver(readout(), gather_targets(data, 2))


def features(seed: int) -> list[list[torch.Tensor]]:
    make = torch.Generator().manual_seed(seed)
    shape = (N_VOLUMES, 2 * N_UNITS)
    return [[torch.randn(shape, generator=make, dtype=torch.float64) for _ in range(2)]]


def test_slopes_are_those_of_the_loss(solver: EvidenceSolver):
    x, direction = features(1), features(2)
    solver.solve(x)
    assert 0.2 < solver.rho < 0.95  # the targets are sums of all noise so far
    solver.is_held = True
    found = solver.solve(x)

    def loss(step: float) -> float:
        moved = [[a + step * d for a, d in zip(x[0], direction[0], strict=True)]]
        return float(sum(part.sum() for part in solver.solve(moved).errors))

    pairs = zip(found.slopes[0], direction[0], strict=True)
    slope = sum((s * d).sum() for s, d in pairs)
    assert float(slope) == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-5)


def test_size_of_features_does_not_matter(solver: EvidenceSolver):
    x = features(1)
    first = solver.solve(x)
    weights = solver.readout.weights[0].clone()
    solver.is_held = True
    second = solver.solve([[100 * run for run in x[0]]])
    assert float(second.errors[0].sum()) == pytest.approx(float(first.errors[0].sum()))
    torch.testing.assert_close(100 * solver.readout.weights[0], weights, rtol=1e-4, atol=1e-6)


def simulated(signal: float, seed: int, n_runs: int = 2) -> list[Run]:
    """Return runs in which SPM's response to two conditions has a share of the variance."""
    make = np.random.default_rng(seed)
    runs, effects = [], make.standard_normal((2, 20))
    for _ in range(n_runs):
        onsets = np.sort(make.uniform(0, 180, 16))
        events = Events(onsets, np.full(16, 4.0), ["a", "b"] * 8)
        times = 2.0 * np.arange(100)
        run = Run({"V1": Stream(np.zeros((100, 20)), times)}, {"events": events}, tr=2.0)
        design = GLMBaseline("spm").fit([run]).design_matrix(run).to_numpy()
        clean = (design - design.mean(0)) @ effects
        noise = make.standard_normal(clean.shape)
        values = math.sqrt(signal) * clean / clean.std(0) + math.sqrt(1 - signal) * noise
        runs.append(Run({"V1": Stream(values, times)}, {"events": events}, tr=2.0))
    return runs


LINEAR_UNITS = {"nonlinearity": "linear", "start": "single", "units": 2}
FREE = {"kind": "double_gamma", "derivatives": "shape", "trainable": False}
LINEAR = {
    "schema_version": 1,
    "resolution_s": 0.5,
    "stimuli": {"events": {}},
    "populations": {
        "V1": {"kind": "additive", "nonlinearity": "linear", "start": "single", "units": 2}
    },
    "projections": [{"from": "events", "to": "V1"}],
    "readout": {
        "kind": "bold",
        "hrf": {"kind": "double_gamma", "derivatives": "shape", "trainable": False},
    },
    "training": {"maps": "evidence"},
}


@pytest.mark.parametrize("signal", [0.05, 0.5])
def test_restraint_costs_nothing_where_a_glm_is_the_truth(signal: float):
    runs = [simulated(signal, seed) for seed in range(6)]
    gain = [
        DRMRegressor(LINEAR, n_epochs=0).fit(r[:1]).score(r[1:])
        - GLMBaseline("spm").fit(r[:1]).score(r[1:])
        for r in runs
    ]
    assert np.mean(gain) > -0.002


def test_nothing_is_explained_of_noise():
    (train, test) = simulated(0.0, 5)
    fitted = DRMRegressor(LINEAR, n_epochs=0).fit([train])
    assert fitted.history_[0]["train_loss"] == pytest.approx(1.0, abs=0.03)
    assert fitted.score([test]) > -0.01


def test_deviations_are_used_where_the_response_is_late():
    runs = simulated(0.5, 2)
    late = [
        Run(
            {
                "V1": Stream(
                    np.roll(run.responses["V1"].values, 1, axis=0)[1:], 2.0 * np.arange(1, 100)
                )
            },
            run.stimuli,
            tr=2.0,
        )
        for run in runs
    ]
    free, fixed = DRMRegressor(LINEAR, n_epochs=0).fit(late[:1]), GLMBaseline("spm").fit(late[:1])
    assert free.score(late[1:]) > fixed.score(late[1:]) + 0.05


def net() -> DRMNet:
    return DRMNet([Additive(N_UNITS, 2)], [DRMConnection()], [[None]], readout("none"), 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": 1.0}, "maps='evidence' has no penalties, got alphas=1.0"),
        ({"solve": False}, "maps='evidence' is for maps that are else solved"),
    ],
)
def test_what_does_not_go_with_it_is_refused(options: dict, message: str):
    with pytest.raises(UsageError, match=message):
        DRM(net(), maps="evidence", **options)


def test_bands_that_do_nothing_are_harmless(solver: EvidenceSolver):
    x = features(1)
    for run in x[0]:
        run[:, N_UNITS:] = 0.0
    found = solver.solve(x)
    flat: Sequence[torch.Tensor] = [*found.errors, *found.slopes[0], solver.readout.weights[0]]
    assert all(torch.isfinite(part).all() for part in flat)
    assert not solver.readout.weights[0][N_UNITS:].any()


def test_training_goes_on_as_long_as_left_out_parts_gain():
    runs = simulated(0.5, 1, n_runs=3)
    stated = {**LINEAR, "readout": {"kind": "bold", "hrf": {**FREE, "trainable": True}}}
    fitted = DRMRegressor(stated, n_epochs="auto").fit(runs)
    n_rows = len(fitted.history_)
    # the canonical response is the truth: there is hardly anything to gain
    assert n_rows - 1 <= MOST_EPOCHS
    short = DRMRegressor(stated, n_epochs="auto").fit([first_volumes(runs[0], 30)])
    assert len(short.history_) == 1


def first_volumes(run: Run, n: int) -> Run:
    stream = run.responses["V1"]
    return Run({"V1": Stream(stream.values[:n], stream.times[:n])}, run.stimuli, tr=run.tr)


def test_a_model_that_learns_the_wrong_things_stays_as_it_starts():
    """Judges of noise see no gain, whatever the units could learn."""
    runs = simulated(0.0, 7)
    units = {"kind": "leaky", "units": 6, "start": "random"}
    stated = {**LINEAR, "populations": {"V1": units}}
    assert len(DRMRegressor(stated, n_epochs="auto").fit(runs).history_) == 1
