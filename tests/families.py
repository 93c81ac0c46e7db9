"""Small fMRI studies drawn from families: a linear truth, and dynamics; for tests and benchmarks.

Plain numpy and scipy in steps of 50 ms; nothing is imported from the package. Each condition has a
channel of activity in each area; targets (voxels) mix channels with weights of their own, and show
the mix through a double gamma. What differs between families is what activity a stimulus causes:

- ``glm``: activity is the stimulus, the response is SPM's: a GLM is the truth;
- ``response``: the same, with a response that peaks from 3.5 to 7.5 s; ``response spread``: targets
  differ in their peaks;
- ``adaptation``: a stimulus wears activity down with a time constant of 2 to 8 s, which takes as
  long to recover, in part for other conditions as well; activity is never negative;
- ``saturation``: activity builds up with a time constant of .5 to 2 s, and all channels together
  compress it, so that long and overlapping events add less than short ones apart;
- ``delayed area``: V2 hears V1 after .5 to 3 s, with a time constant of 1 to 4 s;
- ``feedback``: V2 hears V1 and inhibits or excites it, with time constants and a delay both ways.

Values in a step are means over it and stand for its middle, so that errors are of second order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import fftconvolve, lfilter
from scipy.stats import gamma

STEP = 0.05
#: Seconds of the response to activity, and of the response to a brief event of so many seconds.
LENGTH, BRIEF = 32.0, 1.0
#: Targets of an area, autocorrelation of noise, repetition times in s, peak of SPM's response in s.
N_TARGETS, AUTOCORRELATION, TRS, SPM_PEAK = 10, 0.3, (0.8, 1.5, 2.0, 3.0), 5.0

Series = dict[str, np.ndarray]


@dataclass(frozen=True)
class Design:
    """Events of one run: onsets and durations in s, and which of the conditions each is of."""

    onsets: np.ndarray
    durations: np.ndarray
    conditions: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Brain:
    """Activity of the channels of each area, and what is seen of it.

    Parameters
    ----------
    activity : callable
        From stimuli, (n_steps, ..., n_conditions), to activity of each area, of the same shape.
    time_constants : dict of str to float
        Seconds by name, such as ``V2.tau`` and ``V1 -> V2.delay``.
    peak : float
        When responses to an impulse of activity peak, in s.
    spread : float
        Standard deviation of that over targets.
    at_once : frozenset of str
        Areas of which a part follows stimuli without delay.
    """

    activity: Callable[[np.ndarray], Series]
    time_constants: dict[str, float] = field(default_factory=dict)
    peak: float = SPM_PEAK
    spread: float = 0.0
    at_once: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Study:
    """A study that was drawn, and what it was drawn from.

    Parameters
    ----------
    tr : float
        Seconds; volumes are measured at its multiples.
    n_conditions : int
    designs : list of Design
        Of the runs, the last of which is to be held out.
    clean, measured : list of dict of str to array of shape (n_volumes, n_targets)
        Signal, and signal with noise of variance 1 in all, by area.
    regressors : list of dict of str to array of shape (n_volumes, n_conditions)
        What channels show in each run, through the mean response of targets: signals are their
        weighted sums, but where targets differ in their responses.
    responses : dict of str to array of shape (n_conditions, n_times, n_targets)
        Response to a single event of 1 s, each 0.05 s from its onset.
    time_constants : dict of str to float
    at_once : frozenset of str
        As of the brain.
    share : float
        Of the variance that is signal.
    correlation : float
        Of noise over targets.
    beyond_glm : float
        Share of the variance of the signal that a GLM with SPM's response, fitted to the signals of
        all runs, does not explain: the mean over targets.
    """

    tr: float
    n_conditions: int
    designs: list[Design]
    clean: list[Series]
    measured: list[Series]
    regressors: list[Series]
    responses: Series
    time_constants: dict[str, float]
    at_once: frozenset[str]
    share: float
    correlation: float
    beyond_glm: float


def double_gamma(peak: float = SPM_PEAK) -> np.ndarray:
    """Return a double gamma as SPM's, moved to peak at so many s, at the middles of steps."""
    lags = STEP * (np.arange(round(LENGTH / STEP)) + 0.5)
    response = gamma.pdf(lags, peak + 1) - gamma.pdf(lags, peak + 11) / 6
    return response / (STEP * response.sum())


def shown(design: Design, n_conditions: int) -> np.ndarray:
    """Return the mean of each stimulus in each step, (n_steps, n_conditions)."""
    edges = STEP * np.arange(round(design.seconds / STEP) + 1)
    series = np.zeros((len(edges) - 1, n_conditions))
    for onset, length, condition in zip(
        design.onsets, design.durations, design.conditions, strict=True
    ):
        series[:, condition] += np.diff(np.clip(edges - onset, 0.0, length)) / STEP
    return series


def leaky(drive: np.ndarray, tau: float, start: np.ndarray | None = None) -> Series:
    """Return means of steps, and the end, of ``tau dx/dt = -x + drive`` from rest or a start."""
    keep = np.exp(-STEP / tau)
    start = np.zeros(drive.shape[1:]) if start is None else start
    ends, _ = lfilter([1 - keep], [1, -keep], drive, axis=0, zi=keep * start[None])
    before = np.concatenate((start[None], ends[:-1]))
    share = tau / STEP * (1 - keep)
    return {"means": drive + (before - drive) * share, "end": ends[-1]}


def later(series: np.ndarray, delay: float) -> np.ndarray:
    """Return means of steps a delay later, zero before; a delay between steps mixes two."""
    whole = int(delay / STEP)
    part = delay / STEP - whole
    moved = np.concatenate((np.zeros((whole + 1, *series.shape[1:])), series))
    return ((1 - part) * moved[1:] + part * moved[:-1])[: len(series)]


def glm(rng: np.random.Generator) -> Brain:
    """Return activity that is the stimulus."""
    return Brain(lambda stimulus: {"V1": stimulus}, at_once=frozenset({"V1"}))


def response(rng: np.random.Generator, spread: float = 0.0) -> Brain:
    """Return the same, seen through a response that peaks early or late."""
    peak, whole = rng.uniform(3.5, 7.5), frozenset({"V1"})
    return Brain(lambda stimulus: {"V1": stimulus}, peak=peak, spread=spread, at_once=whole)


def adaptation(rng: np.random.Generator) -> Brain:
    """Return activity that a slow trace of stimuli is taken from."""
    tau, strength, others = rng.uniform(2, 8), rng.uniform(0.6, 1.0), rng.uniform(0, 0.6)

    def activity(stimulus: np.ndarray) -> Series:
        trace = leaky(stimulus, tau)["means"]
        pooled = (1 - others) * trace + others * trace.sum(-1, keepdims=True)
        return {"V1": np.maximum(stimulus - strength * pooled, 0)}

    return Brain(activity, {"V1.tau": tau}, at_once=frozenset({"V1"}))


def saturation(rng: np.random.Generator) -> Brain:
    """Return activity that is divided by what all channels together receive."""
    tau, strength = rng.uniform(0.5, 2), 10 ** rng.uniform(0.3, 1)

    def activity(stimulus: np.ndarray) -> Series:
        built = leaky(stimulus, tau)["means"]
        return {"V1": built / (1 + strength * built.sum(-1, keepdims=True))}

    return Brain(activity, {"V1.tau": tau})


def delayed_area(rng: np.random.Generator) -> Brain:
    """Return an area that follows stimuli, and one that hears it later, through mixed channels."""
    delay, tau, mixing = rng.uniform(0.5, 3), rng.uniform(1, 4), rng.uniform(0, 0.5)

    def activity(stimulus: np.ndarray) -> Series:
        heard = (1 - mixing) * stimulus + mixing * stimulus.mean(-1, keepdims=True)
        return {"V1": stimulus, "V2": leaky(later(heard, delay), tau)["means"]}

    times = {"V2.tau": tau, "V1 -> V2.delay": delay}
    return Brain(activity, times, at_once=frozenset({"V1"}))


def loop(taus: tuple[float, float], delay: float, back: float) -> Brain:
    """Return two areas in a loop; what they send is never negative.

    In blocks as long as the delay, a multiple of steps: what arrives in one was sent before it.
    """

    def activity(stimulus: np.ndarray) -> Series:
        ago, shape = round(delay / STEP), stimulus.shape[1:]
        sent, ends = np.zeros((2, ago, *shape)), [np.zeros(shape), np.zeros(shape)]
        blocks: list[np.ndarray] = []
        for first in range(0, len(stimulus), ago):
            own = stimulus[first : first + ago]
            drives = (own + back * sent[1, : len(own)], sent[0, : len(own)])
            parts = [leaky(d, tau, x) for d, tau, x in zip(drives, taus, ends, strict=True)]
            ends = [part["end"] for part in parts]
            blocks.append(np.stack([part["means"] for part in parts]))
            sent = np.maximum(blocks[-1], 0)
        return dict(zip(("V1", "V2"), np.concatenate(blocks, 1), strict=True))

    times = {"V1.tau": taus[0], "V2.tau": taus[1], "V1 -> V2.delay": delay}
    return Brain(activity, {**times, "V2 -> V1.delay": delay})


def feedback(rng: np.random.Generator) -> Brain:
    """Return two areas of which the second inhibits or excites the first."""
    taus, delay = (rng.uniform(0.3, 1), rng.uniform(1, 4)), STEP * rng.integers(10, 31)
    back = rng.uniform(-1.5, -0.5) if rng.random() < 0.5 else rng.uniform(0.3, 0.6)
    return loop(taus, float(delay), back)


FAMILIES: dict[str, Callable[[np.random.Generator], Brain]] = {
    "glm": glm,
    "response": response,
    "response spread": lambda rng: response(rng, 0.7),
    "adaptation": adaptation,
    "saturation": saturation,
    "delayed area": delayed_area,
    "feedback": feedback,
}


def drawn_design(rng: np.random.Generator, n_conditions: int, seconds: float) -> Design:
    """Return events of 1 s and more, at random onsets, so that some overlap.

    Three or more of each condition, short and long ones of each, lest one is seen hardly at all.
    """
    n_events = max(3 * n_conditions, int(seconds / rng.uniform(7, 14)))
    longest = np.clip(2 * seconds / n_events, 4.0, 20.0)
    onsets = np.sort(rng.uniform(0, seconds - 10, n_events))
    which = rng.permutation(np.resize(np.arange(n_conditions), n_events))
    lengths = np.zeros(n_events)
    for condition in range(n_conditions):
        own = np.flatnonzero(which == condition)
        evenly = (rng.permutation(len(own)) + rng.uniform(0, 1, len(own))) / len(own)
        lengths[own] = longest**evenly
    return Design(onsets, lengths, which, seconds)


def drawn_kernels(rng: np.random.Generator, brain: Brain) -> np.ndarray:
    """Return the response of each target to activity, (n_lags, n_targets)."""
    peaks = brain.peak + brain.spread * rng.standard_normal(N_TARGETS)
    return np.stack([double_gamma(peak) for peak in np.clip(peaks, 3.5, 7.5)], 1)


def bold(activity: np.ndarray, effects: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return what targets show at the ends of steps from 0 s on, (n_steps, n_targets)."""
    mixed = activity @ effects
    series = STEP * fftconvolve(mixed, kernels, axes=0)[: len(mixed)]
    return np.concatenate((np.zeros((1, series.shape[1])), series))[:-1]


def noise(
    rng: np.random.Generator, n_volumes: int, n_areas: int, correlation: float
) -> list[np.ndarray]:
    """Return autoregressive noise of variance 1 for each area, in part common to all targets."""
    white = rng.standard_normal((n_volumes, n_areas * N_TARGETS + 1))
    white[1:] *= np.sqrt(1 - AUTOCORRELATION**2)
    series = lfilter([1.0], [1.0, -AUTOCORRELATION], white, axis=0)
    mixed = np.sqrt(1 - correlation) * series[:, 1:] + np.sqrt(correlation) * series[:, :1]
    return np.split(mixed, n_areas, axis=1)


def beyond_glm(
    stimuli: list[np.ndarray], rows: np.ndarray, clean: list[Series], n_conditions: int
) -> float:
    """Return the share of signals that SPM's response to each condition leaves, over targets."""
    same = np.repeat(double_gamma()[:, None], n_conditions, 1)
    design = np.concatenate([bold(s, np.eye(n_conditions), same)[rows] for s in stimuli])
    design = np.column_stack((design, np.ones(len(design))))
    signal = np.concatenate([np.concatenate(list(run.values()), 1) for run in clean])
    left = signal - design @ np.linalg.lstsq(design, signal, rcond=None)[0]
    return float(np.mean(left.var(0) / signal.var(0)))


def draw(family: str, seed: int) -> Study:
    """Return a study of a family: 1 to 6 runs to train on, and one to hold out."""
    rng = np.random.default_rng([seed, *family.encode()])
    n_volumes, tr = int(rng.integers(100, 301)), float(rng.choice(TRS))
    n_conditions, n_runs = int(rng.integers(2, 13)), int(rng.integers(1, 7))
    n_conditions = min(n_conditions, int(n_volumes * tr / 15))  # three events each, 5 s apart
    share = 10 ** rng.uniform(np.log10(0.02), np.log10(0.5))
    correlation = rng.uniform(0, 0.5) if rng.random() < 0.5 else 0.0
    brain = FAMILIES[family](rng)
    designs = [drawn_design(rng, n_conditions, n_volumes * tr) for _ in range(n_runs + 1)]
    stimuli = [shown(design, n_conditions) for design in designs]
    rows = round(tr / STEP) * np.arange(n_volumes)
    active = brain.activity(np.stack(stimuli, 1))
    in_common, areas = rng.uniform(0, 1), list(active)
    effects = {a: in_common + rng.standard_normal((n_conditions, N_TARGETS)) for a in areas}
    kernels = drawn_kernels(rng, brain)
    clean = [
        {a: bold(active[a][:, k], effects[a], kernels)[rows] for a in areas}
        for k in range(len(designs))
    ]
    alike, each = np.eye(n_conditions), np.repeat(kernels.mean(1, keepdims=True), n_conditions, 1)
    regressors = [
        {a: bold(active[a][:, k], alike, each)[rows] for a in areas} for k in range(len(designs))
    ]
    for area in areas:
        size = np.concatenate([run[area] for run in clean]).std(0) / np.sqrt(share)
        effects[area] = effects[area] / size
        clean = [{**run, area: run[area] / size} for run in clean]
    measured = []
    for run in clean:
        added = noise(rng, n_volumes, len(areas), correlation)
        parts = zip(run.items(), added, strict=True)
        measured.append({area: x + np.sqrt(1 - share) * e for (area, x), e in parts})
    responses = single_responses(brain, n_conditions, effects, kernels)
    left = beyond_glm(stimuli, rows, clean, n_conditions)
    return Study(
        tr,
        n_conditions,
        designs,
        clean,
        measured,
        regressors,
        responses,
        brain.time_constants,
        brain.at_once,
        share,
        correlation,
        left,
    )


def single_responses(
    brain: Brain, n_conditions: int, effects: Series, kernels: np.ndarray
) -> Series:
    """Return the responses of all areas to one event of each condition in a silent run."""
    found: dict[str, list[np.ndarray]] = {area: [] for area in effects}
    for condition in range(n_conditions):
        one = Design(np.zeros(1), np.array([BRIEF]), np.array([condition]), LENGTH)
        for area, series in brain.activity(shown(one, n_conditions)).items():
            found[area].append(bold(series, effects[area], kernels))
    return {area: np.stack(parts) for area, parts in found.items()}


def dominant_peak(responses: np.ndarray, times: np.ndarray) -> float:
    """Return when the time course that explains most of responses is largest, in s.

    The first principal component of (n_conditions, n_times, n_targets), about zero; NaN where all
    responses are zero.
    """
    flat = responses.transpose(1, 0, 2).reshape(len(times), -1)
    course = np.abs(np.linalg.svd(flat, full_matrices=False)[0][:, 0])
    k = int(course.argmax())
    if not flat.any():
        return float("nan")
    if not 0 < k < len(course) - 1:
        return float(times[k])
    before, at, after = course[k - 1 : k + 2]
    shift = 0.5 * (before - after) / (before - 2 * at + after)
    return float(times[k] + shift * (times[1] - times[0]))
