"""Spikes to the fluorescence of a calcium indicator (GCaMP6f, zebrafish; Rupprecht et al. 2021).

Five cells, each recorded for 120 s once to five times. A model is fitted to the first half of all
recordings of a cell, and predicts their second halves from the spikes; r is the median over
recordings. The baseline is spikes through an exponential of 0.4 s, nothing of which is fitted. The
smooth response was tried after the second halves of the first cell had been seen.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.io import loadmat

from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.rows import Row
from drmbids import (
    DRM,
    Additive,
    Calcium,
    DoubleExponential,
    DRMConnection,
    DRMIterator,
    DRMNet,
    Nuisance,
    Run,
    SmoothHRF,
    Stream,
    spike_events,
)
from drmbids.brain.readouts.hemodynamics import HRF

#: Seconds of a frame, which is a tick of the model too; of a recording; and of its first half.
FRAME, DURATION, HALF = 0.03328, 120.0, 60.0
#: Ticks that gradients flow back: twice as long as the response.
CUTOFF = 300
#: Activity that one spike is: spikes at a few per second then give calcium of about 1.
SPIKE = 0.1
NUISANCE = Nuisance("none")


def load() -> dict[str, list[Run]]:
    """Return the recordings of each cell: dF/F, and its spikes as impulses."""
    cells = {}
    for path in sorted((data_folder() / "calcium_spikes").glob("*.mat")):
        runs = []
        for raw in loadmat(path)["CAttached"].ravel():
            series = raw["fluo_mean"].item().ravel()
            # time runs from one frame before the first, so that recordings share their times
            start = raw["fluo_time"].item().ravel()[0] - FRAME
            spikes = raw["events_AP"].item().ravel() * 1e-4 - start
            runs.append(
                Run(
                    {"cell": Stream(series[:, None], FRAME * np.arange(1, len(series) + 1))},
                    {"spikes": spike_events({"cell": spikes})},
                    duration=DURATION,
                )
            )
        cells[path.stem.split("_")[-2]] = runs
    return cells


def first_half(run: Run) -> Run:
    """Return a recording without fluorescence in the second half."""
    stream = run.responses["cell"]
    values = np.where(stream.times[:, None] < HALF, stream.values, np.nan)
    return Run({"cell": Stream(values, stream.times)}, run.stimuli, duration=run.duration)


def score(predicted: list[np.ndarray], runs: list[Run]) -> float:
    """Return the median over recordings of r in the second half."""
    found = []
    for p, run in zip(predicted, runs, strict=True):
        stream = run.responses["cell"]
        late = stream.times >= HALF
        found.append(np.corrcoef(p.ravel()[late], stream.values[late, 0])[0, 1])
    return float(np.median(found))


def exponential(run: Run, tau: float = 0.4) -> np.ndarray:
    """Return spikes through an exponential, at the times of the fluorescence."""
    spikes = run.stimuli["spikes"].onsets
    return np.array(
        [np.exp(-(t - spikes[spikes <= t]) / tau).sum() for t in run.responses["cell"].times]
    )


def physiological(seed: int) -> HRF:
    """Return a rise and a decay that start within a factor of 2 of 0.05 s and 0.5 s."""
    rise, decay = 2 ** (2 * np.random.default_rng(seed).random(2) - 1)
    return DoubleExponential(rise=0.05 * rise, decay=0.5 * decay, length=5.0)


def smooth(seed: int) -> HRF:
    """Return a response of any shape; nothing of it is drawn."""
    return SmoothHRF(length=5.0)


def drm(runs: list[Run], response: HRF) -> list[np.ndarray]:
    """Return predictions of a cell that is recorded through an indicator that saturates."""
    readout = Calcium(
        [1], [1], regions=["cell"], nuisance=NUISANCE, hrf=response, saturation="hill"
    )
    net = DRMNet(
        [Additive(1, 1, nonlinearity="linear")],
        [DRMConnection()],
        [[None]],
        readout,
        resolution=FRAME,
        stimuli={"spikes": ["cell"]},
    )
    with torch.no_grad():
        net.populations[0].weight.fill_(SPIKE)
        net.populations[0].bias.zero_()
    net.populations[0].requires_grad_(False)

    def data(some: list[Run]) -> DRMIterator:
        return DRMIterator.from_runs(
            some, FRAME, stimuli=net.stimuli, responses=["cell"], nuisance=NUISANCE
        )

    model = DRM(net, learning_rate=0.1)
    model.estimate(data([first_half(run) for run in runs]), n_epochs=25, cutoff=CUTOFF)
    return model.forward(data(runs))[0]


def calcium_spikes() -> list[Row]:
    """Return r of the second half of the recordings of each cell."""
    rows = []
    responses: dict[str, tuple[Callable[[int], HRF], tuple[int, ...]]] = {
        "drm calcium": (physiological, SEEDS),
        "drm calcium smooth": (smooth, SEEDS[:1]),
    }
    for cell, runs in load().items():
        base = score([exponential(run) for run in runs], runs)
        figure = f"r, {cell}, {len(runs)} recordings"
        rows.append(Row("calcium-spikes", "exponential .4 s", figure, base, 0.5, False))
        for name, (build, seeds) in responses.items():
            scores = [score(drm(runs, build(seed)), runs) for seed in seeds]
            detail = f"{len(seeds)} seeds, range {np.ptp(scores):.4f}"
            mean = float(np.mean(scores))
            rows.append(Row("calcium-spikes", name, figure, mean, base, False, detail))
    return rows
