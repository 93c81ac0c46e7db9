"""Models with the stimuli of other runs score at chance; with their own stimuli they do not."""

import numpy as np
import pytest
from scipy.stats import kstest

from drmbids.brain.simulation.design import random_events
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.fit.baselines.design import convolve
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.drm import DRMRegressor

TR, N_VOLUMES, N_VOXELS, N_RUNS = 2.0, 100, 60, 4
MODELS = {
    "glm": GLMBaseline("spm"),
    "ridge": RidgeBaseline(delays=[2.0, 4.0, 6.0, 8.0]),
    "drm": DRMRegressor(n_epochs=2),
}
SPLIT = [([0, 1], [2, 3])]


def draw(rng: np.random.Generator) -> tuple[Events, np.ndarray]:
    """Return events of two conditions, and what they make of a volume through SPM's response."""
    events = random_events(("a", "b"), TR * N_VOLUMES, rng)
    (series,) = convolve(events, TR * np.arange(N_VOLUMES), TR, "spm").values()
    return events, series / series.std()


def make_runs(own: bool) -> list[Run]:
    """Return runs whose voxels follow the events beside them, or each some events of other runs."""
    rng, runs = np.random.default_rng(0), []
    gains = rng.normal(size=(2, N_VOXELS))
    for k in range(N_RUNS):
        events, series = draw(rng)
        if own:
            signal = series @ gains
        else:  # of another run for each voxel, so that what is found in voxels is independent
            signal = np.column_stack([draw(rng)[1] @ gain for gain in gains.T])
        values = Stream(signal + rng.normal(size=signal.shape), TR * np.arange(N_VOLUMES))
        entities = {"run": str(k)}
        runs.append(Run({"V1": values}, {"events": events}, tr=TR, entities=entities))
    return runs


@pytest.fixture(scope="module")
def shuffled() -> list[Run]:
    return make_runs(own=False)


@pytest.fixture(scope="module")
def own() -> list[Run]:
    return make_runs(own=True)


def scores(name: str, runs: list[Run]) -> tuple[np.ndarray, np.ndarray]:
    """Return r and p of each voxel in the later runs, from a fit to the earlier ones."""
    results = compare_models({name: MODELS[name]}, runs, cv=SPLIT)
    table = permutation_test(results, runs, 299)
    return table["r"].to_numpy(), table["p"].to_numpy()


@pytest.mark.parametrize("name", MODELS)
def test_stimuli_of_other_runs_predict_nothing(name: str, shuffled: list[Run]) -> None:
    r, p = scores(name, shuffled)
    assert abs(r.mean()) < 3 * r.std() / np.sqrt(N_VOXELS)
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.mean(p < 0.05) < 0.14  # 3 standard errors above .05


@pytest.mark.parametrize("name", MODELS)
def test_their_own_stimuli_predict_the_same_runs(name: str, own: list[Run]) -> None:
    r, p = scores(name, own)
    assert np.median(r) > 0.4
    assert np.mean(p < 0.05) > 0.8
