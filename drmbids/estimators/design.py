"""Stimuli to hemodynamic regressors: nilearn's HRFs on the stimuli as `core.stream` samples them.

nilearn's own `make_first_level_design_matrix` gives the same numbers for one run of regular volumes
(a test holds them equal). Over several runs a column has to mean the same in each of them, hence
three differences: derivatives are not orthogonalised run by run, an impulse has unit area at
any TR, and volumes may be irregular without a stretched HRF.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from nilearn.glm.first_level import (
    glover_dispersion_derivative,
    glover_hrf,
    glover_time_derivative,
    spm_dispersion_derivative,
    spm_hrf,
    spm_time_derivative,
)
from scipy.signal import fftconvolve

from drmbids.core.exceptions import UsageError
from drmbids.core.stream import Events, Stream
from drmbids.core.time import TimeGrid

#: An HRF as nilearn takes it: ``f(t_r, oversampling)`` -> samples every ``t_r / oversampling`` s.
HRF = Callable[[float, int], np.ndarray]

#: Fine ticks in a TR, nilearn's default.
OVERSAMPLING = 50

_NAMED: dict[str, dict[str, HRF]] = {
    "spm": {"": spm_hrf},
    "spm + derivative": {"": spm_hrf, "_derivative": spm_time_derivative},
    "spm + derivative + dispersion": {
        "": spm_hrf,
        "_derivative": spm_time_derivative,
        "_dispersion": spm_dispersion_derivative,
    },
    "glover": {"": glover_hrf},
    "glover + derivative": {"": glover_hrf, "_derivative": glover_time_derivative},
    "glover + derivative + dispersion": {
        "": glover_hrf,
        "_derivative": glover_time_derivative,
        "_dispersion": glover_dispersion_derivative,
    },
}


def hrf_functions(hrf_model: str | HRF | Sequence[HRF]) -> dict[str, HRF]:
    """Return the HRFs of a model by the suffix that their regressors get.

    Parameters
    ----------
    hrf_model : str, callable or sequence of callable
        One of nilearn's names (any but ``"fir"``), or functions ``f(t_r, oversampling)``.

    Returns
    -------
    dict of str to callable

    Raises
    ------
    UsageError
        If the name is unknown.

    Examples
    --------
    >>> list(hrf_functions("spm + derivative"))
    ['', '_derivative']
    """
    if isinstance(hrf_model, str):
        if hrf_model.lower() not in _NAMED:
            raise UsageError(
                f"unknown hrf_model {hrf_model!r}; choose one of: fir, {', '.join(_NAMED)}, "
                "or give functions f(t_r, oversampling)"
            )
        return _NAMED[hrf_model.lower()]
    functions = [hrf_model] if callable(hrf_model) else list(hrf_model or ())
    if not functions or not all(callable(f) for f in functions):
        raise UsageError(f"hrf_model must be a name or functions, got {hrf_model!r}")
    return {f"_{getattr(f, '__name__', k)}": f for k, f in enumerate(functions)}


def convolve(
    stimulus: Stream | Events, times: np.ndarray, tr: float, hrf_model: str | HRF | Sequence[HRF]
) -> dict[str, np.ndarray]:
    """Return a stimulus convolved with each HRF of a model, at the measured times.

    Parameters
    ----------
    stimulus : Stream or Events
        Events may start before the run; the part within reach of the HRF counts.
    times : array of shape (n_measured,)
        Seconds.
    tr : float
        Seconds; HRF and stimulus are sampled every ``tr / 50``.
    hrf_model : str, callable or sequence of callable
        As in :func:`hrf_functions`.

    Returns
    -------
    dict of str to array of shape (n_measured, n_columns)
        By the suffix of :func:`hrf_functions`.
    """
    kernels = {suffix: f(tr, OVERSAMPLING) for suffix, f in hrf_functions(hrf_model).items()}
    lead = max(len(kernel) for kernel in kernels.values())
    fine, starts = _sample(stimulus, times, tr, lead)
    return {
        suffix: _read(fftconvolve(fine, kernel[:, None], axes=0), starts, times)
        for suffix, kernel in kernels.items()
    }


def fir(
    stimulus: Stream | Events, times: np.ndarray, tr: float, delays: Sequence[int]
) -> dict[str, np.ndarray]:
    """Return finite impulse response regressors at the measured times.

    The regressor of delay ``d`` is the mean of the stimulus over the TR that starts ``d`` TR
    before the volume (nilearn's definition).

    Parameters
    ----------
    stimulus : Stream or Events
        The stimulus.
    times : array of shape (n_measured,)
        Seconds.
    tr : float
        Seconds.
    delays : sequence of int
        In TRs.

    Returns
    -------
    dict of str to array of shape (n_measured, n_columns)
        By the suffix ``_delay_<d>``.
    """
    lead = OVERSAMPLING * (max(delays) + 1)
    fine, starts = _sample(stimulus, times, tr, lead)
    area = np.cumsum(np.concatenate([np.zeros((1, fine.shape[1])), fine]), axis=0) / OVERSAMPLING
    edges = np.append(starts, starts[-1] + tr / OVERSAMPLING)
    return {
        f"_delay_{d}": _read(area, edges, times + (1 - d) * tr) - _read(area, edges, times - d * tr)
        for d in delays
    }


def _sample(
    stimulus: Stream | Events, times: np.ndarray, tr: float, lead: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the stimulus on fine ticks from ``lead`` before the run on, and their starts."""
    step = tr / OVERSAMPLING
    grid = TimeGrid(step, lead + int(np.ceil((times[-1] + tr) / step)) + 1)
    if isinstance(stimulus, Events):
        shifted = replace(stimulus, onsets=stimulus.onsets + lead * step)
    else:
        shifted = replace(stimulus, times=stimulus.times + lead * step)
    return shifted.sample(grid), (np.arange(grid.n_ticks) - lead) * step


def _read(values: np.ndarray, at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the columns of values, known at some times, at others by linear interpolation."""
    return np.column_stack([np.interp(times, at, column[: len(at)]) for column in values.T])
