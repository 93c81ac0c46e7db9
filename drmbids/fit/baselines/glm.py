"""The general linear model with an assumed HRF: the baseline that any other model has to beat."""

from collections.abc import Sequence

import numpy as np

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.design import HRF, convolve, fir
from drmbids.fit.baselines.least_squares import Measured, least_squares
from drmbids.fit.baselines.linear import LinearBaseline
from drmbids.maths.metrics.whitening import TOLERANCE


class GLMBaseline(LinearBaseline):
    """Least squares on stimuli convolved with nilearn's HRFs.

    One set of weights for all runs; drift and confounds are fitted in each run on its own by
    taking them out of design and data. Conditions are those of all training runs together; one that
    a run lacks is a zero column there. For autocorrelated noise there is
    :class:`~drmbids.ARBaseline`.

    Parameters
    ----------
    hrf_model : str, callable or sequence of callable
        ``"glover"``, ``"spm"``, each with ``" + derivative"`` or ``" + derivative + dispersion"``,
        ``"fir"``, or functions ``f(t_r, oversampling)`` as nilearn takes them.
    fir_delays : sequence of int, optional
        Delays of the FIR model in TRs; needed with ``hrf_model="fir"`` only.
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.

    Attributes
    ----------
    regions_ : dict of str to int
        Number of targets of each region.
    conditions_ : dict of str to tuple of str
        Columns of each stimulus in the training runs.
    regressors_ : tuple of str
        Names of the columns of the design matrix.
    coef_ : array of shape (n_targets, n_regressors)
        Weights, in units of the response; NaN for a target that was never measured.
    tr_ : float
        TR of the first training run in seconds; the unit of ``fir_delays``.

    References
    ----------
    Friston et al. 1994, Human Brain Mapping 2:189-210. Glover 1999, NeuroImage 9:416-429 (HRF).

    Examples
    --------
    >>> from drmbids import Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> model = GLMBaseline().fit([run])
    >>> model.coef_.shape, model.predict([run])[0].shape
    ((3, 2), (100, 3))
    """

    def __init__(
        self,
        hrf_model: str | HRF | Sequence[HRF] = "glover",
        fir_delays: Sequence[int] | None = None,
        nuisance: Nuisance | None = None,
    ):
        self.hrf_model = hrf_model
        self.fir_delays = fir_delays
        self.nuisance = nuisance

    def _fit_runs(self, runs: list[Run]) -> None:
        if self._is_fir():
            _check_delays(self.fir_delays)
        super()._fit_runs(runs)

    def _features(
        self, run: Run, stimulus: Stream | Events, times: np.ndarray, tr: float
    ) -> dict[str, np.ndarray]:
        if not self._is_fir():
            return convolve(stimulus, times, tr, self.hrf_model)
        if not np.isclose(tr, self.tr_):
            raise DataError(
                f"{run.label}: TR {tr:g} s, but the FIR delays are in TRs of {self.tr_:g} s; "
                "fit runs of each TR on their own"
            )
        steps = np.diff(times)
        if run.tr is None and np.ptp(steps) > TOLERANCE * tr:
            raise DataError(
                f"{run.label}: volumes are {steps.min():g} to {steps.max():g} s apart, but FIR "
                "delays are in TRs; choose another hrf_model for irregular volumes"
            )
        delays = [int(d) for d in self.fir_delays]
        return {f"_delay_{d}": x for d, x in fir(stimulus, times, tr, delays).items()}

    def _solve(
        self,
        runs: list[Run],
        designs: list[np.ndarray],
        values: list[Measured],
        bases: list[np.ndarray],
        weights: list[np.ndarray | None],
    ) -> np.ndarray:
        return least_squares(designs, values, bases, weights)

    def _is_fir(self) -> bool:
        return isinstance(self.hrf_model, str) and self.hrf_model.lower() == "fir"


def _check_delays(delays: Sequence[int] | None) -> None:
    """Raise unless there are delays, all whole numbers of TRs from 0 up."""
    if delays is None or len(delays) == 0:
        raise UsageError("hrf_model 'fir' needs fir_delays, for example tuple(range(10))")
    if any(d < 0 or d != int(d) for d in delays):
        raise UsageError(f"fir_delays must be whole TRs from 0 up, got {list(delays)}")
