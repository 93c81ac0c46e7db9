"""What users of scikit-learn and nilearn pass: settings, seeds, and arrays of every kind."""

import threading

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from drmbids import DRMRegressor, Events, GLMBaseline, Run, Stream
from drmbids.brain.modelfile.load import as_model
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.estimators.starts import nets_of_starts

TIMES = 2.0 * np.arange(40)
VALUES = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
MODEL = {
    "schema_version": 1,
    "stimuli": {"events": {"conditions": "all"}},
    "populations": {"V1": {"kind": "leaky", "units": 2}},
    "projections": [{"from": "events", "to": "V1"}],
}


def run(values: object = VALUES, times: object = TIMES) -> Run:
    events = Events([4.0, 30.0], [10.0, 10.0], ["face", "house"])
    return Run({"V1": Stream(values, times)}, {"events": events}, tr=2.0, entities={"run": "1"})


def fitted(**settings: object) -> np.ndarray:
    """Return what a small model predicts."""
    runs = [run()]
    return DRMRegressor(MODEL, **{"n_epochs": 1, **settings}).fit(runs).predict(runs)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", "5"), ("n_epochs", 1.5), ("n_epochs", -1), ("learning_rate", -1),
        ("learning_rate", float("nan")), ("learning_rate", "0.1"), ("window", -2.0),
        ("window", 0.0), ("alphas", -1.0), ("alphas", [1.0, float("inf")]), ("n_starts", 0),
        ("n_finish_passes", 0), ("n_validation_runs", "1"), ("random_state", -3),
        ("random_state", "0"), ("schedule", "fast"), ("finish", "adam"),
    ],
)  # fmt: skip
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        fitted(**{name: value})
    assert "\n" not in str(caught.value)


def test_settings_of_numpy_are_those_of_python() -> None:
    plain = fitted(n_epochs=2, learning_rate=0.5, random_state=3)
    same = fitted(
        n_epochs=np.int16(2), learning_rate=np.float64(0.5), random_state=np.uint8(3),
        n_validation_runs=np.int64(0),
    )  # fmt: skip
    np.testing.assert_array_equal(same, plain)


def test_without_a_seed_fits_are_the_same_and_with_random_numbers_they_differ() -> None:
    np.testing.assert_array_equal(fitted(), fitted(random_state=0))
    for kind in (np.random.RandomState, np.random.default_rng):
        source = kind(5)
        first, second = fitted(random_state=source), fitted(random_state=source)
        assert not np.array_equal(first, second)
        np.testing.assert_array_equal(first, fitted(random_state=kind(5)))


@pytest.mark.parametrize(
    "kind",
    [
        list,
        np.asfortranarray,
        lambda v: v.astype(">f4"),
        lambda v: v.astype(np.float64),
        torch.as_tensor,
        np.ma.masked_invalid,
        pd.DataFrame,
        lambda v: pd.DataFrame(v).convert_dtypes(),
        lambda v: np.repeat(v, 2, axis=0)[::2],
    ],
    ids=[
        "list",
        "fortran",
        "big-endian",
        "float64",
        "torch",
        "masked",
        "pandas",
        "nullable",
        "strided",
    ],
)
def test_arrays_of_every_kind_give_the_same_numbers(kind) -> None:
    wanted = GLMBaseline().fit([run()]).predict([run()])[0]
    given = kind(VALUES.copy())
    found = run(given)
    np.testing.assert_array_equal(GLMBaseline().fit([found]).predict([found])[0], wanted)


def test_what_is_masked_is_missing() -> None:
    masked = np.ma.array(VALUES, mask=np.zeros_like(VALUES, bool))
    masked[3, 1] = np.ma.masked
    table = pd.DataFrame(VALUES).astype("Float64")
    table.iloc[3, 1] = pd.NA
    for given in (masked, table):
        assert np.argwhere(np.isnan(run(given).responses["V1"].values)).tolist() == [[3, 1]]


def test_infinite_responses_and_stimuli_are_refused() -> None:
    values = VALUES.copy()
    values[5, 2] = np.inf
    with pytest.raises(DataError, match=r"column '2' at 10 s is inf; fill the gap, or let NaN"):
        run(values)
    for wrong in ([["a"]] * 40, VALUES.astype(complex)):
        with pytest.raises(DataError, match="real numbers are needed"):
            run(wrong)


def test_building_in_other_threads_moves_no_random_number() -> None:
    """Checks of a model draw the random numbers that all threads share."""
    spec, done = as_model(MODEL), threading.Event()

    def check() -> None:
        while not done.is_set():
            as_model(MODEL)

    other = threading.Thread(target=check)
    other.start()
    try:
        nets = [nets_of_starts(spec, [run()], [7])[0] for _ in range(25)]
    finally:
        done.set()
        other.join()
    weights = [net.population_list[0].weight.detach().numpy() for net in nets]
    assert all(np.array_equal(w, weights[0]) for w in weights)


def test_a_fitted_model_survives_joblib(tmp_path) -> None:
    estimator = DRMRegressor(MODEL, n_epochs=1, random_state=np.random.RandomState(0)).fit([run()])
    joblib.dump(estimator, tmp_path / "e.joblib")
    again = joblib.load(tmp_path / "e.joblib").predict([run()])[0]
    np.testing.assert_array_equal(again, estimator.predict([run()])[0])
