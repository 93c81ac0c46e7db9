"""Maps trained by gradient: their objective and slopes against autograd, and where they end."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.populations.additive import Additive
from drmbids.brain.populations.leaky import Leaky
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.choice import Choice
from drmbids.brain.readouts.hemodynamics import DoubleGamma
from drmbids.brain.readouts.spikes import Spikes
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.estimators.together import fit_together
from drmbids.fit.maps.map_training import MapTrainer
from drmbids.fit.maps.passes import RunData, gather_targets
from drmbids.fit.training.drm import DRM

N_VOLUMES, N_TARGETS = 40, 3
RunsOf = Callable[..., list[Run]]


@pytest.fixture(params=["whole", "elements missing", "elements weighed"])
def data(request: pytest.FixtureRequest) -> DRMIterator:
    make, times = np.random.default_rng(0), 2.0 * np.arange(N_VOLUMES)
    runs = []
    for _ in range(2):
        shown = Stream(make.random((N_VOLUMES, 2)), times + 1)
        measured = make.standard_normal((N_VOLUMES, N_TARGETS)) * [1.0, 10.0, 0.1] + 5
        measured += shown.values[:, :1].cumsum(0)
        if request.param == "elements missing":
            measured[make.random(measured.shape) < 0.2] = np.nan
        weights = make.random(measured.shape) + 0.1 if request.param == "elements weighed" else None
        runs.append(Run({"A": Stream(measured, times, weights=weights)}, {"s": shown}, tr=2.0))
    return DRMIterator.from_runs(runs, 2.0, nuisance=Nuisance("polynomial", order=1))


def residuals(values: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Return what least squares on the basis leaves."""
    return values - basis @ torch.linalg.lstsq(basis, values).solution


def objective(
    x: list[torch.Tensor], weights: torch.Tensor, targets: RunData, scale: torch.Tensor
) -> torch.Tensor:
    """Return the weighted squared error of each target, nuisance taken out of what is there."""
    total = x[0].new_zeros(())
    counts = targets.get("weight") or [torch.ones(N_VOLUMES, N_TARGETS)] * len(x)
    series = zip(x, targets.get("response"), targets.get("nuisance"), counts, strict=True)
    for features, measured, basis, count in series:
        for v in range(N_TARGETS):
            keep = ~measured[:, v].isnan()
            root = count[keep, v : v + 1].double().sqrt()
            rest = measured[keep, v].double() - features[keep] @ weights[:, v]
            clean = residuals(root * rest[:, None], root * basis[keep].double())
            total = total + (clean / scale[v]).square().sum()
    return total


def test_objective_and_slopes_are_those_of_autograd(data: DRMIterator) -> None:
    targets = gather_targets(data, data.n_runs)
    readout = BOLD([4], [N_TARGETS], nuisance=Nuisance("polynomial", order=1))
    trainer = MapTrainer(readout, targets)
    make = torch.Generator().manual_seed(0)
    with torch.no_grad():
        trainer.free[0].normal_(generator=make)
    x = [torch.randn(N_VOLUMES, 4, generator=make, dtype=torch.float64) for _ in range(2)]
    for features in x:
        features.requires_grad_(True)
    solution = trainer.solve([x])
    free, scale = trainer.free[0].detach().double().requires_grad_(True), targets.target_scale()
    expected = objective(x, free * scale, targets, scale)
    *slopes, gradient = torch.autograd.grad(expected, [*x, free])
    torch.testing.assert_close(sum(e.sum() for e in solution.errors), expected.detach())
    for found, slope in zip(solution.slopes[0], slopes, strict=True):
        torch.testing.assert_close(found, slope)
    found = trainer.free[0].grad
    assert found is not None
    torch.testing.assert_close(found.double() * trainer.n_measured, gradient, rtol=1e-5, atol=1e-5)


def fixed_net() -> DRMNet:
    """Return a net of which nothing but the maps is trained."""
    population = Leaky(2, 2, tau=[0.1, 4.0], nonlinearity="linear")
    population.set_prior("tau", None, None)
    readout = BOLD(
        [2],
        [N_TARGETS],
        hrf=DoubleGamma(trainable=False),
        regions=["A"],
        nuisance=Nuisance("polynomial", order=1),
    )
    net = DRMNet([population], ws=[DRMConnection()], Wp=[[None]], readout=readout, resolution=2.0)
    maps = {id(p) for p in readout.linear_parameters()}
    for p in net.parameters():
        p.requires_grad_(id(p) in maps)
    return net


@pytest.mark.parametrize("data", ["whole", "elements missing"], indirect=True)
def test_maps_of_fixed_activity_end_at_least_squares(data: DRMIterator) -> None:
    torch.manual_seed(0)
    trained = fixed_net()
    solved = fixed_net()
    solved.load_state_dict(trained.state_dict())
    losses, _ = DRM(trained, maps="trained", learning_rate=0.3).estimate(data, n_epochs=120)
    DRM(solved, alphas=1e-9).estimate(data, n_epochs=0)
    assert losses[0] == pytest.approx(1.0, rel=1e-5)  # maps begin at zero
    one, other = (DRM(net).forward(data)[0] for net in (trained, solved))
    for mine, best in zip(one, other, strict=True):
        scale = best.std(0)
        np.testing.assert_allclose(mine / scale, best / scale, atol=0.05)


def test_models_trained_together_end_as_alone(runs_of: RunsOf) -> None:
    runs = runs_of((24, 24))

    def estimators() -> list[DRMRegressor]:
        return [DRMRegressor(n_epochs=3, maps="trained", random_state=k) for k in range(2)]

    alone = [estimator.fit(runs) for estimator in estimators()]
    beside = estimators()
    fit_together(beside, [runs] * 2)
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_allclose(one.predict(runs)[0], other.predict(runs)[0], atol=1e-4)


@pytest.mark.parametrize("options", [{"alphas": 1.0}, {"solve": False}])
def test_trained_maps_have_no_penalty(options: dict) -> None:
    with pytest.raises(UsageError, match="maps='trained'"):
        DRM(fixed_net(), maps="trained", **options)


@pytest.mark.parametrize(("kind", "loss"), [(Choice, "CrossEntropy"), (Spikes, "Poisson")])
def test_maps_that_are_not_solved_are_trained_as_it_is(kind: type, loss: str) -> None:
    readout = kind([2], [3], regions=["R"])
    net = DRMNet([Additive(2, 1)], [DRMConnection()], [[None]], readout, 0.5, {"s": 1})
    with pytest.raises(UsageError, match=f"those of {loss} are trained by gradient as it is"):
        DRM(net, maps="trained")


def test_unknown_maps_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown maps 'guessed'"):
        DRM(fixed_net(), maps="guessed")  # type: ignore[arg-type]
