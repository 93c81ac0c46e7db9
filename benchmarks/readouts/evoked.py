"""Evoked EEG and MEG (the sample subject of MNE): odd channels of each type from the even ones.

Four conditions, averages of 3 to 6 trials. A brain of six populations is fitted to the even
channels and predicts the odd ones through a sphere-model lead field on a 20 mm grid; minimum-norm
estimation does the same, sample by sample. Both have the same lead field, with the projections of
the recording (SSP, average reference) applied, the same noise covariance and the same depth
weighting (0.8). What they have to choose is chosen by leaving out even channels in turn: of minimum
norm the regularisation, for each condition on its own; of the brain one penalty and one number of
steps of learning the variances of sources for all. r is over all odd channels, whitened, and all
samples of the half second after onset. That populations for a modality help beside those for
conditions, and how finely latencies are spaced, was found with odd channels in view.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch

from benchmarks.accuracy.data import SEEDS, data_folder
from benchmarks.rows import Row
from drmbids import (
    DRM,
    DRMIterator,
    DRMNet,
    Events,
    LeadField,
    Leaky,
    Run,
    Stream,
    Tracts,
)
from drmbids.data.runs.nuisance import NoNuisance
from drmbids.maths.signals.lead_field import projected, whitener

CONDITIONS = ("Left_Auditory", "Right_Auditory", "Left_visual", "Right_visual")
#: Conditions that drive each population.
POPULATIONS = {
    "auditory": CONDITIONS[:2],
    "visual": CONDITIONS[2:],
    **{name.lower(): (name,) for name in CONDITIONS},
}
#: Seconds between the latencies of units, and of the last one.
LATENCY, LAST = 0.003, 0.51
#: Where time constants of units start, in seconds; each seed draws them within a factor of 2.
TAU = 0.004
ALPHAS, STEPS, TRAINING_ALPHA = (0.1, 0.3, 1.0), (0, 1, 2), 0.3
#: Share of the largest eigenvalue that minimum norm is regularised by.
LAMBDAS = tuple(10.0 ** np.arange(-3.0, 0.75, 0.25))
N_FOLDS = 3
DEPTH = 0.8
NUISANCE = NoNuisance()


class Recording:
    """The averages as they are scored: sensors, noise, and which channels are even."""

    def __init__(self) -> None:
        folder = data_folder() / "evoked_meeg"
        with (
            np.load(folder / "evoked.npz") as raw,
            np.load(folder / "sphere_forward_20mm.npz") as f,
        ):
            self.types, self.noise_cov, self.gain = raw["ch_types"], raw["noise_cov"], f["G"]
            before, after = raw["times"] < 0, raw["times"] > 0
            self.times, self.step = raw["times"][after], 1 / raw["sfreq"].item()
            self.values = []
            for name in CONDITIONS:
                level = raw[name][:, before].mean(1, keepdims=True)
                # in units in which the noise is that of single trials
                trials = np.sqrt(raw[f"nave_{name}"].item())
                self.values.append((trials * (raw[name] - level)[:, after]).T)
        rank = np.zeros(len(self.types), int)
        for kind in np.unique(self.types):
            of_kind = self.types == kind
            rank[of_kind] = np.arange(of_kind.sum())
        self.even = rank % 2 == 0
        self.folds = [self.even & (rank // 2 % N_FOLDS == k) for k in range(N_FOLDS)]

    def white(self, some: np.ndarray) -> np.ndarray:
        """Return the whitener of some channels, those of a type together."""
        types = self.types[some]
        blocks = [torch.tensor(np.flatnonzero(types == kind)) for kind in np.unique(types)]
        return whitener(torch.tensor(self.noise_cov[np.ix_(some, some)]), blocks).numpy()

    def whole_gain(self) -> np.ndarray:
        """Return the lead field with the projections of the recording applied."""
        blocks = [torch.tensor(np.flatnonzero(self.types == k)) for k in np.unique(self.types)]
        gain = torch.tensor(self.gain, dtype=torch.float64)
        return projected(gain, torch.tensor(self.noise_cov), blocks).numpy()

    def scores(self, predicted: Sequence[np.ndarray], some: np.ndarray) -> np.ndarray:
        """Return r of each condition over some channels, whitened, and all samples."""
        w = self.white(some)
        pairs = [
            (p[:, some] @ w.T, y[:, some] @ w.T)
            for p, y in zip(predicted, self.values, strict=True)
        ]
        return np.array([np.corrcoef(p.ravel(), y.ravel())[0, 1] for p, y in pairs])

    def runs(self, seen: np.ndarray) -> list[Run]:
        """Return a run for each condition, channels that are not seen missing."""
        return [
            Run(
                {"meeg": Stream(np.where(seen, values, np.nan), self.times)},
                {"onsets": Events([0.0], [0.0], [name], columns=CONDITIONS)},
                duration=float(self.times[-1]),
            )
            for name, values in zip(CONDITIONS, self.values, strict=True)
        ]


def minimum_norm(recording: Recording) -> np.ndarray:
    """Return r of odd channels by minimum-norm estimation from the even ones."""
    gain = recording.whole_gain()

    def predict(seen: np.ndarray) -> list[list[np.ndarray]]:
        w = recording.white(seen)
        white = w @ gain[seen]
        size = (white**2).sum(0).reshape(-1, 3).sum(1)
        prior = np.repeat(np.where(size > 0, size, np.inf) ** -DEPTH, 3)
        e, v = np.linalg.eigh((white * prior) @ white.T)
        back = (gain * prior) @ white.T @ v
        return [
            [y[:, seen] @ w.T @ v / (e + share * e[-1]) @ back.T for y in recording.values]
            for share in LAMBDAS
        ]

    chosen = np.zeros((len(LAMBDAS), len(CONDITIONS)))
    for fold in recording.folds:
        chosen += [recording.scores(p, fold) for p in predict(recording.even & ~fold)]
    found = np.array([recording.scores(p, ~recording.even) for p in predict(recording.even)])
    return found[chosen.argmax(0), range(len(CONDITIONS))]


def brain(recording: Recording, n_steps: int, seed: int) -> DRMNet:
    """Return six populations whose units hear onsets at latencies of their own."""
    torch.manual_seed(seed)
    latencies = np.arange(0.0, LAST, LATENCY)
    n = len(latencies)
    populations, tracts = {}, []
    for name, driven_by in POPULATIONS.items():
        taus = TAU * 2 ** (2 * torch.rand(n) - 1)
        population = Leaky(n, n, tau=taus.tolist(), nonlinearity="linear")
        with torch.no_grad():
            population.weight.copy_(torch.eye(n))
        population.weight.requires_grad_(False)
        population.bias.requires_grad_(False)
        populations[name] = population
        heard = [[float(c in driven_by) for c in CONDITIONS]] * n
        # at 1 m/s a millimetre takes a millisecond
        tracts.append(Tracts(heard, (1000 * latencies[:, None]).repeat(4, 1).tolist(), 1.0))
    readout = LeadField(
        [n] * len(populations),
        [len(recording.types)],
        regions=["meeg"],
        nuisance=NUISANCE,
        gain=recording.gain,
        noise_cov=recording.noise_cov,
        sensor_types=recording.types.tolist(),
        orientation="free",
        depth=DEPTH,
        n_reweightings=n_steps,
    )
    nothing = [[None] * len(populations) for _ in populations]
    return DRMNet(
        populations, tracts, nothing, readout, recording.step, {"onsets": list(CONDITIONS)}
    )


def fitted(
    recording: Recording, net: DRMNet, seen: np.ndarray, alpha: float, n_epochs: int = 0
) -> list[np.ndarray]:
    """Train a net on the channels that are seen; return its predictions of all."""

    def data(some: np.ndarray) -> DRMIterator:
        return DRMIterator.from_runs(
            recording.runs(some),
            net.resolution,
            stimuli=net.stimuli,
            responses=["meeg"],
            nuisance=NUISANCE,
        )

    model = DRM(net, alphas=alpha, learning_rate=0.1)
    model.estimate(data(seen), n_epochs=n_epochs)
    return model.forward(data(seen))[0]


def drm(recording: Recording) -> tuple[np.ndarray, float, int]:
    """Return r of odd channels for each seed and condition, and what was chosen for all."""
    states = []
    for seed in SEEDS:
        net = brain(recording, 1, seed)
        fitted(recording, net, recording.even, TRAINING_ALPHA, n_epochs=10)
        states.append(net.state_dict())

    def with_steps(n_steps: int, state: dict) -> DRMNet:
        net = brain(recording, n_steps, 0)
        net.load_state_dict(state)
        return net

    options = list(product(ALPHAS, STEPS))
    total = np.zeros(len(options))
    for fold in recording.folds:
        for k, (alpha, n_steps) in enumerate(options):
            net = with_steps(n_steps, states[0])
            predicted = fitted(recording, net, recording.even & ~fold, alpha)
            total[k] += recording.scores(predicted, fold).mean()
    alpha, n_steps = options[int(total.argmax())]
    found = [
        fitted(recording, with_steps(n_steps, state), recording.even, alpha) for state in states
    ]
    return np.array([recording.scores(p, ~recording.even) for p in found]), alpha, n_steps


def evoked() -> list[Row]:
    """Return r of the odd channels in each condition."""
    recording = Recording()
    base = minimum_norm(recording)
    scores, alpha, n_steps = drm(recording)
    rows = []
    for k, name in enumerate(CONDITIONS):
        figure = f"whitened r, {name}"
        rows.append(Row("evoked", "minimum norm", figure, float(base[k]), 0.3, False))
        detail = f"{len(SEEDS)} seeds, range {np.ptp(scores[:, k]):.4f}"
        detail += f"; penalty {alpha:g}, {n_steps} steps"
        mean = float(scores[:, k].mean())
        rows.append(Row("evoked", "drm", figure, mean, float(base[k]), False, detail))
    return rows
