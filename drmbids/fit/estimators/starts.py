"""Several starts of one model, of which the best is kept: their seeds, and what they leave."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from drmbids.brain.modelfile.model import ModelSpec
from drmbids.brain.net.net import DRMNet
from drmbids.data.runs.run import Run
from drmbids.data.tools.arguments import whole_number
from drmbids.data.tools.exceptions import TrainingWarning, UsageError
from drmbids.data.tools.processes import RANDOM
from drmbids.fit.estimators.agreement import EXCHANGED, SAME
from drmbids.fit.estimators.draws import draw_physical
from drmbids.fit.estimators.given_net import GivenNet
from drmbids.fit.training.together import Trained
from drmbids.fit.training.trainee import Callback


def seeds_of_starts(random_state: int, n_starts: int) -> list[int]:
    """Return the seed of each start.

    The first is the seed itself, so that one start is what it is without others. The others are
    drawn from it: neighbouring seeds have no start in common, and more starts add to fewer.

    Parameters
    ----------
    random_state : int
    n_starts : int

    Raises
    ------
    UsageError
        If there is no start.

    Examples
    --------
    >>> seeds_of_starts(3, 2) == seeds_of_starts(3, 4)[:2]
    True
    """
    whole_number("n_starts", n_starts, least=1)
    drawn = np.random.SeedSequence(random_state).generate_state(n_starts - 1)
    return [random_state, *drawn.tolist()]


def nets_of_starts(
    model: ModelSpec | GivenNet, runs: Sequence[Run], seeds: Sequence[int]
) -> list[DRMNet]:
    """Return a net for each seed; random numbers of others are not touched.

    All but the first start from physical parameters that are drawn too
    (:func:`~drmbids.fit.estimators.draws.draw_physical`).

    Parameters
    ----------
    model : ModelSpec or GivenNet
    runs : sequence of Run
    seeds : sequence of int

    Raises
    ------
    UsageError
        If a net that was made by hand, which has but its own starting values, is to start twice.
    """
    if len(seeds) > 1 and isinstance(model, GivenNet) and isinstance(model.source, DRMNet):
        raise UsageError(
            f"a DRMNet starts from its own values, got n_starts={len(seeds)}; give a function of "
            "runs that makes it, or n_starts=1"
        )
    nets = []
    with RANDOM, torch.random.fork_rng(devices=[]):
        for seed in seeds:
            # the CPU's generator alone: nets are built there, and others are not put back
            torch.default_generator.manual_seed(seed)
            nets.append(model.build(runs))
    for net, seed in zip(nets[1:], seeds[1:], strict=True):
        draw_physical(net, seed)
    return nets


def labels_of_starts(label: str, n_starts: int) -> list[str]:
    """Return what each start is called in messages about a fit with this label."""
    if n_starts == 1:
        return [label]
    return [", ".join(filter(None, (label, f"start {k}"))) for k in range(n_starts)]


def callbacks_of_starts(callbacks: Sequence[Callback], n_starts: int) -> list[list[Callback]]:
    """Return the callbacks of each start, which are told which one a row of the history is of."""
    if n_starts == 1:
        return [list(callbacks)]

    def telling(callback: Callback, start: int) -> Callback:
        return lambda row: callback({**row, "start": start})

    return [[telling(callback, k) for callback in callbacks] for k in range(n_starts)]


def best_start(ended: Sequence[Trained]) -> int:
    """Return the start with the lowest objective, and warn of those that diverged.

    Parameters
    ----------
    ended : sequence of Trained

    Raises
    ------
    TrainingError
        If all diverged.
    """
    failures = [trained.failure for trained in ended if trained.failure is not None]
    if len(failures) == len(ended):
        raise failures[0]
    for failure in failures:
        warnings.warn(f"start left out: {failure}", TrainingWarning, stacklevel=3)
    objectives = [np.inf if end.failure is not None else end.objective for end in ended]
    return int(np.argmin(objectives))


def history_of_starts(
    histories: Sequence[Sequence[Mapping[str, Any]]], best: int, endings: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the history of the start that is kept, with the objectives of all beside it.

    Parameters
    ----------
    histories : sequence of sequence of mapping
        Rows of each start; fewer of one that diverged.
    best : int
        The start that is kept.
    endings : sequence of str
        How each start ended, from :func:`~drmbids.fit.estimators.agreement.endings_of_starts`.

    Returns
    -------
    list of dict
        Rows of that start, with ``start``, ``n_alike`` and ``n_exchanged``, which count the starts
        that ended in the same minimum, and ``objective_start_<k>`` for each; NaN after one
        diverged or where others went on for longer.
    """
    n_exchanged = sum(ending == EXCHANGED for ending in endings)
    n_alike = n_exchanged + sum(ending == SAME for ending in endings)
    counted = {"n_alike": n_alike, "n_exchanged": n_exchanged} if endings else {}
    rows = []
    for epoch, row in enumerate(histories[best]):
        objectives = {
            f"objective_start_{k}": own[epoch]["objective"] if epoch < len(own) else np.nan
            for k, own in enumerate(histories)
        }
        rows.append({**row, "start": best, **counted, **objectives})
    return rows
