"""Stimuli to hemodynamic regressors: nilearn's HRFs on the stimuli as `core.stream` samples them.

nilearn's own `make_first_level_design_matrix` gives the same numbers for one run of regular volumes
(a test holds them equal). Over several runs a column has to mean the same in each of them, hence
three differences: derivatives are not orthogonalised run by run, an impulse has unit area at
any TR, and volumes may be irregular without a stretched HRF.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

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
from scipy.stats import gamma

from drmbids.data.runs.stream import Events, Stream
from drmbids.data.runs.time import TimeGrid
from drmbids.data.tools.arguments import shortly
from drmbids.data.tools.exceptions import UsageError

#: An HRF as nilearn takes it: ``f(t_r, oversampling)`` -> samples every ``t_r / oversampling`` s.
HRF = Callable[[float, int], np.ndarray]

#: Fine ticks in a TR, nilearn's default.
OVERSAMPLING = 50

#: Seconds after which an HRF has ended, nilearn's default.
HRF_LENGTH = 32.0

#: Where SPM's and Glover's HRF peak, in seconds.
BASE_PEAK = 5.0

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
    given = hrf_model if isinstance(hrf_model, Iterable) else [hrf_model]
    functions = [hrf_model] if callable(hrf_model) else list(given)
    if not functions or not all(callable(f) for f in functions):
        raise UsageError(f"hrf_model must be a name or functions, got {shortly(hrf_model)}")
    return {f"_{getattr(f, '__name__', k)}": f for k, f in enumerate(functions)}


@dataclass(frozen=True)
class StretchedHRF:
    """A named HRF of nilearn, stretched in time so that it peaks elsewhere.

    Parameters
    ----------
    peak : float
        Seconds.
    base : {"spm", "glover"}
        Shape: the undershoot of SPM's has a depth of .09 of the peak, Glover's of .26.

    Examples
    --------
    >>> samples = StretchedHRF(4.0)(t_r=1.0, oversampling=100)
    >>> round(float(samples.argmax() / 100), 1), round(float(samples.sum()), 6)
    (4.0, 1.0)
    """

    peak: float
    base: str = "spm"

    @property
    def __name__(self) -> str:
        """What its regressors are called."""
        return f"{self.base}_{self.peak:.3g}s"

    def __call__(self, t_r: float, oversampling: int = OVERSAMPLING) -> np.ndarray:
        """Return samples every ``t_r / oversampling`` seconds; they sum to 1."""
        return _NAMED[self.base][""](t_r * BASE_PEAK / self.peak, oversampling)


@dataclass(frozen=True)
class GammaKernel:
    """A gamma density in time that peaks at ``peak`` seconds, with a scale of 1 s.

    Parameters
    ----------
    peak : float
        Seconds.
    """

    peak: float

    @property
    def __name__(self) -> str:
        """What its regressors are called."""
        return f"peak_{self.peak:.3g}s"

    def __call__(self, t_r: float, oversampling: int = OVERSAMPLING) -> np.ndarray:
        """Return samples every ``t_r / oversampling`` seconds; they sum to 1."""
        step = t_r / oversampling
        values = gamma.pdf(np.arange(0.0, HRF_LENGTH, step), self.peak + 1.0)
        return values / values.sum()


def convolve(
    stimulus: Stream | Events,
    times: np.ndarray,
    tr: float,
    hrf_model: str | HRF | Sequence[HRF],
    edges: bool = False,
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
    edges : bool
        Whether the rises and the falls of the stimulus, impulses at the onsets and offsets of
        blocks, are convolved as well.

    Returns
    -------
    dict of str to array of shape (n_measured, n_columns)
        By the suffix of :func:`hrf_functions`, after ``_onset`` or ``_offset`` for edges.
    """
    kernels = {suffix: f(tr, OVERSAMPLING) for suffix, f in hrf_functions(hrf_model).items()}
    lead = max(len(kernel) for kernel in kernels.values())
    fine, starts = _sample(stimulus, times, tr, lead)
    shown = {"": fine}
    if edges:
        steps = np.diff(fine, axis=0, prepend=fine[:1]) * OVERSAMPLING / tr
        shown |= {"_onset": np.maximum(steps, 0.0), "_offset": np.maximum(-steps, 0.0)}
    return {
        kind + suffix: _read(fftconvolve(series, kernel[:, None], axes=0), starts, times)
        for kind, series in shown.items()
        for suffix, kernel in kernels.items()
    }


def fir(
    stimulus: Stream | Events, times: np.ndarray, tr: float, delays: Sequence[float]
) -> dict[float, np.ndarray]:
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
    delays : sequence of float
        In TRs, 0 or more.

    Returns
    -------
    dict of float to array of shape (n_measured, n_columns)
        By delay.
    """
    lead = OVERSAMPLING * (int(np.ceil(max(delays))) + 1)
    fine, starts = _sample(stimulus, times, tr, lead)
    area = np.cumsum(np.concatenate([np.zeros((1, fine.shape[1])), fine]), axis=0) / OVERSAMPLING
    edges = np.append(starts, starts[-1] + tr / OVERSAMPLING)
    return {
        d: _read(area, edges, times + (1 - d) * tr) - _read(area, edges, times - d * tr)
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
        stimulus.samples()  # a gap is named here, at its own time
        shifted = replace(stimulus, times=stimulus.times + lead * step)
    return shifted.sample(grid), (np.arange(grid.n_ticks) - lead) * step


def _read(values: np.ndarray, at: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return the columns of values, known at some times, at others by linear interpolation."""
    return np.column_stack([np.interp(times, at, column[: len(at)]) for column in values.T])
