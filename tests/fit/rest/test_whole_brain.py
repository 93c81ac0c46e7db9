"""A brain at rest: known parameters found again, runs left out predicted, conventions kept."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm
from scipy.signal import fftconvolve
from scipy.stats import gamma
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, LeaveOneOut, cross_val_score

from drmbids import Run, Stream, WholeBrain, simulate_rest
from drmbids.data.tools.exceptions import DataError, TrainingError, UsageError

N = 6
MASSES = {"mass": "ornstein_uhlenbeck", "values": {"tau": 0.3}}
TRUTH = 0.7


@pytest.fixture(scope="module")
def weights() -> np.ndarray:
    """Return the weights of a ring with some shortcuts, the strongest region hearing 1."""
    make = np.random.default_rng(0)
    matrix = make.random((N, N)) * (make.random((N, N)) < 0.4)
    matrix[np.arange(N), (np.arange(N) + 1) % N] = 1.0
    np.fill_diagonal(matrix, 0.0)
    return matrix / matrix.sum(1).max()


def linear_run(coupling: np.ndarray, seed: int, seconds: float = 800.0, tick: float = 0.05) -> Run:
    """Return BOLD of an Ornstein-Uhlenbeck process, by numpy and scipy alone."""
    make = np.random.default_rng(seed)
    decay = expm((coupling - np.eye(N)) * tick / MASSES["values"]["tau"])
    kicks = make.standard_normal((round((seconds + 60) / tick), N))
    state = np.zeros_like(kicks)
    for k in range(1, len(kicks)):
        state[k] = decay @ state[k - 1] + kicks[k]
    lag = np.arange(0, 32, tick)
    response = gamma.pdf(lag, 6) - gamma.pdf(lag, 16) / 6
    bold = np.stack([fftconvolve(x, response)[: len(x)] for x in state.T], 1)
    bold = bold[round(60 / tick) :: round(2.0 / tick)]
    bold += 0.1 * bold.std(0) * make.standard_normal(bold.shape)
    return Run({"brain": Stream(bold, 2.0 * np.arange(len(bold)))}, tr=2.0)


@pytest.fixture(scope="module")
def runs(weights: np.ndarray) -> list[Run]:
    """Return three runs of BOLD; one volume of one region is missing in the first."""
    made = [linear_run(TRUTH * weights, seed) for seed in range(3)]
    stream = made[0].responses["brain"]
    holed = stream.values.copy()
    holed[17, 2] = np.nan
    return [Run({"brain": Stream(holed, stream.times)}, tr=2.0), *made[1:]]


@pytest.fixture(scope="module")
def fitted(weights: np.ndarray, runs: list[Run]) -> WholeBrain:
    return WholeBrain(weights, coupling=0.2, n_starts=2, **MASSES).fit(runs)


def test_the_coupling_is_found_within_its_error(fitted: WholeBrain) -> None:
    table = fitted.parameters_table().set_index("parameter")
    error = table["least_error"]["coupling"]
    assert 0.002 < error < 0.1
    assert abs(table["value"]["coupling"] - TRUTH) < max(4 * error, 0.05)
    assert fitted.descents_[0].loss <= fitted.descents_[-1].loss


@pytest.mark.parametrize("objective", [{"fc": 1.0}, {"fc": 1.0, "lagged_fc": 1.0, "spectra": 0.2}])
def test_single_statistics_find_it_too(
    weights: np.ndarray, runs: list[Run], objective: dict[str, float]
) -> None:
    brain = WholeBrain(weights, coupling=0.3, n_starts=1, objective=objective, **MASSES).fit(runs)
    assert brain.descents_[0].end["coupling"] == pytest.approx(TRUTH, abs=0.12)


def test_delays_are_found_from_activity_and_not_from_bold(weights: np.ndarray) -> None:
    lengths = 50 + 100 * np.random.default_rng(1).random((N, N))
    options = {"mass": "hopf", "values": {"a": -1.0, "omega": 1.26, "tau": 0.02}}
    run = simulate_rest(
        weights, lengths, duration=20.0, coupling=1.5, velocity=5.0, measurement="activity",
        tr=0.005, settle=1.0, compiled=True, **options,
    )  # fmt: skip
    brain = WholeBrain(
        weights, lengths, trainable=["velocity"], coupling=1.5, velocity=15.0, noise=0.01,
        measurement="activity", band=(2.0, 30.0), segment=1.0, n_starts=1, **options,
    ).fit([run])  # fmt: skip
    table = brain.parameters_table()
    assert table["value"][0] == pytest.approx(5.0, abs=4 * table["least_error"][0])
    assert table["least_error"][0] < 0.7
    slow = WholeBrain(weights, lengths, trainable=["velocity"], coupling=0.5, n_starts=1, **MASSES)
    bold = linear_run(0.5 * weights, 5)
    table = slow.set_params(n_iterations=1).fit([bold]).parameters_table()
    assert table["least_error"][0] > table["value"][0]


def test_prediction_is_connectivity_of_new_runs(fitted: WholeBrain, runs: list[Run]) -> None:
    predicted, measured = fitted.predict(runs[:1])[0], fitted.measured(runs[:1])[0]
    np.testing.assert_allclose(predicted, fitted.fc_)
    np.testing.assert_allclose(np.diag(measured), 1.0)
    upper = np.triu_indices(N, 1)
    wanted = np.corrcoef(predicted[upper], measured[upper])[0, 1]
    assert fitted.score(runs[:1]) == pytest.approx(wanted)
    assert wanted > 0.6


def test_estimated_coupling_predicts_runs_left_out(runs: list[Run]) -> None:
    brain = WholeBrain(
        trainable=["weights"], penalties=(0.03, 10.0), noise=0.05, n_iterations=40, **MASSES
    )
    assert brain.fit(runs[:2]).penalty_ == 0.03
    assert brain.score(runs[2:]) > 0.6


def test_it_works_in_searches_and_cross_validation(weights: np.ndarray, runs: list[Run]) -> None:
    brain = WholeBrain(weights, coupling=0.5, n_starts=1, n_iterations=5, **MASSES)
    assert clone(brain).get_params()["coupling"] == 0.5
    assert cross_val_score(brain, runs, cv=LeaveOneOut()).min() > 0.5
    search = GridSearchCV(brain, {"values": [{"tau": 0.3}, {"tau": 1.0}]}, cv=LeaveOneOut())
    assert search.fit(runs).best_score_ > 0.5


def test_a_saved_brain_comes_back(fitted: WholeBrain, runs: list[Run], tmp_path: Path) -> None:
    fitted.save(tmp_path / "brain")
    back = WholeBrain.load(tmp_path / "brain")
    np.testing.assert_array_equal(back.fc_, fitted.fc_)
    pd.testing.assert_frame_equal(back.parameters_table(), fitted.parameters_table())
    assert back.descents_[0].end == fitted.descents_[0].end
    file = tmp_path / "brain" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="changed since"):
        WholeBrain.load(tmp_path / "brain")


def test_a_fitted_brain_simulates_runs_like_those_it_was_fitted_to(
    fitted: WholeBrain, runs: list[Run]
) -> None:
    run = fitted.simulate(800.0, resolution=0.1, random_state=9, compiled=True)
    assert run.tr == 2.0
    made, real = (
        np.diff(r.responses["brain"].values, axis=0).var(0) / r.responses["brain"].values.var(0)
        for r in (run, runs[1])
    )
    np.testing.assert_allclose(made.mean(), real.mean(), rtol=0.3)
    assert fitted.score([run]) > 0.6


def test_the_same_seed_gives_the_same_fit(weights: np.ndarray, runs: list[Run]) -> None:
    brain = WholeBrain(weights, coupling=0.5, n_starts=2, n_iterations=5, **MASSES)
    ends = [clone(brain).fit(runs).descents_[0].end for _ in range(2)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"trainable": ["weights", "coupling"]}, UsageError, "train either the coupling"),
        ({"trainable": ["velocity"]}, UsageError, "where tract lengths are given"),
        ({"weights": np.eye(3)[::-1]}, UsageError, r"6 series, and a connectome of \(3, 3\)"),
        ({"objective": {"power": 1.0}}, UsageError, "objective must be"),
        ({"band": (0.241, 0.249)}, UsageError, "0 frequencies from 0.241"),
        ({"coupling": 30.0, "n_starts": 1}, TrainingError, "grow|steady"),
    ],
)
def test_impossible_options_are_refused(
    weights: np.ndarray, runs: list[Run], options: dict, error: type, message: str
) -> None:
    settings = {"weights": weights, "n_iterations": 2, **MASSES, **options}
    with pytest.raises(error, match=message):
        WholeBrain(**settings).fit(runs)


def test_unusable_runs_are_refused(weights: np.ndarray, runs: list[Run]) -> None:
    stream = runs[1].responses["brain"]
    uneven = Run({"brain": Stream(stream.values[:5], stream.times[:5] ** 2)}, tr=2.0)
    flat = Run({"brain": Stream(0 * stream.values, stream.times)}, tr=2.0)
    brain = WholeBrain(weights, **MASSES)
    for bad, message in ((uneven, "spectra need even ones"), (flat, "series 0 of 6 is constant")):
        with pytest.raises(DataError, match=message):
            brain.fit([bad])
    with pytest.raises(UsageError, match="leave y out"):
        brain.fit(runs, [1, 2, 3])
