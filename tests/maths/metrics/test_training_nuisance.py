"""Drift and confounds of held-out scans: what training scans foretell, and nothing else."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.maths.metrics.scores import score_run, without_nuisance
from drmbids.maths.metrics.training_nuisance import TrainingNuisance

N, TR = 100, 2.0
times = TR * np.arange(N)
trained = np.ones(N, dtype=bool)
trained[30:65] = False
basis = np.linalg.qr(Nuisance(drift="cosine").drifts(times))[0]


def foretold(values: np.ndarray, seen: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Predict random effects from dense covariance matrices, the variance by a scalar search."""
    one, design, noise = np.ones((seen.sum(), 1)), basis[:, 1:], np.diag(1 / weight[seen])

    def projection(variance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        cov = noise + variance * design[seen] @ design[seen].T
        inverse = np.linalg.inv(cov)
        mean = np.linalg.solve(one.T @ inverse @ one, one.T @ inverse)
        return cov, inverse - inverse @ one @ mean, mean

    def deviance(log_variance: float) -> float:
        cov, p, _ = projection(10**log_variance)
        logs = [np.linalg.slogdet(m)[1] for m in (cov, one.T @ np.linalg.inv(cov) @ one)]
        return (seen.sum() - 1) * np.log(values[seen] @ p @ values[seen]) + sum(logs)

    best = minimize_scalar(deviance, bounds=(-2, 6), method="bounded").x
    _, p, mean = projection(10**best)
    weights = 10**best * design[seen].T @ p @ values[seen]
    return mean @ values[seen] + design @ weights


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_foretold_is_the_prediction_of_random_effects(weighted):
    rng = np.random.default_rng(0)
    weight = rng.uniform(0.5, 2.0, N) if weighted else np.ones(N)
    drift = basis[:, 1:] @ rng.normal(size=(basis.shape[1] - 1, 4)) * [1.0, 4.0, 12.0, 30.0]
    values = 5.0 + drift + rng.normal(size=(N, 4))
    seen = np.where(trained[:, None], values, np.nan)
    fit = TrainingNuisance(basis, seen, weight[:, None] if weighted else None)
    found = values - fit.out_of(values)
    for k in range(4):
        # the grid of variances is coarse, and the likelihood flat about its top
        np.testing.assert_allclose(found[:, k], foretold(values[:, k], trained, weight), atol=0.15)


def test_a_drift_that_stands_out_is_foretold_and_one_that_is_not_there_is_not():
    rng = np.random.default_rng(0)
    slope = np.linspace(-40.0, 40.0, N)[:, None]
    line = np.linalg.qr(np.column_stack([np.ones(N), times]))[0]
    noise = rng.normal(size=(N, 300))
    for drift, limit in ((slope, 0.1), (0.0 * slope, 0.02)):
        seen = np.where(times[:, None] < 120.0, noise + drift, np.nan)
        found = noise + drift - TrainingNuisance(line, seen).out_of(noise + drift)
        error = (found - drift)[60:] ** 2
        assert abs(np.median((found - drift)[60:])) < 0.3
        # a line through 60 scans is uncertain by 0.3 at scan 100, their mean by 0.02
        assert np.median(error.mean(0)) < limit


def test_elements_that_are_missing_count_for_their_targets_alone():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(N, 3)) + times[:, None] / 20
    seen = np.where(trained[:, None], values, np.nan)
    seen[:10, 1], seen[:, 2] = np.nan, np.nan
    left = TrainingNuisance(basis, seen).out_of(values)
    own = TrainingNuisance(basis, seen[:, [1]]).out_of(values[:, [1]])
    np.testing.assert_allclose(left[:, [1]], own)
    assert np.isfinite(left[:, 0]).all() and np.isnan(left[:, 2]).all()


def test_too_few_training_scans_are_refused():
    seen = np.full((N, 2), np.nan)
    seen[:5] = 1.0
    with pytest.raises(DataError, match="5 drift and confound columns leave nothing of 5 volumes"):
        TrainingNuisance(basis, seen)


def block_run(values: np.ndarray, rows: np.ndarray, confounds: Stream | None = None) -> Run:
    kept = np.where(rows[:, None], values, np.nan)
    return Run({"V1": Stream(kept, times)}, tr=TR, confounds=confounds, entities={"run": "1"})


@pytest.fixture
def parts() -> tuple[Run, Run, np.ndarray]:
    """Return a held-out block, the rest of its run with a guard, and a prediction."""
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(N, 2))
    motion = np.cumsum(rng.normal(size=(N, 2)), axis=0)
    confounds = Stream(motion, times)
    values = signal + 0.5 * rng.normal(size=(N, 2)) + motion @ [[3.0, -2.0], [1.0, 4.0]]
    held = np.zeros(N, dtype=bool)
    held[35:60] = True
    return (
        block_run(values, held, confounds),
        block_run(values, trained, confounds),
        signal,
    )


def test_the_score_is_that_of_the_block_without_what_training_scans_foretell(parts):
    block, rest, signal = parts
    measured, predicted = block.responses["V1"].values, signal
    full = np.where(trained[:, None], rest.responses["V1"].values, measured)
    nuisance = Nuisance(order=1)
    fit = TrainingNuisance(nuisance.basis(block, times), rest.responses["V1"].values)
    m, p = (fit.out_of(series)[35:60] for series in (np.nan_to_num(full), predicted))
    found = score_run(block, predicted, {"V1": 2}, nuisance, rest)
    for k in range(2):
        assert found["r"][k] == pytest.approx(np.corrcoef(m[:, k], p[:, k])[0, 1], abs=1e-12)
        error = np.var(m[:, k] - p[:, k]) / np.var(m[:, k])
        assert found["r2"][k] == pytest.approx(1 - error, abs=1e-12)
    assert (found["r"] > 0.8).all()  # motion, six times the signal, is gone


def test_the_level_of_a_block_and_what_was_not_trained_on_count_nothing(parts):
    block, rest, signal = parts
    found = score_run(block, signal, {"V1": 2}, Nuisance(), rest)
    raised = block_run(block.responses["V1"].values + 1e3, ~trained, block.confounds)
    pd_found = score_run(raised, signal - 7.0 * (~trained)[:, None], {"V1": 2}, Nuisance(), rest)
    np.testing.assert_allclose(found[["r", "r2"]], pd_found[["r", "r2"]], atol=1e-9)


def test_a_prediction_that_repeats_the_training_scans_has_no_score_in_the_block(parts):
    block, rest, _ = parts
    basis_here = Nuisance().basis(block, times)
    values = rest.responses["V1"].values[trained]
    residual = (
        values - basis_here[trained] @ np.linalg.lstsq(basis_here[trained], values, rcond=None)[0]
    )
    memory = np.zeros((N, 2))
    memory[trained] = residual
    cleaned = without_nuisance(block, memory, {"V1": 2}, Nuisance(), rest)
    assert (cleaned.predicted[35:60] == 0).all()
    assert score_run(block, memory, {"V1": 2}, Nuisance(), rest)["r"].isna().all()
