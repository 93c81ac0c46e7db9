"""Whole brains at rest against a plain reference: scipy and loops in numpy, nothing of the package.

Rest by a root finder, slopes by finite differences, spectra by an inverse at every frequency on a
fine grid, smoothing by the transform of the window itself, measured spectra by scipy.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.linalg import solve_continuous_lyapunov
from scipy.optimize import root
from scipy.signal import csd, get_window
from scipy.stats import gamma

from drmbids import Run, Stream, WholeBrain

N, SIGMA = 4, 0.02
WEIGHTS = 0.3 * np.array([[0, 0.9, 0.2, 0], [0.4, 0, 0, 0.5], [0.3, 0.6, 0, 0.1], [0, 0.7, 0.8, 0]])
LENGTHS = 40.0 + 30.0 * np.arange(16.0).reshape(4, 4)  # mm
SPEED = 5.0  # m/s
HOPF = {"a": -1.0, "omega": 1.26, "tau": 0.02}


def wong_wang(x: np.ndarray, drive: np.ndarray) -> np.ndarray:
    """Return the slopes of reduced Wong-Wang masses (Deco et al. 2013) without coupling."""
    (s,) = x
    u = 270.0 * (0.2609 * (0.9 * s + drive) + 0.3) - 108.0
    return np.array([(1 - s) * 0.641 * u / (1 - np.exp(-0.154 * u)) - s / 0.1])


def hopf(x: np.ndarray, drive: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return the slopes of Hopf masses that lose what they hear."""
    p, q = x
    growth = HOPF["a"] - p * p - q * q
    first = growth * p - HOPF["omega"] * q + drive - lost * p
    return np.array([first, growth * q + HOPF["omega"] * p]) / HOPF["tau"]


def rest_of(slopes: Any, coupling: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return a state of shape (n_variables, N) at which nothing moves."""
    found = root(lambda x: slopes(x.reshape(start.shape), coupling @ x[:N]).ravel(), start.ravel())
    assert np.abs(slopes(found.x.reshape(start.shape), coupling @ found.x[:N])).max() < 1e-8
    return found.x.reshape(start.shape)


def linear(slopes: Any, rest: np.ndarray, coupling: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes of all variables in all variables, and in the drives of the regions."""
    drive, size, step = coupling @ rest[0], rest.size, 1e-6
    in_state, in_drive = np.zeros((size, size)), np.zeros((size, N))
    for k in range(size):
        kick = np.zeros(size)
        kick[k] = step
        kick = kick.reshape(rest.shape)
        change = slopes(rest + kick, drive) - slopes(rest - kick, drive)
        in_state[:, k] = change.ravel() / (2 * step)
    for k in range(N):
        kick = step * np.eye(N)[k]
        change = slopes(rest, drive + kick) - slopes(rest, drive - kick)
        in_drive[:, k] = change.ravel() / (2 * step)
    return in_state, in_drive


def spectrum(
    frequency: float, parts: tuple[np.ndarray, np.ndarray], coupling: np.ndarray, delays: np.ndarray
) -> np.ndarray:
    """Return the cross-spectra of the first variables, each variable with noise of its own."""
    in_state, in_drive = parts
    s = 2j * math.pi * frequency
    whole = in_state.astype(complex)
    for i in range(len(whole)):
        for j in range(N):
            for k in range(N):
                whole[i, j] += in_drive[i, k] * coupling[k, j] * np.exp(-s * delays[k, j])
    filtered = np.linalg.inv(s * np.eye(len(whole)) - whole)[:N]
    return SIGMA**2 * filtered @ filtered.conj().T


def hemodynamics(frequency: float) -> float:
    """Return what SPM's response makes of the power of a frequency."""
    lag = np.arange(0.0, 32.0, 0.01)
    response = gamma.pdf(lag, 6.0) - gamma.pdf(lag, 16.0) / 6
    return abs(trapezoid(response * np.exp(-2j * math.pi * frequency * lag), lag)) ** 2


def seen(true: Any, frequencies: np.ndarray, length: int, step: float, noise: float) -> np.ndarray:
    """Return what Welch's method expects with Hann windows, normalised, with noise."""
    taper = get_window("hann", length)
    times = step * np.arange(length)
    offsets = np.arange(-6, 6, 0.125) / (length * step)
    passed = np.array(
        [abs(np.sum(taper * np.exp(-2j * math.pi * f * times))) ** 2 for f in offsets]
    )
    smooth = np.zeros((len(frequencies), N, N), complex)
    for k, frequency in enumerate(frequencies):
        for offset, share in zip(offsets, passed / passed.sum(), strict=True):
            smooth[k] += share * true(frequency + offset)
    scale = 1 / np.sqrt(np.einsum("fii->i", smooth).real)
    smooth *= scale[:, None] * scale
    return (1 - noise) * smooth + noise * np.eye(N) / len(frequencies)


def measured(series: np.ndarray, step: float, length: int, band: tuple[float, float]) -> Any:
    """Return frequencies in a band and normalised cross-spectra, by scipy."""
    time = np.linspace(-1, 1, len(series))
    drift = np.polynomial.polynomial.polyvander(time, 2)
    left = series - drift @ np.linalg.lstsq(drift, series, rcond=None)[0]
    frequencies, _ = csd(left[:, 0], left[:, 0], 1 / step, nperseg=length)
    kept = (frequencies >= band[0] - 1e-9) & (frequencies <= band[1] + 1e-9)
    found = np.zeros((kept.sum(), N, N), complex)
    for i in range(N):
        for j in range(N):
            found[:, i, j] = csd(left[:, j], left[:, i], 1 / step, nperseg=length)[1][kept]
    scale = 1 / np.sqrt(np.einsum("fii->i", found).real)
    return frequencies[kept], found * (scale[:, None] * scale)


def unlikelihood(model: np.ndarray, found: np.ndarray) -> float:
    """Return Whittle's negative log likelihood, a sample and a region."""
    total = 0.0
    for m, p in zip(model, found, strict=True):
        total += np.linalg.slogdet(m)[1] + np.trace(np.linalg.solve(m, p)).real
    return total / (len(model) * N)


CASES = {
    "bold": ("wong_wang", wong_wang, 2.0, 100.0, (0.02, 0.1), {}),
    "activity with delays": ("hopf", hopf, 0.005, 1.0, (2.0, 30.0), HOPF),
}


@pytest.mark.parametrize("case", CASES)
def test_spectra_and_likelihood_are_those_of_a_plain_reference(case: str) -> None:
    mass, slopes, step, segment, band, values = CASES[case]
    quick = case == "activity with delays"
    delays = LENGTHS / (1000 * SPEED) if quick else np.zeros((N, N))
    length = round(segment / step)
    rng = np.random.default_rng(3)
    mixed = rng.standard_normal((12 * length, N)) @ (np.eye(N) + 0.4 * rng.random((N, N)))
    series = np.cumsum(mixed, axis=0) if quick else mixed
    run = Run({"brain": Stream(series, step * np.arange(len(series)))}, tr=step)
    brain = WholeBrain(
        WEIGHTS, LENGTHS if quick else None, mass, {**values, "sigma": SIGMA}, velocity=SPEED,
        noise=0.2, measurement="activity" if quick else "bold", band=band,
        segment=segment, n_starts=1, n_iterations=1,
    ).fit([run])  # fmt: skip

    end = brain.descents_[0].end
    coupling = end["coupling"] * WEIGHTS
    if quick:
        slopes = partial(slopes, lost=coupling.sum(1))
    start = np.full((2 if quick else 1, N), 0.0 if quick else 0.1)
    parts = linear(slopes, rest_of(slopes, coupling, start), coupling)

    def true(frequency: float) -> np.ndarray:
        gain = 1.0 if quick else hemodynamics(frequency)
        return gain * spectrum(frequency, parts, coupling, delays)

    frequencies, found = measured(series, step, length, band)
    np.testing.assert_allclose(brain.spectra_.frequencies, frequencies)
    wanted = seen(true, frequencies, length, step, end["noise"])
    got = brain.model_.expected(brain.spectra_.frequencies, segment).detach().numpy()
    # the smoothing of the package is on a grid of half bins, that of the reference on eighths
    np.testing.assert_allclose(got, wanted, atol=2e-3 * np.abs(wanted).max())
    assert brain.descents_[0].loss == pytest.approx(unlikelihood(got, found), abs=1e-6)
    assert brain.descents_[0].loss == pytest.approx(unlikelihood(wanted, found), abs=5e-3)


def test_the_reference_has_the_covariance_of_the_lyapunov_equation() -> None:
    parts = linear(wong_wang, rest_of(wong_wang, WEIGHTS, np.full((1, N), 0.1)), WEIGHTS)
    wanted = solve_continuous_lyapunov(parts[0] + parts[1] @ WEIGHTS, -(SIGMA**2) * np.eye(N))
    frequencies = np.linspace(-400.0, 400.0, 8001)
    made = [spectrum(f, parts, WEIGHTS, np.zeros((N, N))).real for f in frequencies]
    np.testing.assert_allclose(trapezoid(made, frequencies, axis=0), wanted, rtol=0.02)


def test_the_state_that_was_followed_survives_saving(tmp_path: Path) -> None:
    """Masses of two states at rest: the upper one, which they do not settle at from their start."""
    series = np.random.default_rng(0).standard_normal((400, N))
    run = Run({"brain": Stream(series, 2.0 * np.arange(400))}, tr=2.0)
    brain = WholeBrain(
        WEIGHTS, values={"w": 1.2, "sigma": 1e-6}, trainable=("noise",), coupling=0.1, n_starts=1,
        n_iterations=1,
    ).fit([run])  # fmt: skip

    def slopes(x: np.ndarray, drive: np.ndarray) -> np.ndarray:
        (s,) = x
        u = 270.0 * (0.2609 * (1.2 * s + 0.1 * drive) + 0.3) - 108.0
        return np.array([(1 - s) * 0.641 * u / (1 - np.exp(-0.154 * u)) - s / 0.1])

    low, high = (rest_of(slopes, WEIGHTS, np.full((1, N), x)) for x in (0.05, 0.9))
    assert (high - low).min() > 0.3
    np.testing.assert_allclose(brain.model_.rest, low, rtol=1e-5)
    at_low = brain.fc_
    brain.model_.rest = brain.model_.rest.new_tensor(high)
    at_high = brain.fc_
    assert np.abs(at_high - at_low).max() > 0.01
    brain.save(tmp_path)
    back = WholeBrain.load(tmp_path)
    np.testing.assert_allclose(back.model_.rest, high, rtol=1e-12)
    np.testing.assert_array_equal(back.fc_, at_high)
    activity = back.simulate(4.0, measurement="activity", resolution=0.01, settle=1.0, noise=0.0)
    np.testing.assert_allclose(activity.responses["brain"].values[-1], high[0], rtol=1e-3)
