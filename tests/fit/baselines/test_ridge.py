"""The ridge baseline against himalaya, against known weights, and on measured data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from himalaya.kernel_ridge import KernelRidgeCV
from himalaya.ridge import RidgeCV, solve_group_ridge_random_search
from nilearn.glm.first_level import make_first_level_design_matrix
from scipy.io import loadmat
from sklearn.linear_model import Ridge
from sklearn.model_selection import PredefinedSplit

from drmbids.bids.reading.load import load_runs
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.data.runs.nuisance import Nuisance, project_out
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning, UsageError
from drmbids.fit.baselines.design import GammaKernel
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline

TR, LENGTHS, DELAYS = 2.0, (70, 90, 60, 80), (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)


def make_run(k: int, n_times: int, noise: float = 1.0, n_targets: int = 12) -> Run:
    """Return a run with two stimuli: events that matter and a series that does not."""
    rng = np.random.default_rng(k)
    times = TR * np.arange(n_times)
    onsets = np.cumsum(rng.uniform(6, 16, 50))
    onsets = onsets[onsets < times[-1] - 10]
    names = rng.choice(["a", "b", "c"], len(onsets))
    events = Events(onsets, rng.uniform(1, 5, len(onsets)), names, columns=("a", "b", "c"))
    sound = Stream(rng.normal(size=(5 * n_times, 2)), 0.4 * np.arange(5 * n_times))
    bare = Run({"V1": Stream(np.zeros((n_times, 1)), times)}, {"events": events}, tr=TR)
    design = GLMBaseline().fit([bare]).design_matrix(bare)[["a", "b", "c"]].to_numpy()
    weights = np.random.default_rng(99).normal(size=(3, n_targets)) * 10
    values = design @ weights + noise * np.logspace(-1, 1, n_targets) * rng.normal(
        size=(n_times, n_targets)
    )
    stimuli = {"events": events, "sound": sound}
    drift = 0.1 * times[:, None] * rng.normal(size=n_targets)
    return Run({"V1": Stream(values + drift, times)}, stimuli, tr=TR, entities={"run": str(k)})


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k, n) for k, n in enumerate(LENGTHS)]


def clean(model: RidgeBaseline, runs: list[Run], rows: list[np.ndarray] | None = None):
    """Return standardised design, its scale, data and fold of each row, without nuisance."""
    designs, data, n_free = [], [], 0
    for k, run in enumerate(runs):
        keep = slice(None) if rows is None else rows[k]
        basis = Nuisance().basis(run, run.measured_times())[keep]
        designs.append(project_out(basis, model.design_matrix(run).to_numpy()[keep]))
        data.append(project_out(basis, run.responses["V1"].values[keep]))
        n_free += len(basis) - basis.shape[1]
    folds = PredefinedSplit(np.repeat(np.arange(len(runs)), [len(part) for part in data]))
    design = np.concatenate(designs)
    scale = np.sqrt((design**2).mean(0))
    return design / scale, scale, np.concatenate(data), folds, n_free


def total_error(measured: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    return -((measured - predicted) ** 2).sum(-2)


def test_features_of_delays_are_those_of_nilearn(runs):
    run = replace(runs[0], stimuli={"events": runs[0].stimuli["events"]})
    found = RidgeBaseline(DELAYS).fit([run]).design_matrix(run)
    assert found.columns[:3].tolist() == ["a_0s", "a_2s", "a_4s"]
    shown = run.stimuli["events"]
    table = pd.DataFrame(
        {"onset": shown.onsets, "duration": shown.durations, "trial_type": shown.conditions}
    )
    expected = make_first_level_design_matrix(
        run.measured_times(), table, "fir", drift_model=None, fir_delays=range(6)
    ).drop(columns="constant")
    # nilearn rounds onsets and durations to a fiftieth of a TR
    np.testing.assert_allclose(found, expected, atol=0.03)


@pytest.mark.parametrize("n_delays", [6, 60])
def test_weights_and_penalties_are_those_of_himalaya(runs, n_delays):
    """60 delays make more regressors than there are samples."""
    alphas = np.logspace(-3, 2, 6)
    model = RidgeBaseline(TR * np.arange(n_delays), alphas=alphas).fit(runs)
    x, scale, y, folds, n = clean(model, runs)
    options = {"alphas": alphas * n, "cv": folds, "solver_params": {"score_func": total_error}}
    if n_delays == 6:
        peer = RidgeCV(fit_intercept=False, **options).fit(x, y)
        wanted = peer.coef_
    else:
        assert x.shape[1] == len(x) == 300
        peer = KernelRidgeCV(**options).fit(x, y)
        wanted = peer.get_primal_coef(x)
    np.testing.assert_allclose(model.alpha_, peer.best_alphas_ / n)
    assert len(set(model.alpha_)) > 1
    np.testing.assert_allclose(model.coef_.T, wanted / scale[:, None], rtol=1e-5, atol=1e-6)


def test_bands_are_those_of_himalaya(runs):
    alphas = np.logspace(-3, 2, 6)
    model = RidgeBaseline(DELAYS, banded=True, n_weightings=9, alphas=alphas, random_state=0)
    model.fit(runs)
    assert model.bands_ == ("events", "sound")
    x, scale, y, folds, n = clean(model, runs)
    shares = np.concatenate([model._draw(2)])
    np.testing.assert_allclose(shares.sum(1), 1.0)
    deltas, wanted, _ = solve_group_ridge_random_search(
        [x[:, :18], x[:, 18:]],
        y,
        n_iter=shares,
        alphas=alphas * n,
        cv=folds,
        score_func=total_error,
        return_weights=True,
        progress_bar=False,
    )
    penalties = n * model.alpha_ / model.band_weights_.T
    np.testing.assert_allclose(penalties, np.exp(-deltas), rtol=1e-6)
    np.testing.assert_allclose(model.coef_.T, wanted / scale[:, None], rtol=1e-5, atol=1e-6)
    # the sound drives nothing, and gets the smaller weight where there is a signal to see it by
    assert (model.band_weights_[:6, 1] < 0.5).all()


def test_bands_predict_better_where_a_stimulus_drives_nothing(runs):
    plain = RidgeBaseline(DELAYS).fit(runs[:3]).score(runs[3:])
    banded = RidgeBaseline(DELAYS, banded=True, random_state=0).fit(runs[:3]).score(runs[3:])
    assert banded > plain + 0.01


def test_missing_samples_are_left_out_each_for_its_own_target(runs):
    rng = np.random.default_rng(0)
    gappy, rows = [], []
    for run in runs:
        values = np.array(run.responses["V1"].values)
        values[rng.random(len(values)) < 0.2, 3] = np.nan
        rows.append(np.isfinite(values[:, 3]))
        gappy.append(replace(run, responses={"V1": Stream(values, run.measured_times())}))
    whole, found = RidgeBaseline(DELAYS).fit(runs), RidgeBaseline(DELAYS).fit(gappy)
    others = np.arange(12) != 3
    np.testing.assert_allclose(found.coef_[others], whole.coef_[others])
    x, scale, y, _, n = clean(whole, runs, rows)
    penalty = n * found.alpha_[3] * np.eye(x.shape[1])
    wanted = np.linalg.solve(x.T @ x + penalty, x.T @ y[:, 3]) / scale
    np.testing.assert_allclose(found.coef_[3], wanted, rtol=1e-6)
    assert not np.allclose(found.coef_[3], whole.coef_[3], rtol=1e-3)


def test_a_target_that_is_never_measured_is_reported(runs):
    values = np.array(runs[0].responses["V1"].values)
    values[:, 1] = np.nan
    run = replace(runs[0], responses={"V1": Stream(values, runs[0].measured_times())})
    with pytest.warns(DataWarning, match="1 of 12 targets"):
        model = RidgeBaseline(DELAYS).fit([run])
    missing = np.arange(12) == 1
    np.testing.assert_array_equal(np.isnan(model.coef_).all(1), missing)
    np.testing.assert_array_equal(np.isnan(model.alpha_), missing)


def test_what_conditions_have_in_common_has_columns_of_its_own(runs):
    model = RidgeBaseline(DELAYS, common=True, banded=True, n_weightings=2).fit(runs)
    assert model.bands_ == ("events", "sound", "events:all", "sound:all")
    design = model.design_matrix(runs[0])
    for delay in DELAYS:
        parts = design[[f"{c}_{delay:g}s" for c in "abc"]]
        np.testing.assert_allclose(design[f"events:all_{delay:g}s"], parts.sum(axis=1))
    clash = Events([5.0], [2.0], ["events:all"])
    with pytest.raises(DataError, match="events:all_0s"):
        RidgeBaseline(DELAYS, common=True).fit([replace(runs[0], stimuli={"events": clash})])


def test_weights_are_recovered_and_noise_predicts_nothing():
    runs = [make_run(k, 150, noise=0.01) for k in range(4)]
    assert RidgeBaseline(kernels="glover").fit(runs[:3]).score(runs[3:]) > 0.99
    rng = np.random.default_rng(0)
    noise = [
        replace(run, responses={"V1": Stream(rng.normal(size=(150, 200)), run.measured_times())})
        for run in runs
    ]
    model = RidgeBaseline(DELAYS).fit(noise[:3])
    assert abs(model.score(noise[3:])) < 0.03
    assert np.median(model.alpha_) >= 10.0  # shrunk away


def test_generalised_cross_validation_chooses_penalties_too(runs):
    alphas = np.logspace(-3, 2, 6)
    model = RidgeBaseline(DELAYS, alphas=alphas, cv="gcv").fit(runs)
    x, _, y, _, n = clean(model, runs)
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    criterion = []
    for alpha in alphas * n:
        shrink = s**2 / (s**2 + alpha)
        rest = y - u @ (shrink[:, None] * (u.T @ y))
        criterion.append((rest**2).sum(0) / (n - 1.4 * shrink.sum()) ** 2)
    np.testing.assert_allclose(model.alpha_, alphas[np.argmin(criterion, axis=0)])


def test_runs_of_another_tr_share_delays_in_seconds(runs):
    fine = np.arange(0.0, runs[0].duration, 1.0)
    values = [
        np.interp(fine, runs[0].measured_times(), y) for y in runs[0].responses["V1"].values.T
    ]
    other = replace(runs[0], responses={"V1": Stream(np.transpose(values), fine)}, tr=1.0)
    model = RidgeBaseline().fit([runs[1]])
    assert model.delays_ == tuple(TR * k for k in range(17))
    slow, fast = model.design_matrix(runs[0]), model.design_matrix(other)
    # the mean over a TR of 2 s is that over two of 1 s
    halves = (fast.iloc[::2].to_numpy()[:-1] + fast.iloc[1::2].to_numpy()[:-1]) / 2
    np.testing.assert_allclose(halves[:, :51], slow.to_numpy()[:-1, :51], atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"delays": ()}, "different times from 0 s up"),
        ({"delays": (-1.0, 2.0)}, "different times from 0 s up"),
        ({"delays": (2.0, 2.0)}, "different times from 0 s up"),
        ({"delays": (2.0,), "kernels": "spm"}, "delays or kernels"),
        ({"edges": True}, "edges need kernels"),
        ({"alphas": (0.0, 1.0)}, "alphas must be positive"),
        ({"alphas": ()}, "alphas must be positive"),
        ({"cv": "loo"}, "cv must be run or gcv"),
        ({"banded": True, "n_weightings": 0}, "n_weightings must be 1"),
    ],
)
def test_wrong_parameters_are_refused(runs, parameters, message):
    with pytest.raises(UsageError, match=message):
        RidgeBaseline(**parameters).fit(runs)


def counts(k: int, n: int = 150) -> Run:
    """Return counts of cells that fire at very different rates, each rate telling as much."""
    rng = np.random.default_rng([7, k])
    rates = np.logspace(-1.5, 1.0, 12)
    cells = rng.poisson(rates, (n, 12)).astype(float)
    latent = cells[:, -6:] @ np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    hand = np.column_stack([latent, -latent]) + 4 * rng.normal(size=(n, 2))
    times = np.arange(n, dtype=float)
    return Run({"hand": Stream(hand, times)}, {"cells": Stream(cells, times + 0.5)}, tr=1.0)


@pytest.mark.parametrize("standardize", [True, False])
def test_weights_are_those_of_scikit_learn_on_the_same_features(standardize: bool) -> None:
    """With the penalty that was chosen, in the units that the docstring gives."""
    train, nuisance = [counts(k) for k in range(3)], Nuisance("none")
    model = RidgeBaseline(delays=[0.0, 1.0], nuisance=nuisance, standardize=standardize).fit(train)
    # the nuisance is the mean of each run
    x, y = (
        np.concatenate([part - part.mean(0) for part in parts])
        for parts in (
            [model.design_matrix(run).to_numpy() for run in train],
            [run.responses["hand"].values for run in train],
        )
    )
    n_free, power = len(x) - len(train), (x**2).sum(0)
    size = np.sqrt(power / len(x)) if standardize else np.ones(x.shape[1])
    unit = 1.0 if standardize else power.mean() / len(x)
    for target in range(2):
        peer = Ridge(alpha=model.alpha_[target] * n_free * unit, fit_intercept=False)
        peer.fit(x / size, y[:, target])
        np.testing.assert_allclose(model.coef_[target], peer.coef_ / size, rtol=1e-6, atol=1e-9)


def test_features_in_one_unit_predict_better_as_they_are() -> None:
    """Rare spikes of cells that tell nothing are as large as others once they are standardised."""
    runs, nuisance = [counts(k, 60) for k in range(4)], Nuisance("none")
    scores = {
        standardize: RidgeBaseline(delays=[0.0], nuisance=nuisance, standardize=standardize)
        .fit(runs[:2])
        .score(runs[2:])
        for standardize in (True, False)
    }
    assert scores[False] > scores[True] > 0.3


@pytest.mark.real_data
def test_hand_velocity_from_spike_counts(shared_data: Path) -> None:
    """Three bins of 71 units, the test part of the data: r .80 .76 once standardised."""
    raw, step = loadmat(shared_data / "motor_m1" / "chewie_demo.mat"), 0.05
    runs = []
    for part in ("tr", "te"):
        cells, velocity = (raw[name + part].astype(float) for name in ("Y", "X"))
        ends = step * np.arange(1, len(cells) + 1)
        runs.append(Run({"hand": Stream(velocity, ends)}, {"units": Stream(cells, ends)}, tr=step))
    model = RidgeBaseline(step * np.arange(3), nuisance=Nuisance("none"), standardize=False)
    predicted = model.fit(runs[:1]).predict(runs[1:])[0]
    measured = runs[1].responses["hand"].values
    r = [np.corrcoef(p, m)[0, 1] for p, m in zip(predicted.T, measured.T, strict=True)]
    assert r[0] > 0.80 and r[1] > 0.78


@pytest.mark.real_data
@pytest.mark.slow
def test_figures_of_haxby(haxby):
    """Figures that another program found; the kernels, with columns for what all share."""
    runs = load_runs(haxby, subject="01", task="objectviewing", acquisition="1slice")
    kernels = [GammaKernel(peak) for peak in (3.0, 5.0, 9.0)]
    expected = {"fir": (0.141, 0.201, 0.636), "kernels": (0.161, 0.218, 0.642)}
    models = {
        "fir": RidgeBaseline(2.5 * np.arange(15)),
        "kernels": RidgeBaseline(kernels=kernels, edges=True, common=True),
    }
    table = compare_models(models, runs).summary().set_index("model")
    found = table.loc[list(expected), ["r_median", "r_mean", "r_p95"]].to_numpy()
    np.testing.assert_allclose(found, list(expected.values()), atol=0.01)
