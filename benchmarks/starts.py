"""Starts that end where the truth is: time constants, delays and hemodynamics from wrong values.

Data come from the simulator of the tests, which shares no code with the package: a chain of two
leaky areas of which the second is seen, whose time constants change places without a trace; a delay
between two areas seen through BOLD; the same seen through spikes, with brief stimuli and with an
oscillation of 1 Hz, whose delay has a minimum in every period; and responses that peak early and
late, seen through memory units and through a learned double gamma.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from benchmarks.rows import Row
from benchmarks.simulator import load_simulator
from drmbids import DRMRegressor, Events, Run, Stream

#: Where the delays of models begin, in s.
DELAYS = (0.3, 0.9, 2.2, 3.5)
LIMITS = {"delay_min_s": 0.1, "delay_max_s": 4.0}
#: Where both time constants of the chain begin, in s.
TAUS = (0.3, 1.0, 2.0, 5.0)
N_STARTS = 5


def _events(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    onsets = np.cumsum(rng.uniform(4.0, 14.0, 100))
    onsets = onsets[onsets < seconds - 20.0]
    return onsets, rng.uniform(0.5, 4.0, len(onsets))


def bold_runs(
    taus: tuple[float, float], delay: float, snr: float, seen: Sequence[str] = ("A", "B")
) -> list[Run]:
    """Return two runs of an area A that drives an area B, five voxels of each that is seen."""
    truth, rng, runs = load_simulator(), np.random.default_rng(3), []
    times = np.arange(0.0, 300.0, 1.5)
    for _ in range(2):
        onsets, durations = _events(rng, 300.0)
        kinds = np.zeros(len(onsets), int)
        shown = truth.shown(onsets, durations, kinds, 1, 305.0)
        brain = truth.Brain(taus, np.array([[1.0], [0.0]]), [(1, 0, 1.0, delay)])
        series = truth.bold(truth.activity(brain, shown), times)
        responses = {}
        for name, column in zip("AB", series.T, strict=True):
            noise = rng.standard_normal((len(times), 5)) * column.std() / np.sqrt(snr)
            if name in seen:
                responses[name] = Stream(column[:, None] + noise, times)
        events = Events(onsets, durations, ["on"] * len(onsets))
        runs.append(Run(responses, {"events": events}, tr=1.5, duration=300.0))
    return runs


def spike_runs(delay: float, oscillating: bool) -> list[Run]:
    """Return two runs of spike counts of five cells in each of the same two areas."""
    truth, rng, runs = load_simulator(), np.random.default_rng(4), []
    step, bin_s, seconds = truth.STEP, 0.1, 120.0
    for _ in range(2):
        at = step * (np.arange(round(seconds / step)) + 0.5)
        onsets, durations = _events(rng, seconds)
        shown = truth.shown(onsets, durations, np.zeros(len(onsets), int), 1, seconds)
        if oscillating:
            shown = shown * np.sin(2 * np.pi * at)[:, None]
        brain = truth.Brain((0.1, 0.2), np.array([[1.0], [0.0]]), [(1, 0, 1.0, delay)])
        series = truth.activity(brain, shown)
        edges = np.arange(bin_s, seconds + bin_s / 2, bin_s)
        n = round(bin_s / step)
        responses = {}
        for name, column in zip("AB", series.T, strict=True):
            gains = rng.uniform(0.8, 1.5, 5) / max(abs(column).max(), 1e-9)
            rate = np.exp(np.log(8.0) + gains * column[1:, None])
            expected = step * rate[: n * len(edges)].reshape(len(edges), n, 5).sum(1)
            responses[name] = Stream(rng.poisson(expected).astype(float), edges)
        ticks = shown[:, 0].reshape(-1, round(0.05 / step)).mean(1)
        stimulus = Stream(ticks[:, None], 0.05 * np.arange(len(ticks)), ["on"])
        runs.append(Run(responses, {"wave": stimulus}, duration=seconds))
    return runs


def model(
    stimulus: str, taus: Sequence[float], delay: float | None, readout: dict[str, Any], tick: float
) -> dict[str, Any]:
    """Return a model file of the two areas."""
    areas = {
        name: {"kind": "leaky", "units": 1, "nonlinearity": "linear", "tau_s": tau}
        for name, tau in zip("AB", taus, strict=True)
    }
    between: dict[str, Any] = {"from": "A", "to": "B"}
    if delay is not None:
        between |= {"delay_s": delay, **LIMITS}
    return {
        "schema_version": 1,
        "name": "areas",
        "resolution_s": tick,
        "stimuli": {stimulus: {}},
        "populations": areas,
        "projections": [{"from": stimulus, "to": "A"}, between],
        "readout": readout,
    }


HRF = {"kind": "bold", "hrf": {"kind": "double_gamma", "trainable": False}}
SPIKES = {"kind": "spikes", "bin_s": 0.1}


def fitted(file: dict[str, Any], runs: Sequence[Run], **options: Any) -> DRMRegressor:
    """Return a model file fitted to runs, in one thread."""
    torch.set_num_threads(1)
    return DRMRegressor(file, **options).fit(runs)


def values(fit: DRMRegressor) -> dict[str, float]:
    """Return the trained physical parameters of a fit by node and name."""
    table = fit.parameters_table()
    table = table[table["trainable"]]
    return {f"{r.node}.{r.parameter}": r.value for r in table.itertuples()}


def _told(found: dict[Any, dict[str, float]]) -> str:
    return "; ".join(
        f"{start}: " + ", ".join(f"{name} {value:.3f}" for name, value in of.items())
        for start, of in found.items()
    )


def chain() -> list[Row]:
    """Return how far time constants end from the truth, in either order; the saddle is at 2 s."""
    runs, rows = bold_runs((1.0, 3.0), 0.005, 100.0, ("B",)), []
    for n_starts in (1, N_STARTS):
        found, told = {}, []
        for tau in TAUS:
            fit = fitted(model("events", (tau, tau), None, HRF, 0.25), runs, n_starts=n_starts)
            found[tau] = values(fit)
            told.append("/".join(fit.starts_["ending"]))
        errors = [
            max(abs(np.sort(list(of.values())) / np.array([1.0, 3.0]) - 1)) for of in found.values()
        ]
        detail = f"{_told(found)}; endings {', '.join(told)}"
        name = f"{n_starts} start{'s' if n_starts > 1 else ''}"
        rows.append(Row("chain", name, "largest relative error", max(errors), 0.1, True, detail))
    return rows


def _delays(
    row: str, fit_from: Callable[[float, float], DRMRegressor], true: Sequence[float]
) -> list[Row]:
    rows = []
    for delay in true:
        found = {start: values(fit_from(start, delay)) for start in DELAYS}
        worst = max(abs(of["A -> B.delay"] / delay - 1) for of in found.values())
        figure = "largest relative error"
        rows.append(Row(row, f"{delay:g} s", figure, worst, 0.05, True, _told(found)))
    return rows


def bold_delays() -> list[Row]:
    """Return how far delays seen through BOLD end from the truth, from any start."""
    runs = cache(lambda delay: bold_runs((0.4, 1.5), delay, 100.0))
    return _delays(
        "delay-bold",
        lambda start, delay: fitted(model("events", (1.0, 1.0), start, HRF, 0.25), runs(delay)),
        (0.5, 1.3),
    )


def spike_delays() -> list[Row]:
    """Return the same through spikes, with brief stimuli and with an oscillation of 1 Hz."""
    rows = []
    for name, oscillating in (("delay-spikes", False), ("delay-oscillation", True)):
        runs = spike_runs(1.3, oscillating)
        rows += _delays(
            name,
            lambda start, _, runs=runs: fitted(
                model("wave", (0.3, 0.3), start, SPIKES, 0.05), runs
            ),
            (1.3,),
        )
    return rows


#: Peaks in s of simulated responses.
PEAKS = (5.0, 8.0)


def response_runs(peak: float, seed: int) -> list[Run]:
    """Return five runs of eight voxels that respond to two kinds of brief events."""
    truth, rng, runs = load_simulator(), np.random.default_rng(seed), []
    times, constants = np.arange(0.0, 240.0, 2.0), {**truth.SPM, "delay": peak + 1.0}
    gains = rng.uniform(0.5, 1.5, (2, 8))
    for _ in range(5):
        onsets = np.cumsum(rng.uniform(3.0, 10.0, 100))
        onsets = onsets[onsets < 220.0]
        durations, kinds = np.ones(len(onsets)), rng.integers(0, 2, len(onsets))
        shown = truth.shown(onsets, durations, kinds, 2, 245.0)
        brain = truth.Brain((0.0, 0.0), np.eye(2))
        series = truth.bold(truth.activity(brain, shown), times, constants) @ gains
        noise = rng.standard_normal(series.shape) * series.std(0) / np.sqrt(3.0)
        events = Events(onsets, durations, [("a", "b")[kind] for kind in kinds])
        bold = {"V": Stream(series + noise, times)}
        runs.append(Run(bold, {"events": events}, tr=2.0, duration=240.0))
    return runs


def memory_units() -> list[Row]:
    """Return how much less of a held-out run memory units predict than a learned double gamma."""
    rows = []
    for peak in PEAKS:
        scores: dict[str, list[float]] = {"gru": [], "bold": []}
        for seed in range(3):
            runs = response_runs(peak, seed)
            for kind, found in scores.items():
                file = {
                    "schema_version": 1,
                    "resolution_s": 0.5,
                    "stimuli": {"events": {}},
                    "populations": {
                        "V": {"kind": "leaky", "units": 2, "nonlinearity": "linear", "tau_s": 0.3}
                    },
                    "projections": [{"from": "events", "to": "V"}],
                    "readout": {"kind": kind},
                }
                found.append(float(fitted(file, runs[:4]).score(runs[4:])))
        lost = float(np.mean(scores["bold"]) - np.mean(scores["gru"]))
        detail = "; ".join(f"{k} " + ", ".join(f"{r:.3f}" for r in s) for k, s in scores.items())
        rows.append(Row("memory-units", f"peak {peak:g} s", "R2 lost", lost, 0.01, True, detail))
    return rows


ROWS = {
    "chain": chain,
    "delay-bold": bold_delays,
    "delay-spikes": spike_delays,
    "memory-units": memory_units,
}
