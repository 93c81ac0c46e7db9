"""The end of a training by L-BFGS, for models with few parameters beside their maps.

Steps of Adam are about as long as the learning rate says, whatever the curvature. Parameters that
nearly make up for each other, such as the basis of a hemodynamic response, need far longer steps in
one direction than in another: L-BFGS takes the curvature from the slopes it has met (Liu and
Nocedal 1989, Mathematical Programming 45:503-528) and looks for the lowest point along each
direction, so that nothing has to be tuned. The objective is that of the epochs, priors and all.

Penalties of maps are held on the way down, and chosen anew where it ends, until they are the same.
Chosen in every pass, as in the epochs, they make steps in the objective at which line searches end,
and a state is kept for the small penalties that it happened to be given.
"""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import numpy as np
import torch
from scipy.optimize import minimize

from drmbids.core.exceptions import UsageError
from drmbids.core.interruption import at_good_places
from drmbids.iterators.iterator import DRMIterator
from drmbids.training.loop import held_fixed, run_epoch
from drmbids.training.memory import Window
from drmbids.training.runners import Runner
from drmbids.training.solver import Choice
from drmbids.training.trainee import Trainee

#: How a training ends after its epochs.
Finish = Literal["lbfgs"]

# Stands for an objective that is not finite: a line search then tries a shorter step.
_TOO_HIGH = 1e10


def check_whole(data: DRMIterator, cutoff: int | None) -> None:
    """Raise :class:`UsageError` where gradients do not flow back through whole runs."""
    if not data.is_whole or (cutoff is not None and cutoff < data.longest):
        raise UsageError(
            "finish='lbfgs' needs gradients through whole runs, but they stop after "
            f"{min(cutoff or data.longest, data.longest)} ticks; leave window or finish out"
        )


def finish_training(
    trainee: Trainee, runner: Runner, n_epochs: int, cutoff: int | None, n_passes: int
) -> None:
    """Take a net from its best state to a minimum of the objective nearby.

    The state with the lowest objective at the penalties that were chosen last, or the lowest
    validation loss of all passes where there are validation runs, is kept, and gets one row of the
    history. A stop on the way gives up what was computed.

    Parameters
    ----------
    trainee : Trainee
        Trained for its epochs.
    runner : Runner
        Of this net alone.
    n_epochs : int
        Passes that the net was trained for.
    cutoff : int or None
        As in training; whole runs, see :func:`check_whole`.
    n_passes : int
        Most passes over the data; fewer where it has converged.
    """
    if trainee.optimizer is None:
        return
    started = time.perf_counter()
    trainee.restore()
    problem = _Problem(trainee, runner, cutoff, n_epochs, n_epochs + n_passes)
    try:
        with at_good_places(), suppress(_Enough):
            while problem.choose_penalties():
                problem.descend()
        trainee.restore()
        loss, parts, penalty = problem.run()
        val, objective = trainee.judge(problem.epoch, loss, penalty)
        seconds = time.perf_counter() - started
        trainee.record(problem.epoch, loss, val, objective, 0.0, seconds, parts)
    finally:
        problem.hold_penalties(False)
        trainee.restore()


class _Enough(Exception):
    """All passes were made."""


class _Problem:
    """The objective of a trainee as a function of one vector of all that moves."""

    def __init__(self, trainee: Trainee, runner: Runner, cutoff: int | None, epoch: int, last: int):
        self.trainee, self.runner, self.epoch, self.last = trainee, runner, epoch, last
        self.window = Window(cutoff, trainee.longest, trainee.net, trainee.data)
        groups = [] if trainee.optimizer is None else trainee.optimizer.param_groups
        self.parameters = [p for group in groups for p in group["params"]]
        # what weighs the priors, which may not move with the loss here
        self.variance = math.nan
        self.chosen: list[Choice] | None = None
        self.has_converged = False

    def values(self) -> np.ndarray:
        """Return the vector as it is now."""
        parts = [p.detach().reshape(-1) for p in self.parameters]
        return torch.cat(parts).cpu().double().numpy()

    def __call__(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient; keep the state if it is the best so far."""
        if self.epoch >= self.last:
            raise _Enough
        parts = torch.from_numpy(values).split([p.numel() for p in self.parameters])
        with torch.no_grad():
            for p, part in zip(self.parameters, parts, strict=True):
                p.copy_(part.reshape(p.shape))
        self.epoch += 1
        loss, _, penalty = self.run(backward=True)
        if not math.isfinite(loss):
            return _TOO_HIGH, np.zeros_like(values)
        self.trainee.judge(self.epoch, loss, penalty)
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        slope = torch.cat([s.reshape(-1) for s in slopes]).cpu().double().numpy()
        return loss + penalty, slope

    def choose_penalties(self) -> bool:
        """Choose penalties for where the net is, and hold them; return whether to go on."""
        before = self.chosen
        if before == []:
            return not self.has_converged
        self.hold_penalties(False)
        if self.epoch >= self.last:
            raise _Enough
        self.epoch += 1
        loss, _, penalty = self.run()
        self.chosen = self.hold_penalties(True)
        if before is not None and _are_alike(before, self.chosen):
            return not self.has_converged
        if self.trainee.validation is None:
            self.trainee.forget()  # at other penalties the objective is another
        self.trainee.judge(self.epoch, loss, penalty)
        return True

    def descend(self) -> None:
        """Go down at the penalties that are held, for half of the passes that are left."""
        left = self.last - self.epoch
        most = max(1, left // 2) if self.chosen else left
        found = minimize(self, self.values(), jac=True, method="L-BFGS-B", options={"maxfun": most})
        self.has_converged = found.nfev < most
        self.trainee.restore()

    def hold_penalties(self, is_held: bool) -> list[Choice]:
        """Hold penalties or choose them in each pass; return those chosen last, of all readouts."""
        return [c for o in self.trainee.objectives for c in o.hold_penalties(is_held)]

    def run(self, backward: bool = False) -> tuple[float, dict[str, float], float]:
        """Return the loss of one pass, those of its readouts, and what priors add."""
        epoch = partial(run_epoch, [self.trainee], self.runner, backward=backward)
        with held_fixed(self.trainee.passive()):
            loss, parts = self.trainee.combine(self.window.run(epoch)[0])
        if math.isnan(self.variance):
            self.variance = loss
        return loss, parts, self.trainee.add_prior(self.variance, backward)


def _are_alike(some: Sequence[Choice], others: Sequence[Choice]) -> bool:
    """Return whether the same was chosen for all targets."""
    pairs = zip(some, others, strict=True)
    return all(torch.equal(a, b) for x, y in pairs for a, b in zip(x, y, strict=True))
