"""How often intervals hold the truth, over data drawn by a simulator of their own.

Two areas: V1 follows the stimulus; V2 follows V1 with a time constant after a delay, both learned.
All is seen through one double gamma, learned. Noise is autocorrelated, and half of it shared by all
targets. Data come from ``tests/truth.py``, in steps of 5 ms and without any code of the package, so
that what its ticks do to delays and time constants shows in the coverage.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import binom, norm

from benchmarks.rows import Row
from benchmarks.simulator import load_simulator
from drmbids import DRMNet, DRMRegressor, Events, Run, Stream, fit_together, parameter_intervals
from drmbids.brain.modelfile.load import as_model
from drmbids.compare.inference.curvature import curvature
from drmbids.compare.inference.intervals import interval_table, training_data
from drmbids.compare.inference.laplace import Spread, solve_flat
from drmbids.compare.inference.quantities import Quantities
from drmbids.compare.inference.slopes import differences, in_double

simulator = load_simulator()

CONDITIONS, TR, N_TARGETS, LEVEL, AUTOCORRELATION = ("a", "b"), 2.0, 12, 0.95, 0.5

#: Time constant of V2, delay from V1, delay of the double gamma, weights of the conditions on V1.
TAU, DELAY, HRF_DELAY, DRIVE = 3.0, 2.3, 5.5, (1.0, 0.5)

#: What coverage is asked of: physical parameters that such data determine, and the peak.
ASKED = ("tau", "delay", "hrf.peak")


def model(n_epochs: int = 100) -> dict:
    """Return the model file of both truth and fits."""
    return {
        "schema_version": 1,
        "name": "chain",
        "resolution_s": "auto",
        "stimuli": {"events": {"conditions": list(CONDITIONS)}},
        "populations": {
            "V1": {"kind": "additive", "units": 1, "nonlinearity": "linear"},
            "V2": {"kind": "leaky", "units": 1, "tau_s": 2.0, "nonlinearity": "linear"},
        },
        "projections": [
            {"from": "events", "to": "V1"},
            {"from": "V1", "to": "V2", "delay_s": 1.7, "delay_min_s": 0.5, "delay_max_s": 5.0},
        ],
        "readout": {"kind": "bold", "hrf": {"kind": "double_gamma", "shape": "spm"}},
        "training": {"n_epochs": n_epochs, "learning_rate": 0.1, "random_state": 0},
    }


def drawn_events(duration: float, rng: np.random.Generator) -> Events:
    """Return blocks of 1 to 6 s of either condition, 2 to 8 s apart, that begin anywhere."""
    onsets, durations = [], []
    now = rng.uniform(1.0, 4.0)
    while now < duration - 20.0:
        onsets.append(now)
        durations.append(rng.uniform(1.0, 6.0))
        now += durations[-1] + rng.uniform(2.0, 8.0)
    names = [CONDITIONS[k] for k in rng.integers(0, len(CONDITIONS), len(onsets))]
    return Events(onsets, durations, names, columns=CONDITIONS)


def signals(events: Events, duration: float, delay: float = DELAY) -> np.ndarray:
    """Return the true BOLD series of both areas at each volume, (n_volumes, 2)."""
    which = np.array([CONDITIONS.index(name) for name in events.conditions])
    shown = simulator.shown(events.onsets, events.durations, which, len(CONDITIONS), duration)
    brain = simulator.Brain((0.0, TAU), np.array([DRIVE, (0.0, 0.0)]), [(1, 0, 1.0, delay)])
    times = TR * np.arange(round(duration / TR))
    response = {**simulator.SPM, "delay": HRF_DELAY}
    return simulator.bold(simulator.activity(brain, shown), times, response)


def truth(shown: Sequence[Run]) -> DRMNet:
    """Return a net with the parameters that data are drawn with; fits start elsewhere."""
    net = as_model(model()).build(shown)
    net.populations[1].set_value("tau", TAU)
    net.afferents[1][0].connection.set_value("delay", DELAY)
    net.readout.hrf.set_value("delay", HRF_DELAY)
    return net


def draw(
    n_data: int, n_runs: int, duration: float, snr: float = 1.0, delay: float = DELAY
) -> tuple[DRMNet, list[list[Run]]]:
    """Return a net of the true parameters, and data sets that differ in noise alone.

    Noise is autocorrelated; half of its variance is shared by all targets.
    """
    rng = np.random.default_rng(0)
    designs = [drawn_events(duration, rng) for _ in range(n_runs)]
    gains = rng.normal(1.0, 0.5, (2, N_TARGETS))
    clean = [
        np.concatenate([s[:, [k]] * gains[k] for k in range(2)], 1)
        for s in (signals(events, duration, delay) for events in designs)
    ]
    size = float(np.sqrt(np.mean([s.var(0).mean() for s in clean]))) / snr / np.sqrt(2)
    data = [
        [
            _measured(events, series, duration, size, np.random.default_rng([seed, k]), k)
            for k, (events, series) in enumerate(zip(designs, clean, strict=True))
        ]
        for seed in range(n_data)
    ]
    return truth(data[0]), data


def _measured(
    events: Events,
    clean: np.ndarray,
    duration: float,
    size: float,
    rng: np.random.Generator,
    number: int,
) -> Run:
    """Return a run with noise of two sources of a standard deviation each, and drift."""
    n = len(clean)
    own = simulator.noise(rng, clean.shape, AUTOCORRELATION)
    shared = simulator.noise(rng, (n, 1), AUTOCORRELATION)
    drift = np.linspace(-1.0, 1.0, n)[:, None] ** [1, 2] @ rng.normal(0, 0.5, (2, clean.shape[1]))
    values, times = clean + size * (own + shared) + drift, TR * np.arange(n)
    return Run(
        {"V1": Stream(values[:, :N_TARGETS], times), "V2": Stream(values[:, N_TARGETS:], times)},
        {"events": events},
        duration=duration,
        tr=TR,
        entities={"run": str(number)},
    )


def fitted(data: Sequence[Sequence[Run]], n_epochs: int = 100) -> list[DRMRegressor]:
    """Return a model fitted to each data set."""
    fits = [DRMRegressor(model(n_epochs)) for _ in data]
    fit_together(fits, data)
    return fits


def coverage(
    net: DRMNet, name: str, tables: Sequence[pd.DataFrame], is_null: bool = False
) -> list[Row]:
    """Return the coverage of the quantity that fares worst, and the width of the widest.

    Honest intervals of one quantity fall below the target in 1 of 100 studies; those of the null
    have to. The width is the median length of intervals over that of a normal distribution with
    the standard deviation that estimates have over data sets.
    """
    true = Quantities(net).table(net)
    asked = true["parameter"].isin(ASKED).to_numpy()
    value, names = true.loc[asked, "value"].to_numpy(), true.loc[asked, "parameter"]
    low, high, found = (
        np.array([table.loc[asked, column] for table in tables])
        for column in ("low", "high", "value")
    )
    held = ((low <= value) & (value <= high)).mean(0)
    normal = 2 * norm.ppf((1 + LEVEL) / 2) * found.std(0, ddof=1)
    width = np.median(high - low, 0) / normal
    each = ", ".join(
        f"{n} {h:.2f} (width {w:.2f})" for n, h, w in zip(names, held, width, strict=True)
    )
    detail = f"{len(tables)} data sets: {each}"
    target = float(binom.ppf(0.01, len(tables), LEVEL)) / len(tables)
    rows = [Row("intervals", name, "least coverage of 95 %", held.min(), target, is_null, detail)]
    if not is_null:
        rows.append(Row("intervals", name, "greatest relative width", width.max(), 1.5, True))
    return rows


def taken_as_independent(fit: DRMRegressor, runs: Sequence[Run]) -> pd.DataFrame:
    """Return intervals for noise that is independent over targets and samples: the null.

    The covariance is then the noise variance times the inverse of the curvature.
    """
    net, quantities = in_double(fit.net_), Quantities(fit.net_)
    around = curvature(net, training_data(fit.net_, runs), None)
    towards = differences(net, lambda other: torch.as_tensor(quantities.free(other))).numpy()
    steps, _ = solve_flat(around.hessian.numpy(), towards)
    variance = min(row["train_loss"] for row in fit.history_)
    error = np.sqrt(variance * np.diag(towards.T @ steps))
    return interval_table(net, quantities, Spread(error, np.inf, error), LEVEL, "independent")


def laplace() -> list[Row]:
    """Return the coverage of Laplace intervals, and of those for independent noise."""
    net, data = draw(40, 3, 240.0)
    fits = fitted(data)
    pairs = list(zip(fits, data, strict=True))
    naive = [taken_as_independent(fit, runs) for fit, runs in pairs]
    return [
        *coverage(net, "laplace", [parameter_intervals(fit, runs) for fit, runs in pairs]),
        *coverage(net, "independent", naive, is_null=True),
    ]


def bootstrap() -> list[Row]:
    """Return the coverage of intervals from 20 resamples of five short runs."""
    net, data = draw(10, 5, 120.0)
    tables = [
        parameter_intervals(fit, runs, method="bootstrap", n_resamples=20)
        for fit, runs in zip(fitted(data, n_epochs=30), data, strict=True)
    ]
    return coverage(net, "bootstrap", tables)


def jackknife() -> list[Row]:
    """Return the coverage of intervals from one long run with each tenth left out."""
    net, data = draw(24, 1, 600.0)
    tables = [
        parameter_intervals(fit, runs, method="jackknife")
        for fit, runs in zip(fitted(data, n_epochs=50), data, strict=True)
    ]
    return coverage(net, "jackknife", tables)


ROWS: dict[str, Callable[[], list[Row]]] = {
    "laplace": laplace,
    "bootstrap": bootstrap,
    "jackknife": jackknife,
}
