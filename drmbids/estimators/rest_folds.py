"""The penalty of estimated weights, chosen by stretches of data left out of training."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from drmbids.core.exceptions import TrainingError, UsageError
from drmbids.core.nuisance import Nuisance
from drmbids.core.run import Run
from drmbids.estimators.rest_model import RestModel
from drmbids.estimators.rest_search import Descent
from drmbids.estimators.rest_spectra import BandSpectra, band_spectra, run_segments
from drmbids.functional.whittle import normalised, whittle

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
        As for :func:`~drmbids.estimators.rest_spectra.whole_spectra`.

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
    fold or, under the first penalty, of the fold before.

    Parameters
    ----------
    penalties : sequence of float
        Positive.
    folds : sequence of tuple of BandSpectra
        From :func:`fold_spectra`.
    fit : callable
        Gives the model fitted to spectra under a penalty, and its descents; takes trained tensors
        to start from as a third argument.

    Returns
    -------
    penalty : float
    start : sequence of Tensor or None
        Trained tensors of the last fold under that penalty; None where there was nothing to choose.

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
    least, best, start = np.inf, 0.0, None
    ends: list[Sequence[Tensor] | None] = [None] * len(folds)
    for penalty in sorted(map(float, penalties), reverse=True):
        total = 0.0
        for k, (training, left_out) in enumerate(folds):
            begin = ends[k - 1] if ends[k] is None and k else ends[k]
            model, descents = fit(training, penalty, begin)
            with torch.no_grad():
                expected = model.expected(left_out.frequencies, left_out.segment)
                loss = whittle(expected, normalised(left_out.values)).item()
            stable = model.unstable_modes() == 0
            ends[k] = descents[0].free if stable else None
            total += loss if stable and np.isfinite(loss) else np.inf
        if total < least:
            least, best, start = total, penalty, ends[-1]
        elif np.isfinite(least):
            break
    if not np.isfinite(least):
        raise TrainingError("the brain is stable under none of the penalties; take larger ones")
    return best, start
