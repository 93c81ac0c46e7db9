"""WholeBrain: a brain at rest on a connectome, fitted to the statistics of runs in closed form."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from drmbids.data.runs.nuisance import Nuisance, given_nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.targets import only_targets
from drmbids.data.tools.exceptions import TrainingError
from drmbids.fit.estimators.base import refuse_y
from drmbids.fit.estimators.tags import OnRuns
from drmbids.fit.rest.bounds import band_powers, parameters_table
from drmbids.fit.rest.folds import choose_penalty, fold_spectra, training_share
from drmbids.fit.rest.model import RestModel, rest_model
from drmbids.fit.rest.runs import as_objects, only_runs, simulate_fitted, training_runs
from drmbids.fit.rest.search import Descent, search
from drmbids.fit.rest.settings import BAND, SEGMENT, check_objective
from drmbids.fit.rest.spectra import BandSpectra, whole_spectra
from drmbids.fit.rest.storage import load_rest, save_rest
from drmbids.fit.rest.whittle import band_connectivity, normalised, statistics_error, whittle_of
from drmbids.maths.metrics.connectivity import connectivity_correlation

#: A matrix of the connectome: strengths, or lengths in mm.
Connectome = Sequence[Sequence[float]] | np.ndarray


class WholeBrain(OnRuns, BaseEstimator):
    """A brain at rest: masses on a structural connectome, with conduction delays.

    Nothing drives the brain but its own noise, so no volume can be predicted; what is fitted are
    statistics of runs: the cross-spectra of all regions in a band, which hold functional
    connectivity at all lags, power and phase. For masses around their resting state they are known
    in closed form (linear noise approximation, delays included), so a fit takes seconds, has exact
    gradients and no sampling error of simulations. :meth:`simulate` runs the full equations, to
    compare with.

    Series are compared after their power in the band is made 1: no gain of a region matters.

    Parameters
    ----------
    weights : array of shape (n, n), optional
        Strengths of tracts ``[to, from]``, 0 for none; a DataFrame's labels must be the names of
        the series, in their order. When absent the coupling of all pairs is
        estimated (effective connectivity).
    lengths : array of shape (n, n), optional
        Tract lengths in mm; without them there are no delays.
    mass : str
        ``"wong_wang"``, ``"hopf"``, ``"ornstein_uhlenbeck"``, or the name of another mass in model
        files.
    values : dict of str to float or list of float, optional
        Constants of the masses that differ from their defaults; a list has one for each region.
    trainable : sequence of str
        Any of ``"coupling"``, ``"velocity"``, ``"noise"``, ``"weights"`` and the constants of the
        masses (regional where ``values`` gives a list).
    coupling, velocity, noise : float
        Where a fit starts: factor of all weights; conduction velocity in m/s; share of measurement
        noise in the power of a series.
    velocity_limits : tuple of float
        In m/s.
    measurement : {"bold", "activity"}
        Whether the runs are BOLD, or activity itself (electrophysiology at the source).
    objective : "likelihood", or mapping of {"fc", "lagged_fc", "spectra"} to float
        The likelihood of all cross-spectra (Whittle), which gets most out of the data; or weights
        of the squared errors of single statistics.
    lags : sequence of float
        Seconds, for ``"lagged_fc"``.
    band : tuple of float, optional
        Lowest and highest frequency in Hz; .01-.1 for BOLD, 2-45 for activity.
    segment : float, optional
        Seconds of a segment of Welch's method, at most half a run; 100 for BOLD, 2 for activity.
    penalties : sequence of float
        Of the mean squared weight of a region's inputs, where weights are trained; the one under
        which stretches left out of training are likeliest is taken. They are tried from the
        largest on, each from where the one before ended, until what is left out is less likely.
        With all data it holds less, by the share of the data that was trained on to choose it.
    nuisance : Nuisance, optional
        Taken out of each run; quadratic drift and confounds when absent.
    n_starts : int
        Descents: from the values given, and from others around them.
    n_iterations : int
        Of each descent, at most.
    random_state : int
        Of the other starts.

    Attributes
    ----------
    model_ : RestModel
        Masses, tracts and noise as fitted.
    descents_ : list of Descent
        Where each start ended, the best first.
    penalty_ : float
        The one taken, of those given; 0 where no weights are trained.
    spectra_ : BandSpectra
        What was fitted.
    targets_ : dict of str to tuple of str
        Names of the targets of each response, by which runs are matched.

    References
    ----------
    Deco et al. 2013, J Neurosci 33:11239 (closed form for whole brains); Gilson et al. 2016, PLoS
    Comput Biol 12:e1004762 (effective connectivity); Friston et al. 2014, NeuroImage 94:396-407
    (cross-spectra of resting BOLD).

    Examples
    --------
    >>> import numpy as np
    >>> from drmbids import WholeBrain, simulate_rest
    >>> rng = np.random.default_rng(0)
    >>> weights = rng.random((5, 5)) * (1 - np.eye(5))
    >>> options = {"mass": "ornstein_uhlenbeck", "values": {"tau": 0.5}}
    >>> run = simulate_rest(weights, duration=300.0, coupling=0.3, resolution=0.1, **options)
    >>> brain = WholeBrain(weights, trainable=["coupling"], coupling=0.1, noise=0.01, **options)
    >>> 0.2 < brain.fit([run]).descents_[0].end["coupling"] < 0.4
    True
    """

    def __init__(
        self,
        weights: Connectome | None = None,
        lengths: Connectome | None = None,
        mass: str = "wong_wang",
        values: Mapping[str, float | list[float]] | None = None,
        trainable: Sequence[str] = ("coupling", "noise"),
        coupling: float = 1.0,
        velocity: float = 5.0,
        noise: float = 0.1,
        velocity_limits: tuple[float, float] = (0.5, 50.0),
        measurement: Literal["bold", "activity"] = "bold",
        objective: Literal["likelihood"] | Mapping[str, float] = "likelihood",
        lags: Sequence[float] = (2.0, 4.0),
        band: tuple[float, float] | None = None,
        segment: float | None = None,
        penalties: Sequence[float] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        nuisance: Nuisance | None = None,
        n_starts: int = 4,
        n_iterations: int = 200,
        random_state: int = 0,
    ):
        self.weights = weights
        self.lengths = lengths
        self.mass = mass
        self.values = values
        self.trainable = trainable
        self.coupling = coupling
        self.velocity = velocity
        self.noise = noise
        self.velocity_limits = velocity_limits
        self.measurement = measurement
        self.objective = objective
        self.lags = lags
        self.band = band
        self.segment = segment
        self.penalties = penalties
        self.nuisance = nuisance
        self.n_starts = n_starts
        self.n_iterations = n_iterations
        self.random_state = random_state

    def fit(self, X: Sequence[Run], y: None = None) -> Self:
        """Fit the trainable parameters to the cross-spectra of runs.

        Parameters
        ----------
        X : sequence of Run
            Evenly sampled; all responses side by side are the regions, in the order of the
            connectome. Missing samples are NaN.
        y : None

        Returns
        -------
        self

        Raises
        ------
        DataError
            If runs cannot be used.
        UsageError
            If options or sizes do not fit.
        TrainingError
            If no start has a steady state, or the best fit is not stable.
        """
        refuse_y(y)
        runs, self.targets_ = training_runs(self, X)
        check_objective(self.measurement, self.objective)
        self.spectra_ = whole_spectra(*self._seen(runs))
        self.penalty_, share, start = 0.0, 1.0, None
        if "weights" in self.trainable:
            folds = fold_spectra(*self._seen(runs))
            self.penalty_, start = choose_penalty(self.penalties, folds, self._fit_spectra)
            share = 1.0 if start is None else training_share(folds, self.spectra_)
        self.model_, self.descents_ = self._fit_spectra(self.spectra_, share * self.penalty_, start)
        if growing := self.model_.unstable_modes():
            raise TrainingError(
                f"{growing} modes of the fitted brain grow, so it has no resting state; take a "
                "weaker coupling to start from, or other constants"
            )
        return self

    def _fit_spectra(
        self,
        spectra: BandSpectra,
        penalty: float,
        start: Sequence[Tensor] | None = None,
        hopeless: Callable[[RestModel], bool] | None = None,
    ) -> tuple[RestModel, list[Descent]]:
        """Return the model fitted to spectra, from where another ended, and the descents."""
        model = rest_model(self, spectra.values.shape[-1])
        unlikelihood = whittle_of(measured := normalised(spectra.values))

        def objective() -> Tensor:
            expected = model.expected(spectra.frequencies, spectra.segment, at_rest=True)
            if isinstance(self.objective, str):
                loss = unlikelihood(expected)
            else:
                loss = statistics_error(
                    expected, measured, spectra.frequencies, dict(self.objective), self.lags
                )
            if penalty:
                loss = loss + penalty * model.tracts.pair_weights.square().sum() / len(expected[0])
            return loss

        n_starts = 1 if "weights" in self.trainable else self.n_starts
        descents = search(
            model, objective, n_starts, self.n_iterations, self.random_state, start, hopeless
        )
        return model, descents

    @property
    def fc_(self) -> np.ndarray:
        """Functional connectivity of the fitted brain in the band, shape (n, n)."""
        return self._connectivity(self.spectra_)

    def _connectivity(self, like: BandSpectra) -> np.ndarray:
        with torch.no_grad():
            expected = self.model_.expected(like.frequencies, like.segment)
            return band_connectivity(expected, like.frequencies).numpy()

    def predict(self, X: Sequence[Run]) -> np.ndarray:
        """Return the functional connectivity that the brain has when it is measured like each run.

        Parameters
        ----------
        X : sequence of Run
            Of each, only how it was sampled matters.

        Returns
        -------
        array of object of shape (n_runs,)
            Each element is an array (n, n) of correlations in the band.
        """
        check_is_fitted(self)
        return as_objects([self._connectivity(s) for s in self._each(only_runs(X))])

    def measured(self, X: Sequence[Run]) -> np.ndarray:
        """Return the measured connectivity of each run, in the form of :meth:`predict`."""
        spectra = self._each(only_runs(X))
        return as_objects([band_connectivity(s.values, s.frequencies).numpy() for s in spectra])

    def score(self, X: Sequence[Run], y: None = None) -> float:
        """Return the correlation of predicted and measured FC over pairs, mean of runs."""
        refuse_y(y)
        pairs = zip(self.predict(X), self.measured(X), strict=True)
        return float(np.mean([connectivity_correlation(a, b) for a, b in pairs]))

    def parameters_table(self) -> pd.DataFrame:
        """Return what was fitted.

        Returns
        -------
        DataFrame
            Columns ``parameter, index, value, unit, least_error, meaning``. ``least_error`` is the
            smallest standard error that any unbiased estimate from as much data can have: where it
            is as large as the value, such data do not tell the parameter.
        """
        check_is_fitted(self)
        return parameters_table(self.model_, self.spectra_)

    def power(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the frequencies of the fit (Hz), and measured and fitted power at them.

        Returns
        -------
        frequencies : array of shape (n_frequencies,)
        measured, fitted : array of shape (n_frequencies, n)
            Shares of each series' power in the band.
        """
        check_is_fitted(self)
        return band_powers(self.model_, self.spectra_)

    def weights_table(self) -> np.ndarray:
        """Return the coupling of the fitted brain, factor included, shape (n, n) ``[to, from]``."""
        check_is_fitted(self)
        return self.model_.coupling()[0].detach().numpy()

    def simulate(self, duration: float, **options: Any) -> Run:
        """Return a run of the fitted brain, by the full equations.

        Parameters
        ----------
        duration : float
            Seconds.
        **options
            ``tr, resolution, settle, regions, compiled, random_state`` of
            :func:`~drmbids.simulate_rest`.
        """
        check_is_fitted(self)
        return simulate_fitted(self, duration, **options)

    def save(self, folder: str | Path) -> None:
        """Write the fitted brain to a folder: settings as JSON, arrays as safetensors."""
        check_is_fitted(self)
        save_rest(Path(folder), self)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Return a brain that :meth:`save` wrote.

        Parameters
        ----------
        folder : str or Path

        Raises
        ------
        DataError
            If a file is missing or was changed since.
        """
        return load_rest(Path(folder), cls)

    def _seen(
        self, runs: Sequence[Run]
    ) -> tuple[Sequence[Run], Nuisance, float, tuple[float, float]]:
        """Return runs and how their spectra are estimated."""
        return (
            runs,
            given_nuisance(self.nuisance),
            SEGMENT[self.measurement] if self.segment is None else self.segment,
            BAND[self.measurement] if self.band is None else self.band,
        )

    def _each(self, runs: Sequence[Run]) -> list[BandSpectra]:
        runs = [only_targets(run, self.targets_) for run in runs]
        return [whole_spectra(*self._seen([run])) for run in runs]
