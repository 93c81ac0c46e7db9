"""Runs with a sampled stimulus, and the smallest model of them: ridge regression, no memory."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.fit.estimators.base import RunEstimator
from drmbids.maths.metrics.scores import remainder

TR = 2.0


class Ridge(RunEstimator):
    """Predict each target from the samples of the stimulus at the same time."""

    def __init__(self, alpha: float = 1.0, columns: tuple[int, ...] | None = None):
        self.alpha = alpha
        self.columns = columns

    def _design(self, run: Run) -> np.ndarray:
        values = run.stimuli["features"].values
        return values if self.columns is None else values[:, list(self.columns)]

    def _fit_runs(self, runs: Sequence[Run]) -> None:
        square, product = 0.0, 0.0
        for run in runs:
            basis = self._nuisance.basis(run, run.measured_times())
            design = remainder(basis, self._design(run))
            values = np.concatenate([run.responses[r].values for r in self.regions_], axis=1)
            product = product + design.T @ np.nan_to_num(remainder(basis, values))
            square = square + design.T @ design
        self.coef_ = np.linalg.solve(square + self.alpha * np.eye(len(square)), product)

    def _predict_run(self, run: Run) -> np.ndarray:
        return self._design(run) @ self.coef_


def red_noise(rng: np.random.Generator, n: int, columns: int, phi: float) -> np.ndarray:
    """Return first-order autoregressive series after they have forgotten their start."""
    shocks, out = rng.normal(size=(n + 40, columns)), np.zeros((n + 40, columns))
    for k in range(1, n + 40):
        out[k] = phi * out[k - 1] + shocks[k]
    return out[40:]


@pytest.fixture
def ridge() -> type[Ridge]:
    return Ridge


@pytest.fixture
def make_runs() -> Callable[..., list[Run]]:
    """Return a maker of runs: autocorrelated stimulus and noise, and weights between them."""

    def make(
        n_runs: int, seed: int, weights: np.ndarray, n_times: int = 80, phi: float = 0.6
    ) -> list[Run]:
        rng, runs = np.random.default_rng(seed), []
        times = TR * np.arange(n_times)
        for k in range(n_runs):
            features = red_noise(rng, n_times, len(weights), phi)
            values = features @ weights + red_noise(rng, n_times, weights.shape[1], phi)
            half = weights.shape[1] // 2
            responses = {
                "V1": Stream(values[:, :half], times),
                "V2": Stream(values[:, half:], times),
            }
            stimuli = {"features": Stream(features, times)}
            runs.append(Run(responses, stimuli, tr=TR, entities={"run": str(k)}))
        return runs

    return make
