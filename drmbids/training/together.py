"""Several models trained at once: folds, seeds, settings or subjects of one structure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from drmbids.core.exceptions import UsageError
from drmbids.iterators.iterator import DRMIterator
from drmbids.training.alike import same_structure
from drmbids.training.checkpoint import Checkpoint
from drmbids.training.drm import DRM
from drmbids.training.loop import train
from drmbids.training.runners import MOST_RUNS


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
    """

    model: DRM
    data: DRMIterator
    validation: DRMIterator | None = None
    n_epochs: int = 1
    cutoff: int | None = None
    label: str = ""


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
            and fit.model.device == first.model.device
            and fit.model.cuda_graph == first.model.cuda_graph
            and fit.data.layout == first.data.layout
            and same_structure(fit.model.net, first.model.net)
        )
        for fit in fits
    )


def train_together(fits: Sequence[Fit], checkpoint: Checkpoint | None = None) -> list[float]:
    """Train models at once.

    Each ends up as :meth:`drmbids.DRM.estimate` alone would leave it, up to rounding; small nets
    take a fraction of the time (:mod:`drmbids.training.runners`).

    Parameters
    ----------
    fits : sequence of Fit
    checkpoint : Checkpoint, optional
        Where training is taken up, and kept on the way.

    Returns
    -------
    list of float
        The objective of each model in the state that it ends in.

    Raises
    ------
    UsageError
        If the models cannot be trained together.
    TrainingError
        If a loss is not finite; all nets are left in their best states so far.
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
    train(trainees, runner, first.n_epochs, first.cutoff, checkpoint)
    for fit, trainee in zip(fits, trainees, strict=True):
        fit.model.end(trainee, fit.n_epochs, fit.cutoff)
    return [trainee.best for trainee in trainees]


def train_all(fits: Sequence[Fit], checkpoint: Checkpoint | None = None) -> list[float]:
    """Train models: as many at once as their structure allows and as pays, then the others.

    Parameters
    ----------
    fits, checkpoint
        As for :func:`train_together`.

    Returns
    -------
    list of float
        The objective of each model in the state that it ends in.

    Raises
    ------
    TrainingError
        As :func:`train_together`; what was trained before is kept.
    """
    objectives: dict[Fit, float] = {}
    waiting = list(fits)
    for n in itertools.count():
        if not waiting:
            break
        alike = [fit for fit in waiting if can_train_together([waiting[0], fit])]
        batch = alike[: max(1, MOST_RUNS // waiting[0].data.n_runs)]
        found = train_together(batch, checkpoint and checkpoint.part(n))
        objectives |= zip(batch, found, strict=True)
        waiting = [fit for fit in waiting if fit not in objectives]
    return [objectives[fit] for fit in fits]
