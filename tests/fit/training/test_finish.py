"""A training ends in a minimum by L-BFGS: that of the objective, where epochs do not get to."""

import copy
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from drmbids.brain.connections.base import DRMConnection
from drmbids.brain.net.net import DRMNet
from drmbids.brain.nodes import log_prior
from drmbids.brain.populations.additive import Additive
from drmbids.brain.readouts.bold import BOLD
from drmbids.brain.readouts.hemodynamics import SmoothHRF
from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import UsageError
from drmbids.data.tools.interruption import Interrupted, ask_to_stop, watching
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.fit.maps.solver import MapSolver
from drmbids.fit.training import finish as module
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.together import Fit, train_together

RunsOf = Callable[..., list[Run]]
NetOf = Callable[..., DRMNet]

BEFORE_THE_END = pytest.mark.filterwarnings("ignore:.*training stopped before a minimum")


def data_of(runs: list[Run]) -> DRMIterator:
    return DRMIterator.from_runs(runs, 0.5)


def smooth_net(seed: int = 0) -> DRMNet:
    """Return one unit whose hemodynamic response has no shape beforehand."""
    torch.manual_seed(seed)
    return DRMNet(
        [Additive(1, 2, nonlinearity="linear")],
        ws=[DRMConnection()],
        Wp=[[None]],
        readout=BOLD([1], [3], regions=["A"], hrf=SmoothHRF(), nuisance=Nuisance("none")),
        resolution=0.5,
    )


def slopes_of(model: DRM, data: DRMIterator) -> float:
    """Return the largest slope of the objective where a model is, priors included."""
    problem = module._Problem(model.trainee(data), model.runner(), None, 0, 99)
    return float(np.abs(problem(problem.values())[1]).max())


def test_it_reaches_a_minimum_that_more_epochs_do_not(runs_of: RunsOf) -> None:
    data = data_of(runs_of((24, 24), regions=("A",)))
    plain, finished = (
        DRM(smooth_net(), learning_rate=0.03, alphas=0.1, finish=f, n_finish_passes=60)
        for f in (None, "lbfgs")
    )
    more, _ = plain.estimate(data, n_epochs=70)
    losses, _ = finished.estimate(data, n_epochs=10)
    *epochs, last = finished.history
    assert len(losses) == 12 and len(epochs) == 11
    assert 10 < last["epoch"] <= 70
    assert last["objective"] == min(row["objective"] for row in finished.history)
    assert last["objective"] < min(row["objective"] for row in plain.history) - 1e-4
    assert min(losses) < min(more)
    assert slopes_of(finished, data) < 0.05 * slopes_of(plain, data)


def test_penalties_are_held_on_the_way_and_belong_to_where_it_ends(
    runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, passes = data_of(runs_of((24, 24), "elements", regions=("A",))), []
    evaluate = module._Problem.__call__

    def recorded(problem: module._Problem, values: np.ndarray) -> tuple[float, np.ndarray]:
        found = evaluate(problem, values)
        passes.append((chosen(problem), found[0]))
        return found

    def chosen(problem: module._Problem) -> tuple[float, ...]:
        (objective,) = problem.trainee.objectives
        assert isinstance(objective.solver, MapSolver)
        (choice,) = objective.solver.last
        assert choice is not None
        return tuple(choice.alpha.tolist())

    monkeypatch.setattr(module._Problem, "__call__", recorded)
    model = DRM(smooth_net(), learning_rate=0.03, finish="lbfgs", n_finish_passes=200)
    model.estimate(data, n_epochs=2)
    rounds = [penalties for penalties, _ in itertools.groupby(passes, key=lambda one: one[0])]
    assert 1 < len(rounds) < len(passes) / 5
    last = model.history[-1]["objective"]
    assert last == pytest.approx(min(value for a, value in passes if a == rounds[-1]), rel=1e-9)
    problem = module._Problem(model.trainee(data), model.runner(), None, 0, 9)
    value, slope = evaluate(problem, problem.values())  # penalties chosen anew
    assert chosen(problem) == rounds[-1]
    assert value == pytest.approx(last, rel=1e-9)
    assert np.abs(slope).max() < 1e-4


def test_the_objective_has_the_priors_and_its_gradient(net_of: NetOf, runs_of: RunsOf) -> None:
    net, data = net_of(), data_of(runs_of())
    net.readout.hrf.set_prior("delay", 9.0, 0.1)
    model = DRM(net, alphas=1.0)
    problem = module._Problem(model.trainee(data), model.runner(), None, 0, 99)
    start = problem.values()
    value, slope = problem(start)
    ours, prior = problem.trainee, log_prior(net)
    assert prior is not None
    n = sum(o.targets.n_independent() for o in ours.objectives)
    loss = value + 2 * problem.variance / n * prior.item()
    assert loss == pytest.approx(problem.variance)
    for k in np.argsort(-np.abs(slope))[:4]:
        step = np.zeros_like(start)
        step[k] = 1e-5
        found = (problem(start + step)[0] - problem(start - step)[0]) / 2e-5
        assert found == pytest.approx(slope[k], rel=1e-3)


def test_side_by_side_as_alone(net_of: NetOf, runs_of: RunsOf) -> None:
    data = data_of(runs_of())
    make = [lambda s=s: DRM(net_of(seed=s), finish="lbfgs", n_finish_passes=6) for s in (0, 1)]
    models = [one() for one in make]
    ended = train_together([Fit(model, data, None, 3) for model in models])
    for model, one, (objective, _) in zip(models, make, ended, strict=True):
        alone = one()
        alone.estimate(data, n_epochs=3)
        for found, wanted in zip(model.history, alone.history, strict=True):
            assert found["objective"] == pytest.approx(wanted["objective"], rel=1e-5)
        assert objective == min(row["objective"] for row in model.history)


@BEFORE_THE_END
def test_validation_runs_decide(net_of: NetOf, runs_of: RunsOf) -> None:
    runs = runs_of()
    model = DRM(net_of(), finish="lbfgs", n_finish_passes=8)
    _, unseen = model.estimate(data_of(runs[:2]), data_of(runs[2:]), n_epochs=2)
    assert len(unseen) == 4
    assert unseen[-1] == min(unseen)
    assert model.history[-1]["objective"] == unseen[-1]


def test_a_step_too_far_is_taken_back(
    net_of: NetOf, runs_of: RunsOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = module.run_epoch, []

    def blind(*args, **options) -> list[float]:
        calls.append(run(*args, **options))
        return [math.nan] if len(calls) in (3, 6) else calls[-1]

    monkeypatch.setattr(module, "run_epoch", blind)
    model = DRM(net_of(), finish="lbfgs", n_finish_passes=12)
    losses, _ = model.estimate(data_of(runs_of()), n_epochs=2)
    assert len(calls) > 6 and losses[-1] < min(losses[:-1])


def test_nothing_to_move_and_nothing_whole(net_of: NetOf, runs_of: RunsOf) -> None:
    net, data = net_of(), data_of(runs_of())
    fixed = copy.deepcopy(net).requires_grad_(False)
    model = DRM(fixed, finish="lbfgs")
    assert len(model.estimate(data, n_epochs=1)[0]) == 2  # maps are all that there is
    model = DRM(net, finish="lbfgs")
    with pytest.raises(UsageError, match="stop after 20 ticks; leave window or finish out"):
        model.estimate(data, cutoff=20)
    windows = DRMIterator.from_runs(runs_of(), 0.5, window=24)
    with pytest.raises(UsageError, match="stop after 24 ticks"):
        train_together([Fit(model, windows)])
    with pytest.raises(UsageError, match="unknown finish 'newton'; choose auto, lbfgs or none"):
        DRM(net, finish="newton")
    with pytest.raises(UsageError, match="n_finish_passes must be an integer, 1 or more, got 0"):
        DRM(net, n_finish_passes=0)


def test_a_stop_on_the_way_leaves_the_best_state(net_of: NetOf, runs_of: RunsOf) -> None:
    model = DRM(net_of(), finish="lbfgs", callbacks=[lambda row: row["epoch"] and ask_to_stop()])
    with pytest.raises(Interrupted), watching(None):
        model.estimate(data_of(runs_of()), n_epochs=1)
    assert len(model.history) == 2
    assert all(bool(torch.isfinite(p).all()) for p in model.net.parameters())


@BEFORE_THE_END
def test_model_files_and_several_starts_ask_for_it() -> None:
    times = 2.0 * np.arange(30)
    runs = [
        Run(
            {"A": Stream(np.random.default_rng(k).normal(size=(30, 2)), times)},
            {"s": Stream(np.sin(times + k)[:, None], times + 1.0, columns=["s"])},
            tr=2.0,
        )
        for k in range(2)
    ]
    stated = {
        "schema_version": 1,
        "stimuli": {"s": {}},
        "populations": {"A": {"kind": "leaky", "units": 1}},
        "projections": [{"from": "s", "to": "A"}],
        "training": {"n_epochs": 2, "finish": "lbfgs", "n_finish_passes": 4, "n_starts": 2},
    }
    model = DRMRegressor(stated).fit(runs)
    assert len(model.history_) == 4
    rows = model.history_
    lowest = [min(row[f"objective_start_{k}"] for row in rows) for k in range(2)]
    assert rows[0]["start"] == np.argmin(lowest)
    assert rows[-1]["objective"] == min(lowest) < rows[-2]["objective"]
