"""Resting BOLD of 28 regions: connectivity of the second half from a model fitted to the first.

The series come with the package nitime (31 columns, of which the first three are white matter,
ventricles and the whole brain, no regions). There is no structural connectome of these regions, so
the coupling is estimated, its penalty chosen within the first half. Segments of 40 s are the one
setting that is not a default: the first half, four minutes, holds too few of the usual 100 s to
leave some out.
"""

from importlib.resources import files

import numpy as np
import pandas as pd

from benchmarks.rows import Row
from drmbids import Nuisance, Run, Stream, WholeBrain
from drmbids.data.runs.nuisance import project_out
from drmbids.maths.metrics.connectivity import connectivity_correlation

TR, SEGMENT, N_NOT_REGIONS = 1.89, 40.0, 3


def load() -> tuple[Run, Run]:
    """Return both halves."""
    with (files("nitime") / "data" / "fmri_timeseries.csv").open() as file:
        table = pd.read_csv(file).iloc[:, N_NOT_REGIONS:]
    first, second = (
        Run({"brain": Stream(part, TR * np.arange(len(part)), columns=list(table))}, tr=TR)
        for part in np.array_split(table.to_numpy(), 2)
    )
    return first, second


def pearson(run: Run) -> np.ndarray:
    """Return the correlations of all series of a run, drift taken out and nothing else."""
    times = run.measured_times()
    return np.corrcoef(project_out(Nuisance().basis(run, times), run.responses["brain"].values).T)


def rest_connectivity() -> list[Row]:
    """Return how well the fitted connectivity predicts that of the half left out."""
    first, second = load()
    brain = WholeBrain(
        mass="ornstein_uhlenbeck", trainable=("weights", "noise"), segment=SEGMENT
    ).fit([first])
    same, other = brain.measured([first, second])
    reliability, predicted = connectivity_correlation(same, other), brain.score([second])
    plain = connectivity_correlation(pearson(first), pearson(second))
    plainly = connectivity_correlation(brain.fc_, pearson(second))
    figure = "r of connectivity over reliability"
    detail = f"r {predicted:.3f}, of both halves {reliability:.3f}; penalty {brain.penalty_:g}"
    unfiltered = f"r {plainly:.3f}, of both halves {plain:.3f}"
    ratio = predicted / reliability
    return [
        Row("nitime-rest", "estimated coupling", figure, ratio, 0.9, False, detail),
        Row("nitime-rest", "of all frequencies", figure, plainly / plain, 0.9, False, unfiltered),
    ]
