"""Several models trained at once: folds, seeds, settings or subjects of one structure."""

import itertools
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from drmbids.data.iterators.iterator import DRMIterator
from drmbids.data.tools.exceptions import DivergenceError, TrainingWarning, UsageError
from drmbids.fit.training.alike import same_structure
from drmbids.fit.training.checkpoint import Checkpoint
from drmbids.fit.training.drm import DRM
from drmbids.fit.training.epochs import best_epoch
from drmbids.fit.training.profiles import find_and_train
from drmbids.fit.training.runners import MOST_RUNS

#: A training that diverges is begun again so many times, each at this share of the learning rate.
N_RETRIES, BACK_OFF = 2, 0.25


@dataclass(frozen=True, eq=False)
class Fit:
    """A model, its data and how long it is trained.

    Parameters
    ----------
    model : DRM
    data : DRMIterator
        Training runs; one iterator may serve several fits.
    validation : DRMIterator, optional
        Runs that decide which epoch is kept.
    n_epochs, cutoff
        As for :meth:`drmbids.DRM.estimate`.
    label : str
        Who this is, for messages.
    judges : tuple of Fit
        The same model with other data and validation runs, which :func:`train_all` trains first:
        the epoch that serves them best is kept (:func:`~drmbids.fit.training.epochs.best_epoch`).
    """

    model: DRM
    data: DRMIterator
    validation: DRMIterator | None = None
    n_epochs: int = 1
    cutoff: int | None = None
    label: str = ""
    judges: tuple["Fit", ...] = ()


class Trained(NamedTuple):
    """How the training of a model ended.

    Parameters
    ----------
    objective : float
        In the state that it ended in.
    failure : DivergenceError or None
        Why it has none to keep.
    """

    objective: float
    failure: DivergenceError | None = None


def can_train_together(fits: Sequence[Fit]) -> bool:
    """Return whether models can be trained at once.

    They can where their nets differ in nothing but values of parameters and targets, maps are
    solved, and data have the same lengths and measured times. Learning rates, penalties and targets
    may differ.

    Parameters
    ----------
    fits : sequence of Fit
    """
    first = fits[0]
    return all(
        fit is first
        or (
            fit.model.solve
            and first.model.solve
            and (fit.n_epochs, fit.cutoff) == (first.n_epochs, first.cutoff)
            and bool(fit.judges) == bool(first.judges)
            and fit.model.device == first.model.device
            and fit.model.cuda_graph == first.model.cuda_graph
            and fit.data.layout == first.data.layout
            and same_structure(fit.model.net, first.model.net)
        )
        for fit in fits
    )


def train_together(fits: Sequence[Fit], checkpoint: Checkpoint | None = None) -> list[Trained]:
    """Train models at once.

    Each ends up as :meth:`drmbids.DRM.estimate` alone would leave it, up to rounding; small nets
    take a fraction of the time (:mod:`drmbids.fit.training.runners`). One that diverges changes no
    number of the others.

    Parameters
    ----------
    fits : sequence of Fit
    checkpoint : Checkpoint, optional
        Where training is taken up, and kept on the way.

    Returns
    -------
    list of Trained
        How each model ended.

    Raises
    ------
    UsageError
        If the models cannot be trained together.
    """
    first = fits[0]
    for fit in fits:
        fit.model.check(fit.data, fit.n_epochs, fit.cutoff)
    if not can_train_together(fits):
        raise UsageError(
            "models trained together need nets of one structure, solved maps and data of the same "
            "layout; train them one after another"
        )
    nets = [fit.model.net for fit in fits]
    runner = first.model.runner(nets)
    trainees = [fit.model.trainee(fit.data, fit.validation, fit.label) for fit in fits]
    for fit, trainee in zip(fits, trainees, strict=True):
        if fit.judges:
            trainee.end = best_epoch([judge.model.history for judge in fit.judges])
    find_and_train(trainees, runner, first.n_epochs, first.cutoff, checkpoint)
    for fit, trainee in zip(fits, trainees, strict=True):
        if trainee.failure is None and not fit.judges:
            fit.model.end(trainee, fit.n_epochs, fit.cutoff)
    return [Trained(trainee.best, trainee.failure) for trainee in trainees]


def train_all(fits: Sequence[Fit], checkpoint: Checkpoint | None = None) -> list[Trained]:
    """Train models: as many at once as their structure allows and as pays, then the others.

    Those that diverge are trained again when all others are done, from where they started and at a
    quarter of the learning rate, twice at most.

    Parameters
    ----------
    fits, checkpoint
        As for :func:`train_together`.

    Returns
    -------
    list of Trained
        How each model ended.

    Warns
    -----
    TrainingWarning
        Of each training that diverged and is begun again.
    """
    judges = [judge for fit in fits for judge in fit.judges]
    if judges:
        train_all(judges, checkpoint and checkpoint.part("judges"))
    starts = {fit: _copy(fit.model.trained.state_dict()) for fit in fits}
    rates = {fit: [fit.model.learning_rate] for fit in fits}
    ended: dict[Fit, Trained] = {}
    waiting, parts = list(fits), itertools.count()
    while waiting:
        failed = []
        for fit, trained in _each_batch(waiting, parts, checkpoint):
            ended[fit] = trained
            if trained.failure is None:
                continue
            if len(rates[fit]) > N_RETRIES:
                ended[fit] = Trained(trained.objective, _given_up(fit, rates[fit], trained.failure))
                continue
            rates[fit].append(rates[fit][-1] * BACK_OFF)
            failed.append(fit)
            warnings.warn(
                f"{_without_advice(trained.failure)}; trained again from the start with a learning "
                f"rate of {rates[fit][-1]:g}",
                TrainingWarning,
                stacklevel=3,
            )
        for fit in failed:
            fit.model.begin_again(starts[fit], rates[fit][-1])
        waiting = failed
    return [ended[fit] for fit in fits]


def _each_batch(
    fits: Sequence[Fit], parts: Iterator[int], checkpoint: Checkpoint | None
) -> Iterator[tuple[Fit, Trained]]:
    """Train fits batch by batch, each with a checkpoint of its own, and yield how each ended."""
    waiting = list(fits)
    while waiting:
        alike = [fit for fit in waiting if can_train_together([waiting[0], fit])]
        batch = alike[: max(1, MOST_RUNS // waiting[0].data.n_runs)]
        yield from zip(
            batch, train_together(batch, checkpoint and checkpoint.part(next(parts))), strict=True
        )
        waiting = [fit for fit in waiting if fit not in batch]


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.items()}


def _without_advice(failure: DivergenceError) -> str:
    """Return what happened, in one line, without what to do about it."""
    return re.sub(r"; lower the learning rate \([^)]*\)", "", str(failure))


def _given_up(fit: Fit, rates: Sequence[float], failure: DivergenceError) -> DivergenceError:
    """Say in one line that no learning rate was small enough, and what the last one ended in."""
    who = f"{fit.label}: " if fit.label else ""
    what = _without_advice(failure).removeprefix(who)
    tried = ", ".join(f"{rate:g}" for rate in rates)
    return DivergenceError(
        f"{who}training diverged with each learning rate tried ({tried}), last in {what}; "
        f"set learning_rate below {rates[-1]:g}, or look at the model's initial values and the "
        "scale of its stimuli"
    )
