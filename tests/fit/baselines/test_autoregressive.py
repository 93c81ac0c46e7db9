"""Generalised least squares for autoregressive noise, against nilearn and on known noise."""

from dataclasses import replace

import numpy as np
import pytest
from nilearn.glm.first_level import run_glm
from scipy.signal import lfilter

from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError
from drmbids.fit.baselines.autoregressive import ARBaseline
from drmbids.fit.baselines.glm import GLMBaseline

WEIGHTS = np.array([[2.0], [-1.0]])


def make_run(k: int, rho: np.ndarray, n_times: int = 150, noise: float = 1.0) -> Run:
    """Return a run whose targets have autoregressive noise of the given coefficients."""
    rng = np.random.default_rng(k)
    times = 2.0 * np.arange(n_times)
    onsets = np.arange(5.0, times[-1] - 10, 12.0) + rng.uniform(0, 6)
    names = rng.permutation([("a", "b")[i % 2] for i in range(len(onsets))])
    events = Events(onsets, np.full(len(onsets), 4.0), names)
    bare = Run({"V1": Stream(np.zeros((n_times, 1)), times)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare)[["a", "b"]].to_numpy()
    drawn = rng.normal(size=(n_times + 100, len(rho)))
    series = np.stack(
        [lfilter([1.0], [1.0, -r], e)[100:] for r, e in zip(rho, drawn.T, strict=True)], 1
    )
    values = design @ WEIGHTS + noise * series
    return replace(bare, responses={"V1": Stream(values, times)}, entities={"run": str(k)})


def test_weights_are_those_of_nilearn():
    run = make_run(0, np.linspace(-0.5, 0.8, 20))
    model = ARBaseline().fit([run])
    drift = Nuisance().drifts(run.measured_times())
    design = np.column_stack([model.design_matrix(run), drift])
    labels, results = run_glm(run.responses["V1"].values, design, noise_model="ar1", bins=100)
    np.testing.assert_allclose(model.autoregression_[:, 0], labels.astype(float), atol=1e-9)
    for label, result in results.items():
        found = model.coef_[labels == label]
        np.testing.assert_allclose(found.T, result.theta[:2], rtol=1e-6, atol=1e-9)
    assert len(results) > 10


@pytest.mark.parametrize("order", [2, 3])
def test_higher_orders_are_those_of_nilearn(order):
    run = make_run(0, np.linspace(-0.5, 0.8, 12), n_times=200)
    model = ARBaseline(order=order).fit([run])
    drift = Nuisance().drifts(run.measured_times())
    design = np.column_stack([model.design_matrix(run), drift])
    values = run.responses["V1"].values
    labels, results = run_glm(values, design, noise_model=f"ar{order}", bins=12, random_state=0)
    for label, result in results.items():
        alike = labels == label
        np.testing.assert_allclose(model.coef_[alike].T, result.theta[:2], atol=1e-6)
        near = np.broadcast_to(result.model.rho, (alike.sum(), order))
        np.testing.assert_allclose(model.autoregression_[alike], near, atol=1e-9)
    assert len(results) == 12


def test_many_targets_share_autoregressions_of_higher_orders():
    run = make_run(0, np.linspace(-0.5, 0.8, 130), n_times=80)
    model = ARBaseline(order=2).fit([run])
    assert len(np.unique(model.autoregression_, axis=0)) == 100
    few = replace(
        run, responses={"V1": Stream(run.responses["V1"].values[:, :50], 2.0 * np.arange(80))}
    )
    own = ARBaseline(order=2).fit([few]).autoregression_
    assert np.abs(own - model.autoregression_[:50]).max() < 0.1


def test_weights_over_runs_are_generalised_least_squares_by_hand():
    runs = [make_run(k, np.array([0.6]), n) for k, n in enumerate((80, 120))]
    model = ARBaseline().fit(runs)
    rho, x, y = model.autoregression_[:, 0][0], [], []
    for k, run in enumerate(runs):
        drift = np.zeros((len(run.measured_times()), 6))
        drift[:, 3 * k : 3 * k + 3] = Nuisance().drifts(run.measured_times())
        whole = np.column_stack([model.design_matrix(run), drift, run.responses["V1"].values])
        whole[1:] -= rho * whole[:-1].copy()
        x.append(whole[:, :-1])
        y.append(whole[:, -1])
    wanted = np.linalg.lstsq(np.concatenate(x), np.concatenate(y), rcond=None)[0][:2]
    np.testing.assert_allclose(model.coef_[0], wanted, rtol=1e-8)


def test_a_gap_starts_anew():
    """Missing samples and volumes that were never there are one and the same."""
    run = make_run(0, np.array([0.7, 0.7]))
    kept = np.r_[0:40, 55:56, 60:150]
    values = np.array(run.responses["V1"].values)
    values[np.setdiff1d(np.arange(150), kept), 1] = np.nan
    times = run.measured_times()
    gappy = replace(run, responses={"V1": Stream(values, times)})
    fewer = replace(run, responses={"V1": Stream(values[kept], times[kept])})
    nuisance = Nuisance(order=0)
    first, second = (ARBaseline(nuisance=nuisance).fit([r]) for r in (gappy, fewer))
    np.testing.assert_allclose(first.coef_[1], second.coef_[1], rtol=1e-9)
    assert first.autoregression_[1] == second.autoregression_[1]
    # without a gap to mind, the rows on both sides would be neighbours
    joined = replace(run, responses={"V1": Stream(values[kept], 2.0 * np.arange(len(kept)))})
    assert not np.allclose(ARBaseline().fit([joined]).coef_[1], second.coef_[1], rtol=1e-3)


def test_autocorrelation_is_recovered_and_weights_come_nearer_to_the_truth():
    rho = np.repeat([0.0, 0.4, 0.8], 100)
    runs = [make_run(k, rho, 200) for k in range(3)]
    ordinary = GLMBaseline().fit(runs)
    model = ARBaseline().fit(runs)
    means = model.autoregression_[:, 0].reshape(3, 100).mean(1)
    np.testing.assert_allclose(means, [0.0, 0.4, 0.8], atol=0.06)
    errors = [((m.coef_[:, [0, 1]] - WEIGHTS[_order(m)].T) ** 2).sum(1) for m in (ordinary, model)]
    ratio = [
        np.mean(b) / np.mean(a) for a, b in zip(*(e.reshape(3, 100) for e in errors), strict=True)
    ]
    assert ratio[2] < 0.9  # strongly autocorrelated
    assert ratio[0] == pytest.approx(1.0, abs=0.05)  # the null: white noise


def _order(model: GLMBaseline) -> list[int]:
    return ["ab".index(name) for name in model.regressors_]


def test_what_cannot_be_fitted_is_refused_or_reported():
    run = make_run(0, np.array([0.5, 0.5]))
    with pytest.raises(UsageError, match="order must be a whole number from 1 up, got 0"):
        ARBaseline(order=0).fit([run])
    with pytest.raises(DataError, match="run-1: TR 1 s, the first run has 2 s"):
        ARBaseline().fit([run, replace(run, tr=1.0, entities={"run": "1"})])
    values = np.array(run.responses["V1"].values)
    values[:, 0] = np.nan
    missing = replace(run, responses={"V1": Stream(values, run.measured_times())})
    with pytest.warns(DataWarning, match="1 of 2 targets"):
        model = ARBaseline().fit([missing])
    assert np.isnan(model.autoregression_[:, 0]).tolist() == [True, False]
