"""The loop over epochs, for one net or for several that are trained side by side."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from drmbids.brain.connections.annealing import SOUGHT_WIDTH, anneal_delays, set_delay_width
from drmbids.brain.net.carry import Carry
from drmbids.data.iterators.item import Item
from drmbids.data.tools.exceptions import DivergenceError, UsageError
from drmbids.data.tools.interruption import stop_if_asked
from drmbids.fit.maps.passes import windows
from drmbids.fit.training.checkpoint import Checkpoint, Progress
from drmbids.fit.training.memory import Window
from drmbids.fit.training.runners import Features, Runner
from drmbids.fit.training.trainee import Trainee


def check_schedule(n_epochs: int, cutoff: int | None) -> None:
    """Raise :class:`UsageError` unless epochs and cut-off are numbers that make sense."""
    if n_epochs < 0 or (cutoff is not None and cutoff < 1):
        raise UsageError(f"need n_epochs >= 0 and cutoff >= 1, got {n_epochs} and {cutoff}")


def train(
    trainees: Sequence[Trainee],
    runner: Runner,
    n_epochs: int,
    cutoff: int | None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train nets in lock-step; each ends in its best state.

    One whose loss is not finite stays in its best state while the others go on as they would
    without it; its ``failure`` says why.

    Delays that are trained are read through kernels that narrow over the first two thirds of the
    epochs (:mod:`drmbids.brain.connections.annealing`); only later epochs can be the best.

    Parameters
    ----------
    trainees : sequence of Trainee
        As many as the runner has nets, with data of the same layout.
    runner : Runner
    n_epochs : int
        Steps; the state after the last one is judged too.
    cutoff : int or None
        Ticks that gradients flow back; the windows of the data when None. Halved once, with a
        warning, where memory runs out.
    checkpoint : Checkpoint, optional
        Where training is taken up, and kept on the way.

    Raises
    ------
    TrainingError
        If memory is too small; all nets are left in their best states.
    Interrupted
        If a stop was asked for (:mod:`drmbids.data.tools.interruption`), after the window at hand.
    """
    for trainee in trainees:
        trainee.net.check_stability()
    solved = [p for trainee in trainees for p in trainee.passive()]
    first = trainees[0]
    window = Window(cutoff, first.longest, first.net, first.data)
    try:
        with Progress(checkpoint, trainees, window) as progress:
            for epoch in progress.epochs(n_epochs + 1):
                started = time.perf_counter()
                last = epoch == n_epochs
                for trainee in trainees:
                    if anneal_delays(trainee.net, epoch, n_epochs, SOUGHT_WIDTH):
                        trainee.forget()
                with held_fixed(solved):
                    losses = window.run(partial(run_epoch, trainees, runner, backward=not last))
                progress.stepping()
                for trainee, total in zip(trainees, losses, strict=True):
                    if trainee.failure is None:
                        _end_epoch(trainee, total, epoch, n_epochs, started)
                if all(t.failure or (t.end is not None and epoch >= t.end) for t in trainees):
                    break
    finally:
        for trainee in trainees:
            set_delay_width(trainee.net, 0.0)
            trainee.restore()


def _end_epoch(trainee: Trainee, total: float, epoch: int, n_epochs: int, started: float) -> None:
    """Judge an epoch, take a step and write it down; note a loss that is not finite."""
    last = epoch == n_epochs
    loss, parts = trainee.combine(total)
    penalty = trainee.add_prior(loss, backward=not last)
    try:
        val, objective = trainee.judge(epoch, loss, penalty)
    except DivergenceError as failure:
        trainee.failure = failure
        return
    rate = 0.0 if last else trainee.step(epoch, n_epochs)
    seconds = time.perf_counter() - started
    trainee.record(epoch, loss, val, objective, rate, seconds, parts)


def run_epoch(
    trainees: Sequence[Trainee], runner: Runner, cutoff: int | None, backward: bool
) -> list[float]:
    """Solve the maps, leave the gradients of the losses on the parameters, return the losses.

    Parameters
    ----------
    trainees, runner, cutoff
        As for :func:`train`.
    backward : bool
        Whether gradients are wanted.
    """
    runner.begin()
    for trainee in trainees:
        trainee.begin()
    first = trainees[0]
    workers = first.workers
    whole = len(first.data) == 1 and (cutoff is None or first.longest <= cutoff)
    if first.looks_ahead and whole:
        (items,) = together(trainees, cutoff)
        losses = _one_pass(trainees, runner, items, backward)
    else:
        losses = _two_passes(trainees, runner, cutoff, backward)
    runner.end()
    if backward:
        for trainee in trainees:
            workers.sum_gradients(trainee.trained)
    return workers.sum(losses)


def _one_pass(
    trainees: Sequence[Trainee], runner: Runner, items: Sequence[Item], backward: bool
) -> list[float]:
    """Return the losses over the only window: one pass serves the solution and the gradient."""
    workers = trainees[0].workers
    with workers.together(), torch.set_grad_enabled(backward):
        features, _ = next_window(runner, items, None)
    for trainee, item, seen in zip(trainees, items, features, strict=True):
        trainee.observe(item, seen)
        trainee.complete()
    losses = []
    with workers.together(), torch.set_grad_enabled(backward):
        for trainee, item, seen in zip(trainees, items, features, strict=True):
            finite = trainee.settle()
            losses.append(
                trainee.window_loss(item, seen) if finite else seen[0].new_full((), math.nan)
            )
        _backward(losses, backward)
    return [loss.item() for loss in losses]


def _two_passes(
    trainees: Sequence[Trainee], runner: Runner, cutoff: int | None, backward: bool
) -> list[float]:
    """Return the losses: maps solved after a pass over all windows, gradients in another one."""
    workers, looks_ahead = trainees[0].workers, trainees[0].looks_ahead
    finite = [True] * len(trainees)
    if looks_ahead:
        with workers.together():
            _look_ahead(trainees, runner, cutoff)
        for trainee in trainees:
            trainee.complete()
    with workers.together():
        if looks_ahead:
            finite = [trainee.settle() for trainee in trainees]
        if not any(finite):
            return [math.nan] * len(trainees)
        totals = _truncated(trainees, runner, cutoff, backward)
    return [total if f else math.nan for f, total in zip(finite, totals, strict=True)]


@torch.no_grad()
def _look_ahead(trainees: Sequence[Trainee], runner: Runner, cutoff: int | None) -> None:
    """Show all windows to each trainee, for what its losses depend on as a whole."""
    carry = None
    for items in together(trainees, cutoff):
        features, carry = next_window(runner, items, carry)
        for trainee, item, seen in zip(trainees, items, features, strict=True):
            trainee.observe(item, seen)
        carry = carry.detach()


def _truncated(
    trainees: Sequence[Trainee], runner: Runner, cutoff: int | None, backward: bool
) -> list[float]:
    """Return the losses over all windows, backpropagating each time ``cutoff`` ticks are full."""
    carry: Carry | None = None
    totals = [0.0] * len(trainees)
    pending: list[list[Tensor]] = [[] for _ in trainees]
    ticks = 0

    def settle() -> None:
        nonlocal pending, ticks
        losses = [torch.stack(some).sum() for some in pending]
        _backward(losses, backward)
        for k, loss in enumerate(losses):
            totals[k] += loss.item()
        pending, ticks = [[] for _ in trainees], 0

    with torch.set_grad_enabled(backward):
        for items in together(trainees, cutoff):
            features, carry = next_window(runner, items, carry)
            for k, trainee in enumerate(trainees):
                pending[k].append(trainee.window_loss(items[k], features[k]))
            ticks += items[0]["stimulus"][0].shape[0]
            if items[0]["last"] or cutoff is None or ticks >= cutoff:
                settle()
                carry = carry.detach()
        if pending[0]:  # the stream stopped within a run
            settle()
    return totals


def next_window(
    runner: Runner, items: Sequence[Item], carry: Carry | None
) -> tuple[list[Features], Carry]:
    """Return the features of all nets over the next window, and the carry; stop if asked to."""
    stop_if_asked()
    if carry is None or items[0]["first"]:
        carry = runner.initial_carry(n_runs_in(items), items[0].get("runs"))
    return runner.window(items, carry)


def _backward(losses: Sequence[Tensor], wanted: bool) -> None:
    """Add the gradients of losses that have nothing in common."""
    moving = [loss for loss in losses if loss.requires_grad and bool(torch.isfinite(loss))]
    if wanted and moving:
        torch.stack(moving).sum().backward()


def together(trainees: Sequence[Trainee], cutoff: int | None) -> Iterator[Sequence[Item]]:
    """Yield the windows of all trainees in lock-step, no longer than the cut-off."""
    data, resolution = [trainee.data for trainee in trainees], trainees[0].net.resolution
    if all(other is data[0] for other in data):
        for item in windows(data[0], cutoff, resolution):
            yield [item] * len(data)
    else:
        yield from zip(*(windows(own, cutoff, resolution) for own in data), strict=True)


def n_runs_in(items: Sequence[Item]) -> int:
    """Return the number of runs side by side in the items of one window."""
    return items[0]["stimulus"][0].shape[1]


@contextmanager
def held_fixed(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Compute no gradient for parameters inside the block: it would be as wide as the targets."""
    flags = [p.requires_grad for p in parameters]
    for p in parameters:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p, flag in zip(parameters, flags, strict=True):
            p.requires_grad_(flag)
