"""A simulator of its own, for tests and benchmarks to compare the package with.

Plain numpy and scipy in steps of 5 ms; nothing is imported from the package, and nothing here knows
of ticks. Areas are leaky, ``tau dx/dt = -x + f(what it receives)``, and send what they are at each
moment to others a delay later; stimuli are on or off. What is measured is activity convolved with a
double gamma, or run through a balloon, at any times.

The error of a step is of second order in 5 ms: of a series in the tests, below 1e-5 of its size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.integrate import solve_ivp
from scipy.signal import fftconvolve, lfilter
from scipy.stats import gamma

STEP = 0.005
#: Constants in s: SPM's response (Friston et al. 1998), and the balloon of Stephan et al. 2007.
SPM = {"delay": 6.0, "undershoot": 16.0, "dispersion": 1.0, "u_dispersion": 1.0, "ratio": 1 / 6}
STEPHAN = {
    "efficacy": 0.16,
    "decay": 0.64,
    "autoregulation": 0.32,
    "transit": 2.0,
    "stiffness": 0.32,
    "extraction": 0.4,
    "ratio": 1.0,
}


@dataclass(frozen=True)
class Brain:
    """Leaky areas, what they see and what they hear of each other.

    Parameters
    ----------
    taus : sequence of float
        Time constant of each area in s; 0 for one that shows what it sees, and hears nothing.
    inputs : array of shape (n_areas, n_conditions)
        Weight of each condition.
    heard : sequence of (to, source, weight, delay)
        Connections between areas; delays in s, a step or more.
    nonlinearity : callable
        Of what an area receives.
    """

    taus: Sequence[float]
    inputs: np.ndarray
    heard: Sequence[tuple[int, int, float, float]] = ()
    nonlinearity: Callable[[np.ndarray], np.ndarray] = field(default=lambda x: x)


def shown(
    onsets: np.ndarray, durations: np.ndarray, conditions: np.ndarray, n: int, seconds: float
) -> np.ndarray:
    """Return the share of each step that each of ``n`` conditions is on, (n_steps, n)."""
    edges = STEP * np.arange(round(seconds / STEP) + 1)
    series = np.zeros((len(edges) - 1, n))
    for onset, duration, condition in zip(onsets, durations, conditions, strict=True):
        passed = np.clip(edges - onset, 0.0, duration)
        series[:, condition] += np.diff(passed) / STEP
    return series


def activity(brain: Brain, stimulus: np.ndarray) -> np.ndarray:
    """Return the activity of all areas at the ends of steps, from rest, (n_steps + 1, n_areas).

    What arrives changes evenly within a step; an area is solved exactly for its mean.
    """
    taus = np.asarray(brain.taus, float)
    at_once = taus == 0
    keep = np.exp(-STEP / np.where(at_once, 1.0, taus))
    driven = stimulus @ np.asarray(brain.inputs, float).T
    series = np.zeros((len(stimulus) + 1, len(taus)))
    sides = np.concatenate((np.zeros((1, len(taus))), driven, np.zeros((1, len(taus)))))
    series[:, at_once] = brain.nonlinearity((sides[1:] + sides[:-1]) / 2)[:, at_once]
    # rows of the middles of what arrives in a step, between two rows where a delay asks for it
    lines = []
    for to, source, weight, delay in brain.heard:
        ago = delay / STEP - 0.5
        lines.append((to, source, weight, int(np.ceil(ago - 1e-9)), np.ceil(ago - 1e-9) - ago))
    for k in range(len(stimulus)):
        received = driven[k].copy()
        for to, source, weight, ago, share in lines:
            if k - ago >= 0:
                earlier, later = series[k - ago, source], series[k - ago + 1, source]
                received[to] += weight * ((1 - share) * earlier + share * later)
        target = brain.nonlinearity(received)
        series[k + 1] = np.where(at_once, series[k + 1], target + (series[k] - target) * keep)
    return series


def double_gamma(lag: np.ndarray, constants: dict[str, float] = SPM) -> np.ndarray:
    """Return a double gamma of area 1 at lags in s."""
    c = constants
    rise = gamma.pdf(lag, c["delay"] / c["dispersion"], scale=c["dispersion"])
    dip = gamma.pdf(lag, c["undershoot"] / c["u_dispersion"], scale=c["u_dispersion"])
    return (rise - c["ratio"] * dip) / (1 - c["ratio"])


def bold(
    series: np.ndarray, times: np.ndarray, constants: dict[str, float] = SPM, length: float = 32.0
) -> np.ndarray:
    """Return activity through a double gamma of so many s at the times, (n_times, n_areas)."""
    response = double_gamma(STEP * np.arange(round(length / STEP) + 1), constants)
    smooth = STEP * fftconvolve(series, response[:, None], axes=0)[: len(series)]
    return at_times(smooth, times)


def at_times(series: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return a series at the ends of steps at other times, by interpolation."""
    ends = STEP * np.arange(len(series))
    return np.stack([np.interp(times, ends, column) for column in series.T], 1)


def balloon(
    series: np.ndarray,
    times: np.ndarray,
    constants: dict[str, float] = STEPHAN,
    echo_time: float = 0.04,
) -> np.ndarray:
    """Return the BOLD signal of activity through the balloon model, (n_times, n_areas).

    Friston et al. 2003 with the signal of Stephan et al. 2007 (equation 12) at 1.5 T.
    """
    c, n = constants, series.shape[1]

    def slope(t: float, flat: np.ndarray) -> np.ndarray:
        s, f, v, q = flat.reshape(4, n)
        before = min(int(t / STEP), len(series) - 2)
        x = series[before] + (series[before + 1] - series[before]) * (t / STEP - before)
        out = v ** (1 / c["stiffness"])
        drawn = (1 - (1 - c["extraction"]) ** (1 / f)) / c["extraction"]
        return np.concatenate(
            (
                c["efficacy"] * x - c["decay"] * s - c["autoregulation"] * (f - 1),
                s,
                (f - out) / c["transit"],
                (f * drawn - out * q / v) / c["transit"],
            )
        )

    start = np.concatenate((np.zeros(n), np.ones(3 * n)))
    found = solve_ivp(
        slope, (0, times[-1]), start, t_eval=times, max_step=0.2, rtol=1e-6, atol=1e-8
    )
    v, q = found.y.reshape(4, n, -1)[2:]
    outside = 4.3 * 40.3 * c["extraction"] * echo_time * (1 - q)
    inside = c["ratio"] * 25.0 * c["extraction"] * echo_time * (1 - q / v)
    return 0.04 * (outside + inside + (1 - c["ratio"]) * (1 - v)).T


def noise(rng: np.random.Generator, shape: tuple[int, int], autocorrelation: float) -> np.ndarray:
    """Return first-order autoregressive noise of variance 1, (n_times, n)."""
    white = rng.standard_normal(shape) * np.sqrt(1 - autocorrelation**2)
    white[0] /= np.sqrt(1 - autocorrelation**2)
    return lfilter([1.0], [1.0, -autocorrelation], white, axis=0)
