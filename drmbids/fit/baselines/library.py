"""A hemodynamic response for each target, chosen from a library."""

from collections.abc import Sequence

import numpy as np

from drmbids.brain.readouts.library import LIBRARY_PEAKS
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.fit.baselines.design import StretchedHRF, convolve
from drmbids.fit.baselines.least_squares import Measured
from drmbids.fit.baselines.linear import LinearBaseline
from drmbids.fit.baselines.ridge import search

#: The shapes of :class:`~drmbids.LibraryHRF`, each with SPM's shallow undershoot and with Glover's
#: deep one.
LIBRARY = tuple(
    StretchedHRF(float(peak), base)
    for base in ("spm", "glover")
    for peak in np.round(LIBRARY_PEAKS, 2)
)


class HRFLibrary(LinearBaseline):
    """A linear model whose HRF is, for each target, the best of a library of 20.

    The library holds SPM's and Glover's HRF, each stretched in time to peak at 10 times between 2.7
    and 5.7 s. HRF and ridge penalty of a target are those that predict left-out training runs best;
    a single training run is cut into five blocks for this choice.

    Parameters
    ----------
    alphas : sequence of float, optional
        Penalties to choose from, in units of the variance of a standardised regressor; from 1e-4,
        which is nearly least squares, to 1e2 when absent.
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.

    Attributes
    ----------
    regions_ : dict of str to int
        Number of targets of each region.
    conditions_ : dict of str to tuple of str
        Columns of each stimulus in the training runs.
    regressors_ : tuple of str
        Names of the columns of the design matrix: each condition with each HRF.
    coef_ : array of shape (n_targets, n_regressors)
        Weights, in units of the response; zero for the HRFs that were not chosen, NaN for a target
        that was never measured.
    hrf_ : array of int of shape (n_targets,)
        Position of the chosen HRF in ``LIBRARY``; 0 for a target that was never measured.
    hrf_peak_ : array of shape (n_targets,)
        Its peak in seconds; NaN for a target that was never measured.
    alpha_ : array of shape (n_targets,)
        Chosen penalties; NaN for a target that was never measured.
    tr_ : float
        TR of the first training run in seconds.

    References
    ----------
    Prince et al. 2022, eLife 11:e77599 (one HRF of a library for each voxel).

    Examples
    --------
    >>> from drmbids import Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> HRFLibrary().fit([run]).hrf_.shape
    (3,)
    """

    def __init__(self, alphas: Sequence[float] | None = None, nuisance: Nuisance | None = None):
        self.alphas = alphas
        self.nuisance = nuisance

    def _features(
        self, run: Run, stimulus: Stream | Events, times: np.ndarray, tr: float
    ) -> dict[str, np.ndarray]:
        return convolve(stimulus, times, tr, LIBRARY)

    def _solve(
        self,
        runs: list[Run],
        designs: list[np.ndarray],
        values: list[Measured],
        bases: list[np.ndarray],
        weights: list[np.ndarray | None],
    ) -> np.ndarray:
        n_conditions = len(self.regressors_) // len(LIBRARY)
        one_each = np.tile(np.eye(len(LIBRARY)), n_conditions)
        solved, self.alpha_, self.hrf_ = search(
            designs, values, bases, one_each, self.alphas, weights=weights
        )
        peaks = np.array([hrf.peak for hrf in LIBRARY])[self.hrf_]
        self.hrf_peak_ = np.where(np.isnan(self.alpha_), np.nan, peaks)
        return solved
