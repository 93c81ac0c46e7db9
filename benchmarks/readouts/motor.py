"""Spikes of motor cortex to the velocity of the hand (Dyer et al. 2017), one monkey.

Training and test part are those of the data. All models hear counts up to and including the bin of
the velocity, none knows where a reach begins. What the DRM has over a ridge on three lags are two
populations of leaky units, one for each recorded unit, whose time constants it learns.
"""

import numpy as np
import torch
from scipy.io import loadmat

from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.rows import Row
from drmbids import (
    DRM,
    Behaviour,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Leaky,
    Nuisance,
    RidgeBaseline,
    Run,
    Stream,
)

#: Seconds of a bin; the data do not say, and nothing but the scale of time constants depends on it.
BIN = 0.05
N_LAGS = 3
NUISANCE = Nuisance("none")


def load() -> list[Run]:
    """Return the training and the test part, counts as the stimulus, velocities as the response."""
    raw = loadmat(data_folder() / "motor_m1" / "chewie_demo.mat")
    runs = []
    for part in ("tr", "te"):
        counts, velocity = (raw[name + part].astype(float) for name in ("Y", "X"))
        ends = BIN * np.arange(1, len(counts) + 1)
        units = [f"unit{k}" for k in range(counts.shape[1])]
        runs.append(
            Run(
                {"hand": Stream(velocity, ends, ["x", "y"])},
                {"units": Stream(counts, ends - BIN / 2, units)},
                duration=BIN * len(counts),
                tr=BIN,
            )
        )
    return runs


def correlations(predicted: np.ndarray, run: Run) -> np.ndarray:
    """Return r of both axes."""
    measured = run.responses["hand"].values
    return np.array([np.corrcoef(p, m)[0, 1] for p, m in zip(predicted.T, measured.T, strict=True)])


def ridge(train: Run, test: Run) -> np.ndarray:
    """Return r of a ridge on counts in this bin and the two before."""

    def moved(run: Run) -> Run:
        # counts that belong to the tick before a time, at that time: lag 0 is the bin of it
        counts = run.stimuli["units"]
        values = Stream(counts.values, counts.times + BIN / 2, counts.columns)
        return Run(run.responses, {"units": values}, duration=run.duration, tr=run.tr)

    model = RidgeBaseline(BIN * np.arange(N_LAGS), nuisance=NUISANCE).fit([moved(train)])
    return correlations(model.predict([moved(test)])[0], test)


def drm(train: Run, test: Run, seed: int) -> tuple[np.ndarray, list[float]]:
    """Return r of the model, and the mean time constants of its two populations."""
    n = train.stimuli["units"].values.shape[1]
    torch.manual_seed(seed)
    # where the time constants start is drawn, around half a bin and three bins
    starts = {"fast": 0.5 * BIN, "slow": 3 * BIN}
    populations = {
        name: Leaky(n, n, tau=(tau * 2 ** (torch.rand(n) - 0.5)).tolist(), nonlinearity="linear")
        for name, tau in starts.items()
    }
    readout = Behaviour([n, n], [2], regions=["hand"], nuisance=NUISANCE, length=BIN, n_windows=1)
    net = DRMNet(
        populations,
        [DRMConnection(), DRMConnection()],
        [[None, None], [None, None]],
        readout,
        resolution=BIN,
        stimuli={"units": list(train.stimuli["units"].columns)},
    )
    for population in populations.values():
        with torch.no_grad():
            population.weight.copy_(torch.eye(n))
        population.weight.requires_grad_(False)
        population.bias.requires_grad_(False)

    def data(run: Run) -> DRMIterator:
        return DRMIterator.from_runs(
            [run], BIN, stimuli=net.stimuli, responses=["hand"], nuisance=NUISANCE
        )

    model = DRM(net, learning_rate=0.05)
    model.estimate(data(train), n_epochs=30)
    (predicted,), _ = model.forward(data(test))
    taus = [p.value("tau").mean().item() for p in populations.values()]
    return correlations(predicted, test), taus


def motor() -> list[Row]:
    """Return r of both axes on the test part."""
    train, test = load()
    base = ridge(train, test)
    found = [drm(train, test, seed) for seed in SEEDS]
    scores = np.array([r for r, _ in found])
    taus = np.mean([t for _, t in found], axis=0)
    rows = []
    for k, axis in enumerate("xy"):
        figure, target = f"r of velocity {axis}", (0.75, 0.73)[k]
        rows.append(Row("motor", f"ridge {N_LAGS} lags", figure, float(base[k]), target, False))
        detail = f"{len(SEEDS)} seeds, range {np.ptp(scores[:, k]):.4f}"
        detail += f"; time constants {taus[0] / BIN:.1f} and {taus[1] / BIN:.1f} bins"
        mean = float(scores[:, k].mean())
        rows.append(Row("motor", "drm", figure, mean, float(base[k]), False, detail))
    return rows
