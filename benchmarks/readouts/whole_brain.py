"""A whole brain at rest: coupling and conduction velocity found again from runs of known brains.

The runs are simulated here, by a stochastic Heun scheme with interpolated delays in numpy that
shares no code with the package, from the full nonlinear equations; the fits use the closed form.
The connectome is that of 76 regions with tract lengths that the package tvb-data carries, weights
scaled so that the strongest region hears 1 in all.

Activity: Hopf masses at 10 Hz, seen directly for five minutes, as electrophysiology at the source
would. BOLD: reduced Wong-Wang masses through a hemodynamic response for half an hour, with noise of
measurement. Conduction delays of milliseconds leave hardly a trace in BOLD: the least standard
error that any estimate of the velocity can have is in the detail.
"""

import io
import math
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter

import numpy as np
from scipy.stats import gamma

from benchmarks.rows import Row
from drmbids import Run, Stream, WholeBrain

VELOCITY, TICK = 5.0, 0.001
HOPF = {"a": -1.0, "omega": 2 * math.pi * 10 * 0.02, "tau": 0.02, "sigma": 0.1}
HOPF_COUPLING, HOPF_SECONDS, HOPF_SAMPLE = 2.0, 300.0, 0.005
HOPF_STARTS = ((0.5, 1.5), (4.0, 20.0), (1.0, 12.0), (3.0, 2.0))  # coupling, velocity
WONG_WANG = {"a": 270.0, "b": 108.0, "d": 0.154, "gamma": 0.641, "tau_s": 0.1, "w": 0.9}
WONG_WANG |= {"J_N": 0.2609, "I_o": 0.3, "sigma": 0.02}
BOLD_COUPLING, BOLD_SECONDS, BOLD_TICK, TR, BOLD_NOISE = 1.0, 1800.0, 0.005, 1.0, 0.3
BOLD_STARTS = (0.25, 0.5, 1.2, 2.0)

#: Slopes of the variables (n_variables, n) of a state and the drive (n,).
Slope = Callable[[np.ndarray, np.ndarray], np.ndarray]


def connectome() -> tuple[np.ndarray, np.ndarray]:
    """Return weights ``[to, from]`` and lengths in mm."""
    folder = Path(import_module("tvb_data").__file__ or "").parent / "connectivity"
    with zipfile.ZipFile(folder / "connectivity_76.zip") as archive:
        weights, lengths = (
            np.loadtxt(io.BytesIO(archive.read(f"{name}.txt")))
            for name in ("weights", "tract_lengths")
        )
    np.fill_diagonal(weights, 0.0)
    return weights / weights.sum(1).max(), lengths


def simulate(
    slope: Slope, start: np.ndarray, coupling: np.ndarray, lengths: np.ndarray, sigma: float,
    tick: float, n_ticks: int, seed: int,
) -> np.ndarray:  # fmt: skip
    """Return the first variable at every tick, shape (n_ticks, n)."""
    rng = np.random.default_rng(seed)
    to, source = np.nonzero(coupling)
    first = np.searchsorted(to, np.unique(to))
    ago = lengths[to, source] / (VELOCITY * 1000 * tick)
    whole = ago.astype(int)
    near, far = (coupling[to, source] * share for share in (1 - (ago - whole), ago - whole))
    n, longest = len(coupling), whole.max() + 2
    past = np.full((longest + n_ticks + 1, n), start[0, 0])
    flat, drive = past.reshape(-1), np.zeros(n)

    def heard(now: int) -> np.ndarray:
        at = (now - whole) * n + source
        total = np.zeros(n)
        total[np.unique(to)] = np.add.reduceat(near * flat[at] + far * flat[at - n], first)
        return total

    state, drive = start.copy(), heard(longest)
    for k in range(longest, longest + n_ticks):
        kick = sigma * math.sqrt(tick) * rng.standard_normal(state.shape)
        slopes = slope(state, drive)
        guess = state + tick * slopes + kick
        past[k + 1] = guess[0]  # heard by what is less than a tick away
        after = heard(k + 1)
        state = state + tick / 2 * (slopes + slope(guess, after)) + kick
        past[k + 1] = state[0]
        drive = after
    return past[longest + 1 :]


def hopf_run(seed: int) -> Run:
    """Return five minutes of activity of Hopf masses."""
    weights, lengths = connectome()
    a, omega, tau = HOPF["a"], HOPF["omega"], HOPF["tau"]
    coupling = HOPF_COUPLING * weights
    lost = coupling.sum(1)

    def slope(state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        x, y = state
        growth = a - x * x - y * y
        return np.stack((growth * x - omega * y + drive - lost * x, growth * y + omega * x)) / tau

    settle = round(2.0 / TICK)
    n_ticks = settle + round(HOPF_SECONDS / TICK)
    start = np.zeros((2, len(weights)))
    series = simulate(slope, start, coupling, lengths, HOPF["sigma"], TICK, n_ticks, seed)
    kept = series[settle :: round(HOPF_SAMPLE / TICK)]
    return Run({"brain": Stream(kept, HOPF_SAMPLE * np.arange(len(kept)))}, tr=HOPF_SAMPLE)


def wong_wang_run(seed: int) -> Run:
    """Return half an hour of BOLD of reduced Wong-Wang masses."""
    weights, lengths = connectome()
    p = WONG_WANG

    def slope(state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        (s,) = state
        x = p["a"] * (p["J_N"] * (p["w"] * s + drive) + p["I_o"]) - p["b"]
        rate = x / (1 - np.exp(-p["d"] * x))
        return ((1 - s) * p["gamma"] * rate - s / p["tau_s"])[None]

    settle = round(60.0 / BOLD_TICK)
    n_ticks = settle + round(BOLD_SECONDS / BOLD_TICK)
    start = np.full((1, len(weights)), 0.1)
    coupling = BOLD_COUPLING * weights
    series = simulate(slope, start, coupling, lengths, p["sigma"], BOLD_TICK, n_ticks, seed)
    lag = np.arange(0.0, 32.0, BOLD_TICK)
    response = gamma.pdf(lag, 6.0) - gamma.pdf(lag, 16.0) / 6  # SPM's
    size = 1 << (len(series) + len(lag) - 1).bit_length()
    wave = np.fft.rfft(series - series.mean(0), size, axis=0) * np.fft.rfft(response, size)[:, None]
    bold = np.fft.irfft(wave, size, axis=0)[settle : len(series) : round(TR / BOLD_TICK)]
    noise = np.random.default_rng(seed + 1).standard_normal(bold.shape)
    bold = bold + BOLD_NOISE * bold.std(0) * noise
    return Run({"brain": Stream(bold, TR * np.arange(len(bold)))}, tr=TR)


def whole_brain() -> list[Row]:
    """Return the largest errors of coupling and velocity over starts."""
    weights, lengths = connectome()
    run, rows = hopf_run(seed=7), []
    ends, seconds = [], []
    for coupling, velocity in HOPF_STARTS:
        began = perf_counter()
        brain = WholeBrain(
            weights, lengths, "hopf", HOPF, ("coupling", "velocity", "noise"), coupling, velocity,
            noise=0.05, measurement="activity", band=(2.0, 30.0), segment=1.0, n_starts=1,
        ).fit([run])  # fmt: skip
        ends.append(brain.descents_[0].end)
        seconds.append(perf_counter() - began)
    for name, truth in (("coupling", HOPF_COUPLING), ("velocity", VELOCITY)):
        found = [end[name] for end in ends]
        at = 0 if name == "coupling" else 1
        detail = ", ".join(f"{s[at]:g} -> {v:.3f}" for s, v in zip(HOPF_STARTS, found, strict=True))
        detail += f" (true {truth:g}); {np.median(seconds):.0f} s a fit"
        rows.append(_row("hopf activity", name, max(abs(v / truth - 1) for v in found), detail))
    return [*rows, *_bold(weights, lengths)]


def _bold(weights: np.ndarray, lengths: np.ndarray) -> list[Row]:
    run, found, seconds = wong_wang_run(seed=11), [], []
    for coupling in BOLD_STARTS:
        began = perf_counter()
        brain = WholeBrain(
            weights, lengths, "wong_wang", {"sigma": WONG_WANG["sigma"]}, coupling=coupling
        ).fit([run])
        found.append(brain.descents_[0].end["coupling"])
        seconds.append(perf_counter() - began)
    both = WholeBrain(
        weights, lengths, "wong_wang", {"sigma": WONG_WANG["sigma"]},
        ("coupling", "velocity", "noise"), coupling=BOLD_STARTS[1], n_starts=1, n_iterations=0,
    ).fit([run])  # fmt: skip
    least = both.parameters_table().set_index("parameter")["least_error"]["velocity"]
    detail = ", ".join(f"{s:g} -> {g:.3f}" for s, g in zip(BOLD_STARTS, found, strict=True))
    detail += (
        f" (true {BOLD_COUPLING:g}); {np.median(seconds):.0f} s a fit; velocity cannot be told:"
    )
    detail += f" least standard error {least:.0f} m/s"
    return [
        _row("wong-wang BOLD", "coupling", max(abs(g / BOLD_COUPLING - 1) for g in found), detail)
    ]


def _row(subject: str, name: str, error: float, detail: str) -> Row:
    figure = f"{name}, largest error, {len(HOPF_STARTS)} starts"
    return Row("whole-brain", subject, figure, error, 0.05, True, detail)
