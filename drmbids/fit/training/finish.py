"""The end of a training by L-BFGS, for models with few parameters beside their maps.

Steps of Adam are about as long as the learning rate says, whatever the curvature. Parameters that
nearly make up for each other, such as the basis of a hemodynamic response, need far longer steps in
one direction than in another: L-BFGS takes the curvature from the slopes it has met (Liu and
Nocedal 1989, Mathematical Programming 45:503-528) and looks for the lowest point along each
direction, so that nothing has to be tuned. The objective is that of the epochs, priors and all.

Penalties of maps are held on the way down, and chosen anew where it ends, until they are the same.
Chosen in every pass, as in the epochs, they make steps in the objective at which line searches end,
and a state is kept for the small penalties that it happened to be given.

Where the objective may have several minima (:mod:`drmbids.fit.training.modes`) the end is not taken
on trust: a saddle is left along its direction of negative curvature, delays are gone through once
more now that all else is known, and what is lower in the end is kept.
"""

import math
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Literal

import numpy as np
import torch
from scipy.optimize import minimize

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import TrainingWarning, UsageError
from drmbids.data.tools.interruption import at_good_places
from drmbids.fit.maps.solver import Choice
from drmbids.fit.training.loop import held_fixed, run_epoch
from drmbids.fit.training.memory import Window
from drmbids.fit.training.modes import (
    MOST_NUMBERS,
    beside_saddle,
    may_have_modes,
    physical_parameters,
)
from drmbids.fit.training.profiles import find_delays
from drmbids.fit.training.runners import Runner
from drmbids.fit.training.trainee import Trainee

#: How a training ends after its epochs: by L-BFGS, as it is, or by L-BFGS where the objective may
#: have several minima and few numbers are trained.
Finish = Literal["auto", "lbfgs", "none"]

# Stands for an objective that is not finite: a line search then tries a shorter step.
_TOO_HIGH = 1e10
# Ways out of where a descent ended that are followed, one after the other.
_MOST_WAYS = 3
# A descent is over where beginning it again lowers the objective by less than this share.
_AT_REST = 1e-7
# A descent that ran out of passes is warned of where its last part lowered the objective by more
# than this share.
_STILL_FALLING = 1e-3


def is_finished(trainee: Trainee, finish: Finish, cutoff: int | None) -> bool:
    """Return whether a training goes on after its epochs.

    Parameters
    ----------
    trainee : Trainee
    finish : {"auto", "lbfgs", "none"}
    cutoff : int or None
        As in training.
    """
    if finish != "auto" or trainee.optimizer is None:
        return finish == "lbfgs" and trainee.optimizer is not None
    n_numbers = sum(p.numel() for g in trainee.optimizer.param_groups for p in g["params"])
    whole = trainee.data.is_whole and (cutoff is None or cutoff >= trainee.longest)
    return whole and n_numbers <= MOST_NUMBERS and may_have_modes(trainee.net)


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
            problem.end_descent()
            if may_have_modes(trainee.net):
                _follow_ways(problem)
        problem.warn_of_valley(n_passes)
        trainee.restore()
        loss, parts, penalty = problem.run()
        val, objective = trainee.judge(problem.epoch, loss, penalty)
        seconds = time.perf_counter() - started
        trainee.record(problem.epoch, loss, val, objective, 0.0, seconds, parts)
    finally:
        problem.hold_penalties(False)
        trainee.restore()


def _follow_ways(problem: "_Problem") -> None:
    """Leave saddles and other minima of delays as long as that ends lower."""
    trainee = problem.trainee
    for _ in range(_MOST_WAYS):
        before = trainee.best, trainee.best_epoch, trainee.kept
        if not problem.has_converged or not problem.leave():
            return
        try:
            problem.end_descent()
        finally:
            if before[0] <= trainee.best:
                trainee.best, trainee.best_epoch, trainee.kept = before
        if trainee.kept is before[2]:
            return


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
        # the objective where the last descent began, its lowest, and the share in between
        self.first, self.lowest, self.fall = math.nan, math.inf, 0.0

    def values(self) -> np.ndarray:
        """Return the vector as it is now."""
        parts = [p.detach().reshape(-1) for p in self.parameters]
        return torch.cat(parts).cpu().double().numpy()

    def set_values(self, values: np.ndarray) -> None:
        """Set all that moves to a vector."""
        parts = torch.from_numpy(values).split([p.numel() for p in self.parameters])
        with torch.no_grad():
            for p, part in zip(self.parameters, parts, strict=True):
                p.copy_(part.reshape(p.shape))

    def __call__(self, values: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the objective and its gradient; keep the state if it is the best so far."""
        if self.epoch >= self.last:
            raise _Enough
        self.set_values(values)
        self.epoch += 1
        loss, _, penalty = self.run(backward=True)
        if not math.isfinite(loss):
            return _TOO_HIGH, np.zeros_like(values)
        self.trainee.judge(self.epoch, loss, penalty)
        self.first = loss + penalty if math.isnan(self.first) else self.first
        self.lowest = min(self.lowest, loss + penalty)
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

    def end_descent(self) -> None:
        """Go down, and choose penalties anew, until nothing changes."""
        while self.choose_penalties():
            self.descend()

    def descend(self) -> None:
        """Go down at the penalties that are held, for half of the passes that are left.

        A descent that ends because a step was short begins again, with no curvature remembered,
        until it ends where it began: in a valley, steps may be short long before its end.
        """
        left = self.last - self.epoch
        last = self.epoch + (max(1, left // 2) if self.chosen else left)
        self.has_converged = False
        while self.epoch < last and not self.has_converged:
            self.first, self.lowest = math.nan, math.inf
            options = {"maxfun": last - self.epoch, "ftol": _AT_REST / 10}
            try:
                found = minimize(self, self.values(), jac=True, method="L-BFGS-B", options=options)
            finally:
                self.fall = (self.first - self.lowest) / abs(self.first or 1.0)
            self.trainee.restore()
            self.has_converged = self.fall < _AT_REST
            if self.trainee.validation is not None:
                # the best state of other runs is no end of a descent to begin again from
                self.has_converged = found.nfev < options["maxfun"]
                return

    def warn_of_valley(self, n_passes: int) -> None:
        """Warn where all passes were made while the objective was still falling."""
        if self.has_converged or not self.fall > _STILL_FALLING:
            return
        who = f"{self.trainee.label}: " if self.trainee.label else ""
        warnings.warn(
            f"{who}training stopped before a minimum: the last of {n_passes} passes lowered the "
            f"objective by {100 * self.fall:.2g} %; raise n_finish_passes, or n_epochs",
            TrainingWarning,
            stacklevel=3,
        )

    def leave(self) -> bool:
        """Move to where the objective is lower than at the end of a descent; False if nowhere."""
        here = self.values()
        beside = beside_saddle(self, here, self._physical())
        self.set_values(here if beside is None else beside)
        if beside is None:
            find_delays([self.trainee], self.runner, self.window.cutoff)
        self.chosen, self.has_converged = None, False
        return bool(np.abs(self.values() - here).max() > 0)

    def _physical(self) -> list[int]:
        """Return where the physical parameters are in the vector."""
        physical = {id(p) for p in physical_parameters(self.trainee.trained)}
        flags = [np.full(p.numel(), id(p) in physical) for p in self.parameters]
        return np.flatnonzero(np.concatenate(flags)).tolist()

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
