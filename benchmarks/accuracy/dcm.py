"""Couplings and modulations of four regions, from data of a bilinear model of its own.

Two hemispheres of two stages, as ``data/models/four_regions.yaml`` states them. Data are drawn in
steps of 5 ms by plain numpy, with no code of the package: ``tau dx/dt = -x + (A + u B) x + C u``
without delays (Friston, Harrison and Penny 2003), to BOLD by a double gamma whose delay differs
from region to region. The model knows of neither: it has ticks and delays of 0.5 s, and SPM's
response for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.rows import Row
from benchmarks.simulator import load_simulator
from drmbids import DRMRegressor, Events, Run, Stream

simulator = load_simulator()

MODEL = Path(__file__).resolve().parents[2] / "data" / "models" / "four_regions.yaml"
REGIONS, CONDITIONS = ("LV1", "RV1", "LMT", "RMT"), ("left", "right", "attention")

#: Couplings (source, target) with limits of their size, of either sign; the first two are gated.
COUPLINGS = {
    ("LV1", "LMT"): (0.4, 0.9),
    ("RV1", "RMT"): (0.4, 0.9),
    ("LMT", "LV1"): (0.2, 0.6),
    ("RMT", "RV1"): (0.2, 0.6),
    ("LMT", "RMT"): (0.2, 0.6),
    ("RMT", "LMT"): (0.2, 0.6),
}
GATED, GAINS = (("LV1", "LMT"), ("RV1", "RMT")), (0.3, 0.8)

#: Real parts of the eigenvalues of A, with and without attention, stay below: loops die away.
GREATEST_GROWTH = 0.7

#: Half an hour of data; standard deviation of the signal over that of the noise of a voxel, its
#: autocorrelation, and the standard deviation of the response's delay over regions, in s.
N_RUNS, SECONDS, TR, N_VOXELS = 3, 600.0, 2.0, 12
SNR, AUTOCORRELATION, HRF_SD = 0.5, 0.4, 0.5

N_DRAWS = 20


@dataclass(frozen=True)
class Truth:
    """A brain: ``[to][from]`` couplings and their gains by attention, inputs, scales.

    Parameters
    ----------
    A, gain : array of shape (4, 4)
    C : array of shape (4, 3)
    tau : array of shape (4,)
        In s.
    scale : array of shape (4,)
        BOLD for activity of 1, mean over voxels.
    """

    A: np.ndarray
    gain: np.ndarray
    C: np.ndarray
    tau: np.ndarray
    scale: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Truth":
        """Return a stable brain of random signs and sizes."""
        while True:
            A, gain = np.zeros((2, 4, 4))
            for (source, target), limits in COUPLINGS.items():
                at = REGIONS.index(target), REGIONS.index(source)
                A[at] = rng.uniform(*limits) * rng.choice([-1, 1])
                if (source, target) in GATED:
                    gain[at] = rng.uniform(*GAINS) * rng.choice([-1, 1])
            states = np.stack([A, A * (1 + gain)])
            if np.linalg.eigvals(states).real.max() < GREATEST_GROWTH:
                break
        C = np.zeros((4, 3))
        C[0, 1], C[1, 0] = rng.uniform(0.7, 1.3, 2)
        return cls(A, gain, C, rng.uniform(0.5, 1.5, 4), np.exp(rng.uniform(-0.35, 0.35, 4)))

    def activity(self, shown: np.ndarray) -> np.ndarray:
        """Return activity at the ends of steps (Heun), (n_runs, n_steps + 1, 4), from rest."""
        driven, x = shown @ self.C.T, np.zeros((len(shown), 4))
        coupled, changed = self.A.T, (self.A * self.gain).T
        series, step = [x], simulator.STEP / self.tau

        def slope(x: np.ndarray, k: int) -> np.ndarray:
            return driven[:, k] - x + x @ coupled + shown[:, k, 2:] * (x @ changed)

        for k in range(shown.shape[1]):
            first = slope(x, k)
            x = x + step * (first + slope(x + step * first, k)) / 2
            series.append(x)
        return np.stack(series, 1)


def drawn_events(rng: np.random.Generator) -> Events:
    """Return stimuli of 1 to 4 s on either side, and blocks of attention of 20 to 40 s."""
    onsets, durations, names = [], [], []
    now = rng.uniform(2.0, 6.0)
    while now < SECONDS - 20:
        onsets.append(now)
        durations.append(rng.uniform(1.0, 4.0))
        names.append(CONDITIONS[rng.integers(2)])
        now += durations[-1] + 1.0 + rng.exponential(4.0)
    now = rng.uniform(5.0, 30.0)
    while now < SECONDS - 30:
        onsets.append(now)
        durations.append(rng.uniform(20.0, 40.0))
        names.append("attention")
        now += durations[-1] + rng.uniform(20.0, 40.0)
    return Events(onsets, durations, names, columns=CONDITIONS)


def draw(seed: int) -> tuple[Truth, list[Run]]:
    """Return a brain and its runs: voxels of different gain, autocorrelated noise, linear drift."""
    rng = np.random.default_rng([3, seed])
    brain, designs = Truth.draw(rng), [drawn_events(rng) for _ in range(N_RUNS)]
    shown = []
    for events in designs:
        which = np.array([CONDITIONS.index(name) for name in events.conditions])
        shown.append(simulator.shown(events.onsets, events.durations, which, 3, SECONDS))
    activity = brain.activity(np.stack(shown))
    times = TR * np.arange(round(SECONDS / TR))
    runs: list[dict[str, Stream]] = [{} for _ in designs]
    for k, region in enumerate(REGIONS):
        response = {**simulator.SPM, "delay": 6.0 + rng.normal(0.0, HRF_SD)}
        clean = [simulator.bold(run[:, [k]], times, response) for run in activity]
        gains = rng.uniform(0.5, 1.5, N_VOXELS)
        gains *= brain.scale[k] / gains.mean()
        size = np.std(clean) * brain.scale[k]
        for series, responses in zip(clean, runs, strict=True):
            noise = simulator.noise(rng, (len(times), N_VOXELS), AUTOCORRELATION) / SNR
            drift = np.linspace(-1.0, 1.0, len(times))[:, None] * rng.normal(0, 1, N_VOXELS)
            responses[region] = Stream(100.0 + series * gains + size * (noise + drift), times)
    return brain, [
        Run(responses, {"events": events}, duration=SECONDS, tr=TR, entities={"run": str(k)})
        for k, (responses, events) in enumerate(zip(runs, designs, strict=True), 1)
    ]


def true_values(brain: Truth) -> pd.DataFrame:
    """Return couplings on the scale of BOLD, gains and time constants of a brain."""
    rows = []
    for source, target in COUPLINGS:
        to, at = REGIONS.index(target), REGIONS.index(source)
        value = brain.A[to, at] * brain.scale[to] / brain.scale[at]
        rows.append(("coupling", f"{source} -> {target}", value))
        if (source, target) in GATED:
            rows.append(("gain", f"{source} -> {target}", brain.gain[to, at]))
    rows += [("tau", name, value) for name, value in zip(REGIONS, brain.tau, strict=True)]
    return pd.DataFrame(rows, columns=["kind", "where", "truth"])


def found_values(fit: DRMRegressor) -> pd.DataFrame:
    """Return the same of a fitted model, by its public tables."""
    table = fit.couplings_table()
    couplings, rows = table[table["kind"] == "coupling"], []
    for row in couplings.itertuples():
        rows.append(("coupling", f"{row.source} -> {row.target}", row.value))
    parameters = fit.parameters_table()
    for row in parameters.itertuples():
        name = {"tau": "tau", "gates.0.gain": "gain"}.get(str(row.parameter))
        if name is not None:
            rows.append((name, row.node, row.value))
    return pd.DataFrame(rows, columns=["kind", "where", "found"])


def recovered(seed: int) -> pd.DataFrame:
    """Return true and found values of one draw."""
    brain, runs = draw(seed)
    fit = DRMRegressor(MODEL).fit(runs)
    return true_values(brain).merge(found_values(fit), on=["kind", "where"], validate="1:1")


def rows_of(draws: Sequence[pd.DataFrame]) -> list[Row]:
    """Return correlation with the truth and share of right signs, of couplings and of gains."""
    values, rows = pd.concat(draws), []
    taus = values[values["kind"] == "tau"]
    of_taus = f"r of time constants {taus['truth'].corr(taus['found']):.2f}"
    for kind in ("coupling", "gain"):
        true, found = (values.loc[values["kind"] == kind, c] for c in ("truth", "found"))
        error = float(np.sqrt(((found - true) ** 2).mean()))
        detail = (
            f"{len(draws)} draws, {len(true)} values of {true.abs().min():.2f} to "
            f"{true.abs().max():.2f}; root mean square error {error:.3f}; {of_taus}"
        )
        right = float((np.sign(true) == np.sign(found)).mean())
        rows.append(Row("dcm", kind, "r with the truth", true.corr(found), 0.9, False, detail))
        rows.append(Row("dcm", kind, "share of right signs", right, 0.95, False, detail))
    return rows


def dcm() -> list[Row]:
    """Return how well couplings and gains of four regions are recovered.

    A coupling is what lasting BOLD of 1 in the source does to BOLD of the target, over that
    connection alone (:meth:`drmbids.DRMRegressor.couplings_table`), so that the scale of activity,
    which no data tell, does not enter; a gain is the share of it that attention adds.
    """
    return rows_of([recovered(seed) for seed in range(N_DRAWS)])
