"""Attention to motion as published: confounds are taken out of all scans before any is left out.

The protocol lets left-out scans inform the weights of confounds. Figures of it compare with
published ones and with nothing else; :mod:`benchmarks.accuracy.attention` has the others.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.accuracy.attention_data import NUISANCE, Recording
from drmbids import BOLD, DRMRegressor, GLMBaseline, Run
from drmbids.data.runs.nuisance import project_out
from drmbids.fit.training.runners import MOST_RUNS
from drmbids.fit.training.together import train_together


class Projected(BOLD):
    """BOLD out of whose features confounds are taken over all scans, as out of the data.

    Parameters
    ----------
    readout : BOLD
        Its response is shared.
    basis : array of shape (n_measured, rank)
        Orthonormal.
    """

    def __init__(self, readout: BOLD, basis: np.ndarray):
        super().__init__(
            readout.n_units,
            readout.n_targets,
            readout.sources,
            readout.regions,
            nuisance=readout.nuisance,
            hrf=readout.hrf,
        )
        self.set_resolution(readout.resolution)
        self.register_buffer("basis", torch.as_tensor(basis, dtype=readout.bias.dtype))

    def features(self, activity: Sequence[Tensor], times: Tensor) -> list[Tensor]:
        """Return features without confounds, (n_measured, batch, n_features) for each region."""
        return [
            x - torch.tensordot(self.basis @ self.basis.mT, x, dims=1)
            for x in super().features(activity, times)
        ]


def as_published(data: Recording) -> Recording:
    """Return the recording with confounds taken out of all scans; models are shown none."""
    clean = pd.DataFrame(data.clean, columns=data.bold.columns)
    return replace(data, bold=clean, confounds=None)


def fit_as_published(
    fits: Sequence[DRMRegressor], runs: Sequence[Sequence[Run]], basis: np.ndarray
) -> None:
    """Fit estimators to clean runs, confounds taken out of their predictions over all scans."""
    prepared = [one for fit, own in zip(fits, runs, strict=True) for one in fit.prepare(own)]
    for one in prepared:
        net = one.model.net
        net.readout = Projected(net.readout, basis)
    for first in range(0, len(prepared), MOST_RUNS):
        train_together(prepared[first : first + MOST_RUNS])


def glm_as_published(data: Recording) -> np.ndarray:
    """Return what SPM's response predicts of quarters left out, confounds out of regressors too."""
    glm = GLMBaseline("spm", nuisance=NUISANCE).fit([data.run()])
    regressors = project_out(data.basis, glm.design_matrix(data.run()).to_numpy())
    predicted = np.zeros_like(data.clean)
    for quarter in data.quarters:
        train = np.setdiff1d(np.arange(len(regressors)), quarter)
        weights = np.linalg.lstsq(regressors[train], data.clean[train])[0]
        predicted[quarter] = regressors[quarter] @ weights
    return predicted
