"""Attention to motion: measured BOLD of three regions, inputs and confounds of the only run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import data_folder
from drmbids import GLMBaseline, Nuisance, Run, Stream, block_folds, with_weights
from drmbids.data.runs.nuisance import project_out
from drmbids.maths.metrics.scores import r2

TR, INPUTS = 3.22, ("Photic", "Motion", "Attention")
NUISANCE = Nuisance("none")
N_QUARTERS = 4


@dataclass(frozen=True)
class Recording:
    """The only run: measured BOLD, inputs, confounds; and BOLD without these."""

    bold: pd.DataFrame
    stimuli: dict[str, Stream]
    confounds: Stream | None
    basis: np.ndarray
    clean: np.ndarray

    @property
    def quarters(self) -> list[np.ndarray]:
        """Volumes of each quarter."""
        return np.array_split(np.arange(len(self.bold)), N_QUARTERS)

    @property
    def training_runs(self) -> list[Run]:
        """The run with each quarter missing in turn."""
        return [run for (run,), _ in block_folds([self.run()], N_QUARTERS, guard=0.0)]

    def run(self) -> Run:
        """Return the run, a region for each column."""
        values = self.bold.to_numpy()
        times = TR * np.arange(len(values))
        responses = {name: Stream(values[:, [k]], times) for k, name in enumerate(self.bold)}
        return Run(responses, self.stimuli, self.confounds, tr=TR)

    def score(self, predicted: np.ndarray) -> np.ndarray:
        """Return R2 of each region, confounds taken out of both."""
        return r2(self.clean, project_out(self.basis, predicted))


def load() -> Recording:
    """Return the recording; an input is a stimulus of one column."""
    folder = data_folder() / "attention_motion"
    bold = pd.read_csv(folder / "bold.tsv", sep="\t")
    shown = pd.read_csv(folder / "inputs_dt0.20125s.tsv", sep="\t")
    times = TR * np.arange(len(bold))
    # a scan belongs to the middle of its 16 bins
    bins = (np.arange(len(shown)) + 0.5 - 8) * TR / 16
    stimuli = {name: Stream(shown[[name]].to_numpy(), bins, columns=[name]) for name in INPUTS}
    confounds = Stream(np.loadtxt(folder / "X0.tsv"), times)
    found = Recording(bold, stimuli, confounds, np.empty(0), np.empty(0))
    basis = NUISANCE.basis(found.run(), times)
    return Recording(bold, stimuli, confounds, basis, project_out(basis, bold.to_numpy()))


def weigh(data: Recording, run: Run) -> Run:
    """Return a run whose errors count over the variance of noise, as a GLM leaves it.

    Noise differs between regions, and a likelihood divides errors by its variance; it is estimated
    from the measured scans of the run alone, as are the weights of two-stage least squares (Zellner
    1962, Journal of the American Statistical Association 57:348-368). Training divides errors by
    the variance of the target already, so that weights are the ratio of the two.
    """
    measured = np.hstack([run.responses[name].values for name in data.bold])
    there = ~np.isnan(measured[:, 0])
    predicted = GLMBaseline("spm", nuisance=NUISANCE).fit([run]).predict([run])[0]
    basis = np.linalg.qr(data.basis[there])[0]
    clean, rest = (project_out(basis, y[there]) for y in (measured, measured - predicted))
    weights = np.square(clean).sum(0) / np.square(rest).sum(0)
    return with_weights([run], [np.tile(weights, (len(measured), 1))])[0]
