"""How often intervals hold the truth, over data drawn from a known model.

Two areas: V1 follows the stimulus; V2 follows V1 with a time constant after a delay, both learned.
All is seen through one double gamma, learned. Noise is autocorrelated, and half of it shared by all
targets.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import binom, norm

from benchmarks.rows import Row
from drmbids import DRMNet, DRMRegressor, Run, Stream, fit_together, parameter_intervals
from drmbids.inference.curvature import curvature
from drmbids.inference.intervals import interval_table, training_data
from drmbids.inference.laplace import Spread, solve_flat
from drmbids.inference.quantities import Quantities
from drmbids.inference.slopes import differences, in_double
from drmbids.simulation.design import draw_gains, random_events
from drmbids.simulation.simulate import (
    autoregression,
    noise_for_snr,
    predict,
    simulate_runs,
)
from drmbids.spec.load import as_model

CONDITIONS, TR, N_TARGETS, LEVEL, AUTOCORRELATION = ("a", "b"), 2.0, 12, 0.95, 0.5

#: What coverage is asked of: physical parameters that such data determine, and the peak.
ASKED = ("tau", "delay", "hrf.peak")


def model(n_epochs: int = 100) -> dict:
    """Return the model file of both truth and fits."""
    return {
        "schema_version": 1,
        "name": "chain",
        "resolution_s": 1.0,
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


def templates(n_runs: int, duration: float, seed: int) -> list[Run]:
    """Return runs with events and no signal."""
    rng, times = np.random.default_rng(seed), TR * np.arange(round(duration / TR))
    silent = {name: Stream(np.zeros((len(times), N_TARGETS)), times) for name in ("V1", "V2")}
    return [
        Run(
            silent,
            {"events": random_events(CONDITIONS, duration, rng)},
            duration=duration,
            tr=TR,
            entities={"run": str(k)},
        )
        for k in range(n_runs)
    ]


def truth(shown: Sequence[Run]) -> DRMNet:
    """Return the net that data are drawn from; none of its values is where fits start."""
    net = as_model(model()).build(shown)
    with torch.no_grad():
        net.populations[0].weight.copy_(torch.tensor([[1.0, 0.5]]))
        net.populations[1].weight.fill_(1.0)
        for population in net.populations:
            population.bias.zero_()
    net.populations[1].set_value("tau", 3.0)
    net.afferents[1][0].connection.set_value("delay", 2.3)
    net.readout.hrf.set_value("delay", 5.5)
    draw_gains(net, np.random.default_rng(1))
    return net


def draw(
    n_data: int, n_runs: int, duration: float, snr: float = 1.0
) -> tuple[DRMNet, list[list[Run]]]:
    """Return the true net, and data sets that differ in noise alone.

    Noise is autocorrelated; half of its variance is shared by all targets.
    """
    shown = templates(n_runs, duration, seed=0)
    net = truth(shown)
    size = noise_for_snr(predict(net, shown), snr) / np.sqrt(2)
    data = []
    for seed in range(n_data):
        rng = np.random.default_rng(1000 + seed)
        runs = simulate_runs(
            net, shown, noise=size, autocorrelation=AUTOCORRELATION, drift=0.5, random_state=rng
        )
        data.append([with_shared_noise(run, size, rng) for run in runs])
    return net, data


def with_shared_noise(run: Run, size: float, rng: np.random.Generator) -> Run:
    """Return a run with one more series of noise, the same in all targets."""
    shared = size * autoregression(rng, (len(run.measured_times()), 1), AUTOCORRELATION)
    responses = {
        name: Stream(stream.values + shared, stream.times) for name, stream in run.responses.items()
    }
    return replace(run, responses=responses)


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
    net, data = draw(60, 3, 240.0)
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
