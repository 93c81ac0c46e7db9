"""Where trained delays begin: at the lowest point of a coarse profile of the objective.

Along a delay the objective may have many minima, one in every period of what is sent, and descent
ends in the one nearest to where it begins. Before the first step each delay is therefore set to
values all over the range between its limits, everything else as it is, and left where the
objective is lowest. Maps that are trained by gradient have not begun to tell then; in their place
stands the variance that least squares leaves of their targets. Nets side by side share the passes.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from drmbids.brain.connections.base import DRMConnection
from drmbids.data.tools.interruption import at_good_places
from drmbids.fit.maps.passes import RunData
from drmbids.fit.maps.solver import MapSolver
from drmbids.fit.training.checkpoint import Checkpoint
from drmbids.fit.training.loop import next_window, together, train
from drmbids.fit.training.objective import Objective
from drmbids.fit.training.runners import Runner
from drmbids.fit.training.trainee import Trainee
from drmbids.maths.estimation.ridge import orthonormal, residualise

#: Most values of a delay that are tried.
MOST_VALUES = 32
#: With several delays all are gone through so many times: the best value of one hangs on others.
N_ROUNDS = 2


def find_and_train(
    trainees: Sequence[Trainee],
    runner: Runner,
    n_epochs: int,
    cutoff: int | None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Look for the delays of nets, and train them; see :func:`drmbids.fit.training.loop.train`."""
    if n_epochs:
        find_delays(trainees, runner, cutoff)
    train(trainees, runner, n_epochs, cutoff, checkpoint)


@torch.no_grad()
def find_delays(trainees: Sequence[Trainee], runner: Runner, cutoff: int | None) -> None:
    """Set the trained delays of nets to where the objective is lowest along each.

    Parameters
    ----------
    trainees : sequence of Trainee
        Of nets of one structure; where they have no trained delay nothing is done.
    runner : Runner
        Of their nets.
    cutoff : int or None
        As in training.
    """
    by_net = [learned_delays(trainee) for trainee in trainees]
    with at_good_places():
        for _ in range(min(len(by_net[0]), N_ROUNDS)):
            for alike in zip(*by_net, strict=True):
                _find_one(trainees, alike, runner, cutoff)


def learned_delays(trainee: Trainee) -> list[DRMConnection]:
    """Return the connections of a net whose delays are trained."""
    parts = trainee.net.modules()
    return [part for part in parts if isinstance(part, DRMConnection) and part.learns_delay]


def _find_one(
    trainees: Sequence[Trainee],
    connections: Sequence[DRMConnection],
    runner: Runner,
    cutoff: int | None,
) -> None:
    """Set one delay of each net to where its objective is lowest, where it is now included."""
    name, values = connections[0].delay_values(MOST_VALUES)
    best = [connection.value(name).clone() for connection in connections]
    lowest = left_over(trainees, runner, cutoff)
    for value in values:
        for connection in connections:
            connection.set_value(name, value)
        for k, loss in enumerate(left_over(trainees, runner, cutoff)):
            if loss < lowest[k]:
                lowest[k], best[k] = loss, value
    for connection, value in zip(connections, best, strict=True):
        connection.set_value(name, value)


@torch.no_grad()
def left_over(trainees: Sequence[Trainee], runner: Runner, cutoff: int | None) -> list[float]:
    """Return the objective of each net as it is, its maps at their best; infinite if not finite.

    Where maps are not solved, least squares of the targets on the features stands for them, so that
    this is no objective to compare with that of training, but with itself at other values.

    Parameters
    ----------
    trainees, runner, cutoff
        As for :func:`find_delays`.
    """
    runner.begin()
    gathered = [[RunData(t.data.n_runs) for _ in t.objectives] for t in trainees]
    carry = None
    with trainees[0].workers.together():
        for items in together(trainees, cutoff):
            features, carry = next_window(runner, items, carry)
            for trainee, item, seen, runs in zip(trainees, items, features, gathered, strict=True):
                for data, (_, part, own) in zip(runs, trainee.shares(item, seen), strict=True):
                    data.add_features(part, own)
    runner.end()
    return [_of_one(*pair) for pair in zip(trainees, gathered, strict=True)]


def _of_one(trainee: Trainee, gathered: Sequence[RunData]) -> float:
    total, weights = 0.0, 0.0
    for objective, data in zip(trainee.objectives, gathered, strict=True):
        n_regions = len(objective.readout.regions)
        features = trainee.workers.features(data, objective.targets, n_regions)
        if not all(bool(torch.isfinite(x).all()) for region in features for x in region):
            return math.inf
        weight = objective.weight if trainee.joint else 1.0
        total += weight * _of_readout(objective, features)
        weights += weight
    loss = total / weights
    penalty = trainee.add_prior(loss, backward=False)
    # the logarithm of a likelihood for a sample is half the logarithm of the variance left
    return loss + (2 * loss if trainee.objectives[0].in_nats else 1.0) * penalty


def _of_readout(objective: Objective, features: Sequence[Sequence[Tensor]]) -> float:
    """Return the share of the variance of the targets that maps leave."""
    if objective.solve and isinstance(objective.map_solver(), MapSolver):
        solution = objective.map_solver().solve(features)
        return sum(float(e.sum()) for e in solution.errors) / max(objective.n_measured, 1)
    # least squares of any rank are there on the CPU alone
    x = [torch.cat(run, 1).cpu().double() for run in zip(*features, strict=True)]
    y = [series.cpu().double() for series in objective.targets.get("response")]
    x, y = torch.cat(_clean(x, objective.targets)), torch.cat(_clean(y, objective.targets))
    scale = y.square().sum(0)
    fitted = x @ torch.linalg.lstsq(x, y, driver="gelsd").solution
    return float(((y - fitted).square().sum(0) / scale.clamp(min=1e-12)).mean())


def _clean(series: Sequence[Tensor], targets: RunData) -> list[Tensor]:
    """Return the series of runs without nuisance and mean; 0 where they are missing."""
    clean = []
    for values, basis in zip(series, targets.get("nuisance"), strict=True):
        constant = torch.ones_like(values[:, :1])
        whole = orthonormal(torch.cat([basis.to(values), constant], 1))
        mean = values.nanmean(0)
        clean.append(residualise(whole, values.where(~values.isnan(), mean)).nan_to_num(0.0))
    return clean
