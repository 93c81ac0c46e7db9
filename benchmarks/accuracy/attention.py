"""Attention to motion: V1, V5 and superior parietal cortex, every quarter left out in turn."""

import numpy as np
import pandas as pd

from benchmarks.accuracy.data import data_folder
from benchmarks.rows import Row
from drmbids import GLMBaseline, HRFLibrary, Nuisance, RidgeBaseline, Run, Stream
from drmbids.core.nuisance import project_out
from drmbids.metrics.scores import r2


def attention() -> list[Row]:
    """Return R2 of each region of attention to motion, each quarter left out in turn.

    The quarter is missing from the only run while a model is fitted; the confounds are taken out of
    all scans before scoring, as was done for the published figures.
    """
    folder, tr = data_folder() / "attention_motion", 3.22
    bold = pd.read_csv(folder / "bold.tsv", sep="\t")
    shown = pd.read_csv(folder / "inputs_dt0.20125s.tsv", sep="\t")
    times = tr * np.arange(len(bold))
    # a scan belongs to the middle of its 16 bins
    inputs = Stream(shown, (np.arange(len(shown)) + 0.5 - 8) * tr / 16, columns=list(shown))
    confounds = Stream(np.loadtxt(folder / "X0.tsv"), times)
    nuisance = Nuisance("none")

    def run(values: np.ndarray) -> Run:
        return Run({"brain": Stream(values, times)}, {"inputs": inputs}, confounds, tr=tr)

    measured, rows = bold.to_numpy(), []
    basis = nuisance.basis(run(measured), times)
    clean = project_out(basis, measured)
    for name, (model, targets) in {
        "glm spm": (GLMBaseline("spm", nuisance=nuisance), (0.836, 0.584, 0.449)),
        "ridge fir": (RidgeBaseline(nuisance=nuisance), (0.836, 0.55, 0.44)),
        "library": (HRFLibrary(nuisance=nuisance), (0.836, 0.57, 0.449)),
    }.items():
        predicted = np.zeros_like(measured)
        for quarter in np.array_split(np.arange(len(times)), 4):
            known = measured.copy()
            known[quarter] = np.nan
            series = model.fit([run(known)]).predict([run(measured)])[0]
            predicted[quarter] = project_out(basis, series)[quarter]
        for region, target, value in zip(bold, targets, r2(clean, predicted), strict=True):
            figure = f"R2 of {region}, quarters left out"
            rows.append(Row("attention", name, figure, float(value), target, False))
    return rows
