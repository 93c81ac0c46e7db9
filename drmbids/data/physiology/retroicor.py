"""RETROICOR: the phases of heart and breath at which a slice was acquired, as Fourier terms.

Glover, Li and Ress 2000, Magnetic Resonance in Medicine 44:162-167; products of both phases as in
Harvey et al. 2008, Journal of Magnetic Resonance Imaging 28:1337-1344.
"""

import numpy as np
from scipy.signal import savgol_filter
from scipy.stats import rankdata

from drmbids.data.physiology.peaks import sampling_rate, trace_of
from drmbids.data.runs.stream import Stream

#: Orders of cardiac, respiratory and product terms (Harvey et al. 2008): 6 + 8 + 4 columns.
ORDERS = (3, 4, 1)
#: Seconds over which the slope of the breath is taken, so that noise is no turn of the breath.
SLOPE_S = 1.0


def cardiac_phase(beats: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return how far the heart is on its way from one beat to the next, 0 to 2 pi.

    Equation 2 of Glover et al. 2000. Before the first and after the last beat the heart goes on at
    the pace of the nearest two.

    Parameters
    ----------
    beats : array of shape (n_beats,)
        Seconds, increasing, at least two.
    times : array of shape (n_times,)
        Seconds.

    Examples
    --------
    >>> cardiac_phase(np.array([0.0, 1.0, 3.0]), np.array([0.5, 2.0, 3.5])) / np.pi
    array([1. , 1. , 0.5])
    """
    beats, times = np.asarray(beats, dtype=float), np.asarray(times, dtype=float)
    before = np.clip(np.searchsorted(beats, times, side="right") - 1, 0, len(beats) - 2)
    share = (times - beats[before]) / (beats[before + 1] - beats[before])
    return 2 * np.pi * (share % 1.0)


def respiratory_phase(
    recording: Stream, times: np.ndarray, column: str = "respiratory"
) -> np.ndarray:
    """Return the phase of the breath, -pi to pi: 0 at the end of expiration, and where in between.

    Equation 3 of Glover et al. 2000: the share of samples in which the chest is less full, times
    pi, with the sign of the direction of the breath. Shares are taken over all samples, not over
    100 bins.

    Parameters
    ----------
    recording : Stream
        At regular times.
    times : array of shape (n_times,)
        Seconds; the nearest sample is taken.
    column : str
        Of the trace; larger where the chest is fuller.
    """
    trace = trace_of(recording, column)
    window = max(5, 2 * round(SLOPE_S * sampling_rate(recording) / 2) + 1)
    slope = savgol_filter(trace, min(window, len(trace) - 1 + len(trace) % 2), 2, deriv=1)
    depth = (rankdata(trace, method="average") - 1) / max(1, len(trace) - 1)
    phase = np.pi * depth * np.where(slope < 0, -1.0, 1.0)
    step = (recording.times[-1] - recording.times[0]) / (len(trace) - 1)
    nearest = np.round((np.asarray(times) - recording.times[0]) / step).astype(int)
    return phase[np.clip(nearest, 0, len(trace) - 1)]


def fourier_terms(phase: np.ndarray, order: int, name: str) -> dict[str, np.ndarray]:
    """Return cosine and sine of the multiples of a phase up to an order, by name."""
    return {
        f"{name}_{function.__name__}{k}": function(k * phase)
        for k in range(1, order + 1)
        for function in (np.cos, np.sin)
    }


def retroicor(
    cardiac: np.ndarray | None,
    respiratory: np.ndarray | None,
    orders: tuple[int, int, int] = ORDERS,
) -> dict[str, np.ndarray]:
    """Return the columns of RETROICOR by name.

    Parameters
    ----------
    cardiac, respiratory : array of shape (n_times,) or None
        Phases at the times of acquisition; a trace that was not recorded is None.
    orders : tuple of int
        Of cardiac, respiratory and product terms.

    Returns
    -------
    dict of str to array of shape (n_times,)
        ``cardiac_cos1``, ``respiratory_sin2``, ``product_cos1+1`` ...

    Examples
    --------
    >>> phase = np.linspace(0, 6, 5)
    >>> len(retroicor(phase, phase)), list(retroicor(None, phase, (3, 1, 1)))
    (18, ['respiratory_cos1', 'respiratory_sin1'])
    """
    found: dict[str, np.ndarray] = {}
    if cardiac is not None:
        found |= fourier_terms(cardiac, orders[0], "cardiac")
    if respiratory is not None:
        found |= fourier_terms(respiratory, orders[1], "respiratory")
    if cardiac is not None and respiratory is not None:
        for k in range(1, orders[2] + 1):
            for sign in (1, -1):
                both = fourier_terms(k * (cardiac + sign * respiratory), 1, "product")
                found |= {f"{n[:-1]}{k}{sign:+d}": column for n, column in both.items()}
    return found
