"""Ridge regression on delayed stimuli: how encoding models are fitted to voxels today."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from sklearn.utils import check_random_state

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.arguments import numbers
from drmbids.data.tools.exceptions import UsageError
from drmbids.fit.baselines.design import HRF, HRF_LENGTH, convolve, fir
from drmbids.fit.baselines.least_squares import (
    CleanPart,
    Measured,
    Values,
    Weights,
    clean_parts,
    target_blocks,
)
from drmbids.fit.baselines.linear import LinearBaseline, Regressor, tr_of
from drmbids.fit.maps.ridge import blocks, default_alphas
from drmbids.maths.estimation.ridge_search import RidgeFit, search_ridge

#: Concentrations of the Dirichlet distributions that weightings of bands are drawn from in turn:
#: a few bands that matter, or all alike (himalaya's default).
CONCENTRATIONS = (0.1, 1.0)


class RidgeBaseline(LinearBaseline):
    """Ridge regression on delayed or convolved stimuli, with a penalty for each target.

    The penalty is the one that predicts left-out training runs best; a single training run is cut
    into five blocks for this choice. Features are standardised unless said otherwise, so that a
    penalty means the same for all. With ``banded`` each stimulus gets a penalty of its own as well.

    Targets are taken 10,000 at a time, so that memory beside the data does not grow with them.
    Missing samples are left out, each for its own target. Targets that miss the same samples share
    a solution; where each misses others, the fit takes as long for each as for all.

    Parameters
    ----------
    delays : sequence of float, optional
        Seconds. The feature of a delay is the mean of the stimulus over the TR that starts so long
        before the volume. When absent, every TR from 0 to 32 s, unless there are kernels.
    kernels : str, callable or sequence of callable, optional
        Hemodynamic kernels in place of delays, as ``hrf_model`` of :class:`~drmbids.GLMBaseline`.
    edges : bool
        Whether onsets and offsets of blocks are convolved with the kernels as well.
    common : bool
        Whether what the conditions of a stimulus have in common gets columns of its own, the sum
        over conditions: the penalty then holds for how a condition differs from the others.
    banded : bool
        Whether each stimulus (a name in ``run.stimuli``), and what its conditions have in common,
        has a penalty of its own: weightings are drawn at random, and each target takes the one that
        predicts left-out runs best.
    n_weightings : int
        How many weightings are tried; only with ``banded``. The first weights all alike.
    alphas : sequence of float, optional
        Penalties to choose from, in units of the variance of a standardised feature, or of the mean
        variance of features that are not standardised; from 1e-4 to 1e2 when absent. The objective
        is ``||y - X w||^2 + alpha n v ||w||^2`` with ``n`` samples, less those that the nuisance
        takes, and that variance ``v``: scikit-learn's ``Ridge(alpha * n * v)``.
    cv : {"run", "gcv"}
        How penalty and weighting are chosen: by leaving out training runs in turn, or by
        generalised cross-validation, which spreads less from target to target but takes
        neighbouring samples for independent ones.
    nuisance : Nuisance, optional
        What is fitted in each run on its own; ``Nuisance()`` when absent.
    random_state : int or RandomState, optional
        Draws the weightings; 0 when absent.
    standardize : bool
        Whether features are divided by their standard deviation. As they are (``False``), features
        that vary more are penalised less: for features in one unit, such as spike counts or lags of
        one series, whose size says how much they tell.

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
    alpha_ : array of shape (n_targets,)
        Chosen penalties; NaN for a target that was never measured.
    bands_ : tuple of str
        What has a penalty of its own: the stimuli, and ``<stimulus>:all`` for what its conditions
        have in common; one ``"all"`` when not ``banded``.
    band_weights_ : array of shape (n_targets, n_bands)
        Chosen weightings, with a sum of 1: the penalty of a band is that of the target over the
        weight of the band.
    delays_ : tuple of float
        Seconds; empty with kernels.
    tr_ : float
        TR of the first training run in seconds.

    References
    ----------
    Nishimoto et al. 2011, Current Biology 21:1641-1646 (delayed features). Dupre la Tour et al.
    2022, NeuroImage 264:119728 (banded ridge by random search).

    Examples
    --------
    >>> from drmbids import Events, Run, Stream
    >>> bold = Stream(np.random.default_rng(0).normal(size=(100, 3)), 2.0 * np.arange(100))
    >>> run = Run({"V1": bold}, {"events": Events([20.0, 90.0], [10, 10], ["a", "b"])}, tr=2.0)
    >>> RidgeBaseline(delays=[2, 4, 6]).fit([run]).coef_.shape
    (3, 6)
    """

    def __init__(
        self,
        delays: Sequence[float] | None = None,
        kernels: str | HRF | Sequence[HRF] | None = None,
        edges: bool = False,
        common: bool = False,
        banded: bool = False,
        n_weightings: int = 50,
        alphas: Sequence[float] | None = None,
        cv: Literal["run", "gcv"] = "run",
        nuisance: Nuisance | None = None,
        random_state: int | np.random.RandomState | None = None,
        standardize: bool = True,
    ):
        self.delays = delays
        self.kernels = kernels
        self.edges = edges
        self.common = common
        self.banded = banded
        self.n_weightings = n_weightings
        self.alphas = alphas
        self.cv = cv
        self.nuisance = nuisance
        self.random_state = random_state
        self.standardize = standardize

    def _features(
        self, run: Run, stimulus: Stream | Events, times: np.ndarray, tr: float
    ) -> dict[str, np.ndarray]:
        if self.kernels is not None:
            return convolve(stimulus, times, tr, self.kernels, self.edges)
        parts = fir(stimulus, times, tr, [d / tr for d in self.delays_])
        return {f"_{d:g}s": x for d, x in zip(self.delays_, parts.values(), strict=True)}

    def _fit_runs(self, runs: list[Run]) -> None:
        if self.kernels is not None and self.delays is not None:
            raise UsageError("give delays or kernels, not both")
        if self.edges and self.kernels is None:
            raise UsageError("edges need kernels: with delays they would add nothing new")
        if self.cv not in ("run", "gcv"):
            raise UsageError(f"cv must be run or gcv, got {self.cv!r}")
        if self.banded and self.n_weightings < 1:
            raise UsageError(f"n_weightings must be 1 or more, got {self.n_weightings}")
        self.delays_ = () if self.kernels is not None else self._delays(runs[0])
        super()._fit_runs(runs)

    def _solve(
        self,
        runs: list[Run],
        designs: list[np.ndarray],
        values: list[Measured],
        bases: list[np.ndarray],
        weights: list[np.ndarray | None],
    ) -> np.ndarray:
        bands = [part.stimulus if self.banded else "all" for part in self._regressors(runs[0])]
        self.bands_ = tuple(dict.fromkeys(bands))
        self._place = [self.bands_.index(band) for band in bands]
        shares = self._draw(len(self.bands_))
        scales = np.sqrt(shares[:, self._place])
        solved, self.alpha_, choice = search(
            designs, values, bases, scales, self.alphas, self.cv, weights, self.standardize
        )
        self.band_weights_ = shares[choice]
        return solved

    def _ranks(self, cleaned: np.ndarray) -> dict[str, float]:
        """Return effective ranks: penalties leave less of the directions of small variance.

        With ``h`` the shares that the penalty leaves of a fit, ``sum(h^2)^2 / sum(h^4)``, the
        number of like terms whose sum of squares varies as much, the mean over targets.
        """
        norms, found, first = np.linalg.norm(cleaned, axis=0), {}, 0
        some = cleaned * np.divide(len(cleaned) ** 0.5, norms, out=0 * norms, where=norms > 0)
        powers: dict[bytes, np.ndarray] = {}
        for region, n_targets in self.regions_.items():
            ranks = []
            for alpha, weights in zip(
                self.alpha_[first : first + n_targets],
                self.band_weights_[first : first + n_targets],
                strict=True,
            ):
                if np.isfinite(alpha):
                    key = weights.tobytes()
                    if key not in powers:
                        scaled = some * np.sqrt(weights[self._place])
                        powers[key] = np.linalg.eigvalsh(scaled.T @ scaled).clip(0)
                    share = powers[key] / (powers[key] + alpha * len(cleaned))
                    ranks.append((share**2).sum() ** 2 / max((share**4).sum(), 1e-300))
            found[region] = float(np.mean(ranks)) if ranks else 0.0
            first += n_targets
        return found

    def _regressors(self, run: Run) -> list[Regressor]:
        found = super()._regressors(run)
        if not self.common:
            return found
        sums: dict[tuple[str, str], np.ndarray] = {}
        for part in found:
            key = (f"{part.stimulus}:all", part.suffix)
            sums[key] = sums.get(key, 0.0) + part.values
        return found + [Regressor(name, name, suffix, x) for (name, suffix), x in sums.items()]

    def _draw(self, n_bands: int) -> np.ndarray:
        """Return weightings of the bands, shape (n_weightings, n_bands), each with a sum of 1."""
        alike = np.full((1, n_bands), 1 / n_bands)
        if n_bands == 1:
            return alike
        random = check_random_state(0 if self.random_state is None else self.random_state)
        drawn = [
            random.dirichlet(np.full(n_bands, CONCENTRATIONS[k % len(CONCENTRATIONS)]))
            for k in range(self.n_weightings - 1)
        ]
        return np.concatenate([alike, np.reshape(drawn, (-1, n_bands))])

    def _delays(self, run: Run) -> tuple[float, ...]:
        """Return the delays in seconds, or raise."""
        if self.delays is None:
            tr = tr_of(run, run.measured_times(list(self.regions_)))
            return tuple(tr * k for k in range(int(HRF_LENGTH / tr + 1e-9) + 1))
        delays = numbers("delays", self.delays)
        if not delays or min(delays) < 0 or len(set(delays)) < len(delays):
            raise UsageError(f"delays must be different times from 0 s up, got {list(delays)}")
        return delays


def search(
    designs: Sequence[np.ndarray],
    values: Values,
    bases: Sequence[np.ndarray],
    scales: np.ndarray,
    alphas: Sequence[float] | None,
    cv: Literal["run", "gcv"] = "run",
    weights: Weights = None,
    standardize: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ridge weights, and the penalty and weighting that each target does best with.

    Parameters
    ----------
    designs, values, bases : sequence of array
        One for each run, as for :func:`~drmbids.fit.baselines.least_squares.least_squares`.
    scales : array of shape (n_weightings, n_regressors)
        Of standardised regressors, 0 or more.
    alphas : sequence of float or None
        Penalties in units of the variance of a standardised regressor.
    cv : {"run", "gcv"}
        How penalty and row of ``scales`` are chosen.
    weights : sequence of array, optional
        Of the measured elements, as for :func:`~drmbids.fit.baselines.least_squares.parts_of`.
    standardize : bool
        Whether scales and penalties are those of standardised regressors, or of regressors as they
        are, penalties then in units of their mean variance.

    Returns
    -------
    weights : array of shape (n_regressors, n_targets)
        Of the regressors as they are; NaN for a target without any element.
    alpha : array of shape (n_targets,)
        NaN for a target without any element.
    choice : array of int of shape (n_targets,)
        Row of ``scales``.

    Raises
    ------
    UsageError
        If a penalty is not positive.
    """
    grid = default_alphas(alphas, torch.zeros(1))
    if not len(grid) or not bool((grid > 0).all()):
        raise UsageError(f"alphas must be positive, got {alphas}")
    n_targets = values[0].shape[1]
    solved = np.full((designs[0].shape[1], n_targets), np.nan)
    alpha, choice = np.full(n_targets, np.nan), np.zeros(n_targets, dtype=int)
    for some, parts, own in target_blocks(values, weights):
        for part in clean_parts(designs, parts, bases, own):
            fit, n_free = _search_part(part, grid, scales, cv, standardize)
            targets = some.start + part.targets
            solved[:, targets] = fit.weights.numpy()
            alpha[targets] = fit.alpha.numpy() / n_free
            choice[targets] = fit.choice.numpy()
    return solved, alpha, choice


def _search_part(
    part: CleanPart, grid: torch.Tensor, scales: np.ndarray, cv: str, standardize: bool
) -> tuple[RidgeFit, float]:
    """Return the search for some targets, and what its penalties are multiplied by."""
    x, y = ([torch.as_tensor(a) for a in parts] for parts in (part.designs, part.data))
    runs = list(zip(x, y, map(float, part.ranks), strict=True))
    if cv == "gcv":
        runs = [(torch.cat(x), torch.cat(y), float(sum(part.ranks)))]
    elif len(runs) == 1:
        runs = blocks(*runs[0])
    n_rows = sum(len(x) for x in part.designs)
    power = sum((x**2).sum(0) for x in part.designs) / part.weight
    if not standardize and part.alive.any():
        power = np.full(len(power), power[part.alive].mean())
    # what the nuisance explains of a regressor is rounding, and gets no weight
    size = np.where(part.alive, np.where(part.alive, power, 1.0) ** -0.5, 0.0)
    # only ratios of weights matter: a penalty is in units of their mean
    n_free = (n_rows - sum(part.ranks)) * part.weight / n_rows
    return search_ridge(runs, grid * n_free, torch.as_tensor(scales * size)), n_free
