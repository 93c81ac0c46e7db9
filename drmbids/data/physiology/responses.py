"""Slow changes of BOLD with the rate of the heart and the depth of the breath."""

import numpy as np
from scipy.ndimage import uniform_filter1d

from drmbids.data.physiology.peaks import trace_of
from drmbids.data.runs.stream import Stream

#: Seconds of the window in which rate and depth are taken (Chang et al. 2009).
WINDOW_S = 6.0
#: Seconds between samples of the slow series, and how long responses last.
STEP_S, LENGTH_S = 0.1, 50.0


def cardiac_response(lag: np.ndarray) -> np.ndarray:
    """Return the response of BOLD to a rise of the heart rate.

    ``0.6 t^2.7 e^(-t/1.6) - 16 / sqrt(2 pi 9) e^(-(t - 12)^2 / 18)``: equation 5 of Chang,
    Cunningham and Glover 2009, NeuroImage 44:857-869.

    Parameters
    ----------
    lag : array
        Seconds, 0 or more.
    """
    t = np.asarray(lag, dtype=float)
    rise = 0.6 * t**2.7 * np.exp(-t / 1.6)
    return rise - 16 / np.sqrt(2 * np.pi * 9) * np.exp(-((t - 12) ** 2) / 18)


def respiratory_response(lag: np.ndarray) -> np.ndarray:
    """Return the response of BOLD to a deeper breath.

    ``0.6 t^2.1 e^(-t/1.6) - 0.0023 t^3.54 e^(-t/4.25)``: equation 3 of Birn et al. 2008,
    NeuroImage 40:644-654.

    Parameters
    ----------
    lag : array
        Seconds, 0 or more.
    """
    t = np.asarray(lag, dtype=float)
    return 0.6 * t**2.1 * np.exp(-t / 1.6) - 0.0023 * t**3.54 * np.exp(-t / 4.25)


def heart_rate(beats: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return beats per minute on a regular grid, averaged over 6 s.

    Parameters
    ----------
    beats : array of shape (n_beats,)
        Seconds.
    grid : array of shape (n_times,)
        Seconds, evenly spaced.
    """
    middle, rate = (beats[1:] + beats[:-1]) / 2, 60 / np.diff(beats)
    return _averaged(np.interp(grid, middle, rate), grid)


def breath_depth(recording: Stream, grid: np.ndarray, column: str = "respiratory") -> np.ndarray:
    """Return the standard deviation of the breath within 6 s, on a regular grid.

    RV of Chang et al. 2009, in units of the standard deviation of the trace.

    Parameters
    ----------
    recording : Stream
        At regular times.
    grid : array of shape (n_times,)
        Seconds, evenly spaced.
    column : str
    """
    trace = trace_of(recording, column)
    trace = (trace - trace.mean()) / (trace.std() or 1.0)
    mean, square = (_averaged(x, recording.times) for x in (trace, trace**2))
    return np.interp(grid, recording.times, np.sqrt(np.maximum(square - mean**2, 0.0)))


def convolved(series: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Return a slow series, its mean taken out, convolved with a response of largest value 1."""
    change = series - series.mean()
    return np.convolve(change, response / np.abs(response).max())[: len(change)] * STEP_S


def _averaged(series: np.ndarray, times: np.ndarray) -> np.ndarray:
    step = (times[-1] - times[0]) / (len(times) - 1)
    return uniform_filter1d(series, max(1, round(WINDOW_S / step)), mode="nearest")
