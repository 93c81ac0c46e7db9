"""The penalty of estimated weights, chosen by stretches of data left out of training."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.tools.exceptions import TrainingError, UsageError
from drmbids.fit.rest.model import RestModel
from drmbids.fit.rest.search import Descent
from drmbids.fit.rest.spectra import BandSpectra, band_spectra, run_segments
from drmbids.fit.rest.whittle import normalised, whittle

#: Stretches that a single run is cut into.
N_STRETCHES = 3

#: Training spectra, left-out spectra.
Fold = tuple[BandSpectra, BandSpectra]


def fold_spectra(
    runs: Sequence[Run], nuisance: Nuisance, segment: float, band: tuple[float, float]
) -> list[Fold]:
    """Return training and left-out spectra of folds: whole runs, or stretches of a single run.

    Of a single run, the segments that overlap the left-out stretch are left out of training.

    Parameters
    ----------
    runs, nuisance, segment, band
        As for :func:`~drmbids.fit.rest.spectra.whole_spectra`.

    Returns
    -------
    list of tuple of BandSpectra

    Raises
    ------
    UsageError
        If a single run has fewer than five segments.
    """
    parts, length = run_segments(runs, nuisance, segment)
    counts = [p.values.shape[1] for p in parts]
    none = np.arange(0)
    folds: list[Fold] = []
    if len(parts) > 1:
        for out in range(len(parts)):
            inside = [np.arange(n) if k != out else none for k, n in enumerate(counts)]
            outside = [np.arange(n) if k == out else none for k, n in enumerate(counts)]
            folds.append(
                (
                    band_spectra(parts, length, band, inside),
                    band_spectra(parts, length, band, outside),
                )
            )
        return folds
    if counts[0] < 2 + N_STRETCHES:
        raise UsageError(
            f"a run of {counts[0]} half-overlapping segments is too short to choose a penalty "
            "from; take shorter segments, or one penalty"
        )
    for stretch in np.array_split(np.arange(counts[0]), N_STRETCHES):
        far = np.setdiff1d(np.arange(counts[0]), np.arange(stretch[0] - 1, stretch[-1] + 2))
        folds.append(
            (band_spectra(parts, length, band, [far]), band_spectra(parts, length, band, [stretch]))
        )
    return folds


def choose_penalty(
    penalties: Sequence[float],
    folds: Sequence[Fold],
    fit: Callable[..., tuple[RestModel, Sequence[Descent]]],
) -> tuple[float, Sequence[Tensor] | None]:
    """Return the penalty under which what was left out is likeliest, and where to start with it.

    Penalties are tried from the largest on, until what was left out is less likely: the smaller
    they are, the longer a fit takes. Each fit starts where the one before ended, of the same
    fold or, under the first penalty, of the fold before. A penalty is given up, in the middle of a
    fit, as soon as what is left out is less likely than in any fold under the best one so far.

    Parameters
    ----------
    penalties : sequence of float
        Positive.
    folds : sequence of tuple of BandSpectra
        From :func:`fold_spectra`.
    fit : callable
        Gives the model fitted to spectra under a penalty, and its descents; a third argument is
        where to start, a fourth says of a model on its way whether to end there.

    Returns
    -------
    penalty : float
    start : sequence of Tensor or None
        Where the last fold ended under that penalty; None where there was nothing to choose.

    Raises
    ------
    UsageError
        If there are no penalties, or one is not positive.
    TrainingError
        If the brain is stable under none of them.
    """
    if not len(penalties) or min(penalties) <= 0:
        raise UsageError(f"penalties must be positive, got {list(penalties)}")
    if len(penalties) == 1:
        return float(penalties[0]), None
    least, best, start = np.full(len(folds), np.inf), 0.0, None
    ends: list[Sequence[Tensor] | None] = [None] * len(folds)
    for penalty in sorted(map(float, penalties), reverse=True):
        losses: list[float] = []
        for k, (training, left_out) in enumerate(folds):
            begin = ends[k - 1] if ends[k] is None and k else ends[k]
            worst = float(least.max())
            hopeless = partial(_less_likely, left_out, worst) if np.isfinite(worst) else None
            model, descents = fit(training, penalty, begin, hopeless)
            loss = left_out_loss(left_out, model)
            stable = model.unstable_modes() == 0
            ends[k] = descents[0].free if stable else None
            losses.append(loss if stable and np.isfinite(loss) else np.inf)
            if losses[-1] > worst:
                break
        if sum(losses) < least.sum() and len(losses) == len(folds):
            least, best, start = np.array(losses), penalty, ends[-1]
        elif np.isfinite(least).all():
            break
    if not np.isfinite(least).all():
        raise TrainingError("the brain is stable under none of the penalties; take larger ones")
    return best, start


def _less_likely(left_out: BandSpectra, worst: float, model: RestModel) -> bool:
    """Return whether what is left out is less likely under a model than that."""
    return left_out_loss(left_out, model) > worst


@torch.no_grad()
def left_out_loss(left_out: BandSpectra, model: RestModel) -> float:
    """Return the negative log likelihood of what was left out, as :func:`whittle` has it."""
    expected = model.expected(left_out.frequencies, left_out.segment)
    return whittle(expected, normalised(left_out.values)).item()


def training_share(folds: Sequence[Fold], whole: BandSpectra) -> float:
    """Return how much of all data a fold is trained on, mean of folds.

    Parameters
    ----------
    folds : sequence of tuple of BandSpectra
        From :func:`fold_spectra`.
    whole : BandSpectra
        Of all data.
    """
    return float(np.mean([training.n_samples for training, _ in folds])) / whole.n_samples
