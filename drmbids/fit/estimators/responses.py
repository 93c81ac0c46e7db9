"""Models of changed responses, predicted and scored in the measured ones."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA

from drmbids.data.runs.nuisance import Nuisance, given_nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.runs.targets import match_targets, targets_of, with_targets
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.contents import find_regions
from drmbids.fit.estimators.transformers import RunTransformer, SelectStreams
from drmbids.maths.metrics.scores import measured_values


class SelectResponses(SelectStreams):
    """Keeps some of the responses (regions), for a model that is not about the others.

    A baseline takes responses that are measured at the same times; a model of several readouts
    takes all that there are.

    Parameters
    ----------
    names : sequence of str
        Responses to keep.

    Attributes
    ----------
    names_ : tuple of str
        The same, found in the training runs.

    Raises
    ------
    DataError
        If no training run has one of them.

    Examples
    --------
    >>> bold = Stream(np.ones((4, 9)), 2.0 * np.arange(4))
    >>> cells = Stream(np.ones((80, 3)), 0.1 * np.arange(80))
    >>> run = Run({"V1": bold, "cells": cells}, tr=2.0)
    >>> list(SelectResponses(["cells"]).fit_transform([run])[0].responses)
    ['cells']
    """

    _kind = "responses"


class PCAResponses(RunTransformer):
    """Replaces responses by principal components of all targets, for :class:`TransformedResponses`.

    Fewer series to fit, for many voxels that share their signal. Nuisance is taken out of each
    training run first, so that drifts are no components. Components need all targets: a volume that
    lacks one is left out in training.

    Parameters
    ----------
    n_components : int, float or None
        As for :class:`PCAStimuli`.
    nuisance : Nuisance, optional
        Taken out before components are found; ``Nuisance()`` when absent.

    Attributes
    ----------
    components_ : array of shape (n_components, n_targets)
        Orthonormal, targets of all regions side by side.
    regions_ : dict of str to int
        Number of targets of each region.
    targets_ : dict of str to tuple of str
        Their names, by which runs are matched.

    Raises
    ------
    DataError
        If no volume of the training runs has all targets, or runs differ in their regions.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> run = Run({"V1": Stream(rng.normal(size=(40, 9)), np.arange(40.0))}, tr=1.0)
    >>> PCAResponses(2).fit_transform([run])[0].responses["components"].values.shape
    (40, 2)
    """

    def __init__(self, n_components: float | None = None, nuisance: Nuisance | None = None):
        self.n_components = n_components
        self.nuisance = nuisance

    def _learn(self, runs: list[Run]) -> None:
        runs = match_targets(runs)
        self.regions_, self.targets_ = find_regions(runs), targets_of(runs)
        nuisance = given_nuisance(self.nuisance)
        rest = []
        for run in runs:
            basis = nuisance.basis(run, run.measured_times(list(self.regions_)))
            weights = _weights_of_volumes(run, list(self.regions_))
            part = project_out(basis, measured_values(run, self.regions_), weights)
            rest.append(part if weights is None else part * np.sqrt(weights))
        complete = [part[np.isfinite(part).all(1)] for part in rest]
        if not sum(map(len, complete)):
            region, target = self._missing_most(runs)
            raise DataError(
                f"{runs[0].label}: no volume has all targets, target {target} of {region!r} is "
                "missing most often; take such targets out before components are found"
            )
        pca = PCA(self.n_components, svd_solver="full").fit(np.concatenate(complete))
        self.components_ = pca.components_

    def _missing_most(self, runs: list[Run]) -> tuple[str, int]:
        """Return region and index of the target that most volumes lack."""
        values = np.concatenate([measured_values(run, self.regions_) for run in runs])
        targets = [(region, k) for region, n in self.regions_.items() for k in range(n)]
        return targets[int(np.isnan(values).sum(0).argmax())]

    def _change(self, run: Run) -> Run:
        if not run.responses:
            return run
        run = with_targets(run, self.targets_)
        values = measured_values(run, self.regions_) @ self.components_.T
        times = run.measured_times(list(self.regions_))
        stream = Stream(values, times, weights=_weights_of_volumes(run, list(self.regions_)))
        return replace(run, responses={"components": stream}, space=None)

    def inverse_transform(self, predicted: np.ndarray) -> np.ndarray:
        """Return series of components as series of the targets.

        Parameters
        ----------
        predicted : array of shape (n_measured, n_components)

        Returns
        -------
        array of shape (n_measured, n_targets)
        """
        return predicted @ self.components_


def _weights_of_volumes(run: Run, regions: Sequence[str]) -> np.ndarray | None:
    """Return the weights of whole volumes, the only ones that a component can have."""
    weights = run.measured_weights(regions)
    if weights is not None and weights.shape[1] > 1:
        raise DataError(
            f"{run.label}: components of all targets need one weight for each volume; "
            "targets have weights of their own"
        )
    return weights


class TransformedResponses(RunEstimator):
    """Fits changed responses, and predicts and is scored in the measured ones.

    Parameters
    ----------
    estimator : estimator
        Over runs; or a search or pipeline.
    transformer : RunTransformer
        Changes responses, and has ``inverse_transform``, as :class:`PCAResponses`.
    nuisance : Nuisance, optional
        What :meth:`score` takes out; ``Nuisance()`` when absent.

    Attributes
    ----------
    estimator_, transformer_
        Fitted copies.
    regions_ : dict of str to int
        Number of measured targets of each region.

    Examples
    --------
    >>> from drmbids import Events, GLMBaseline
    >>> rng = np.random.default_rng(0)
    >>> bold = Stream(rng.normal(size=(60, 9)), 2.0 * np.arange(60))
    >>> run = Run({"V1": bold}, {"events": Events([10.0], [20.0], ["face"])}, tr=2.0)
    >>> model = TransformedResponses(GLMBaseline(), PCAResponses(3)).fit([run])
    >>> model.predict([run])[0].shape
    (60, 9)
    """

    def __init__(
        self, estimator: Any, transformer: RunTransformer, nuisance: Nuisance | None = None
    ):
        self.estimator = estimator
        self.transformer = transformer
        self.nuisance = nuisance

    @property
    def _nuisance(self) -> Nuisance:
        return given_nuisance(self.nuisance)

    def _nuisances_of_fit(self) -> Sequence[Nuisance]:
        return []  # the estimator says which runs it can be fitted to

    def _fit_runs(self, runs: list[Run]) -> None:
        if not hasattr(self.transformer, "inverse_transform"):
            raise UsageError(
                f"{type(self.transformer).__name__} has no inverse_transform, so predictions cannot"
                " be taken back; put it into a pipeline before the estimator"
            )
        self.transformer_ = clone(self.transformer)
        changed = self.transformer_.fit_transform(runs)
        self.estimator_ = clone(self.estimator).fit(changed)

    def _predict_run(self, run: Run) -> np.ndarray:
        (changed,) = self.transformer_.transform([run])
        return self.transformer_.inverse_transform(self.estimator_.predict([changed])[0])
