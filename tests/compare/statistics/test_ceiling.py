"""Repeats are found, their ceiling is the one simulated, and no model may have met them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import PredefinedSplit

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.statistics.ceiling import noise_ceiling, normalised_scores, repeat_groups
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError

TIMES = 2.0 * np.arange(400)
SHARES = np.array([0.7, 0.4, 0.0])


def make_run(film: int, k: int, **entities: str) -> Run:
    """Return a run of one of several films, with the share of signal in the three targets."""
    features = np.random.default_rng(film).normal(size=(len(TIMES), 3))
    rng = np.random.default_rng([film, k, 1])
    noise = np.sqrt(1 - SHARES) * rng.normal(size=(len(TIMES), 3))
    values = np.sqrt(SHARES) * features + noise + 0.01 * TIMES[:, None] * rng.normal() + 500.0
    responses = {"V1": Stream(values[:, :2], TIMES), "V2": Stream(values[:, 2:], TIMES)}
    entities = {"subject": "1", "run": f"{film}{k}"} | entities
    return Run(responses, {"features": Stream(features, TIMES)}, tr=2.0, entities=entities)


def films(n_films: int = 3, n_repeats: int = 3) -> list[Run]:
    return [make_run(film, k) for k in range(n_repeats) for film in range(n_films)]


def test_repeats_are_runs_with_equal_stimuli():
    events = [Events([1.0, t], [1.0, 1.0], ["a", "b"]) for t in (5.0, 5.0, 5.1)]
    runs = [Run({}, {"events": e}, duration=20.0) for e in events]
    assert repeat_groups(runs).tolist() == [0, 0, 1]
    longer = Events([1.0, 5.0], [1.0, 2.0], ["a", "b"])
    louder = Events([1.0, 5.0], [1.0, 1.0], ["a", "b"], amplitudes=[1.0, 2.0])
    swapped = Events([1.0, 5.0], [1.0, 1.0], ["b", "a"])
    fewer = Events([1.0], [1.0], ["a"], columns=["a", "b"])
    sampled = Stream(np.zeros((2, 2)), [0.0, 1.0], columns=["a", "b"])
    kinds = [events[0], longer, louder, swapped, fewer, sampled]
    runs = [Run({}, {"events": e}, duration=20.0) for e in kinds]
    more = [Run({}, {"events": events[0], "more": sampled}, duration=20.0), Run({}, duration=20.0)]
    assert repeat_groups([*runs, *more, more[1]]).tolist() == list(range(9))
    assert repeat_groups(films(2, 2)).tolist() == [0, 1, 0, 1]


def test_runs_of_two_subjects_are_no_repeats():
    runs = [make_run(0, k, subject=str(s), acquisition="x") for s in (1, 2) for k in (0, 1)]
    assert repeat_groups(runs).tolist() == [0, 0, 1, 1]
    assert repeat_groups(runs, "acquisition").tolist() == [0, 0, 1, 1]
    assert repeat_groups(runs, ["a", "b", "a", "a"]).tolist() == [0, 1, 2, 2]


def test_the_ceiling_is_the_one_simulated():
    table = noise_ceiling(films(n_films=2, n_repeats=5))
    assert table["repeats"].unique().tolist() == [
        "+".join(f"sub-1_run-{film}{k}" for k in range(5)) for film in range(2)
    ]
    assert (table["n_repeats"] == 5).all()
    assert table["region"].tolist() == ["V1", "V1", "V2"] * 2
    assert table["target"].tolist() == [0, 1, 0] * 2
    expected = np.tile(SHARES, 2)
    np.testing.assert_allclose(table["signal_power"], expected, atol=0.1)
    np.testing.assert_allclose(table["explainable_variance"], expected, atol=0.06)
    positive = np.maximum(table["explainable_variance"], 0.0)
    np.testing.assert_allclose(table["r_ceiling"], np.sqrt(positive))
    np.testing.assert_allclose(table["split_half"], 5 * expected / (1 + 4 * expected), atol=0.12)


def test_drift_left_in_is_taken_for_signal_or_noise():
    runs = films(n_films=1, n_repeats=2)
    clean = noise_ceiling(runs)["explainable_variance"]
    dirty = noise_ceiling(runs, nuisance=Nuisance(order=0))["explainable_variance"]
    assert (clean - dirty).abs().max() > 0.2


def test_a_true_model_reaches_the_ceiling_and_one_after_normalisation(ridge):
    runs = films(n_films=4, n_repeats=4)
    folds = PredefinedSplit(repeat_groups(runs)).split()
    results = compare_models({"true": ridge(), "one": ridge(columns=(0,))}, runs, cv=folds)
    ceiling = noise_ceiling(runs).groupby(["region", "target"])["r_ceiling"].mean()
    r = results.per_target().set_index(["model", "region", "target"])["r"]
    np.testing.assert_allclose(r["true"][:2], ceiling[:2], atol=0.05)
    table = normalised_scores(results, runs)
    assert len(table) == 2 * 4 * 3
    assert (table["n_repeats"] == 4).all()
    found = table.groupby(["model", "region", "target"])["r_normalised"].mean()
    np.testing.assert_allclose(found["true"][:2], 1.0, atol=0.03)
    assert found["one"]["V1", 0] == pytest.approx(1.0, abs=0.03)
    assert abs(found["one"]["V1", 1]) < 0.15


def test_a_model_that_has_met_the_repeats_is_refused(ridge):
    runs = films(n_films=2, n_repeats=2)
    results = compare_models({"m": ridge()}, runs)
    with pytest.raises(UsageError, match="were not held out together"):
        normalised_scores(results, runs)
    half = compare_models({"m": ridge()}, runs, cv=[([0, 2, 3], [1])])
    with pytest.raises(UsageError, match="were not held out together"):
        normalised_scores(half, runs)


def test_repeats_that_were_never_held_out_are_passed_over(ridge):
    runs = films(n_films=2, n_repeats=2)
    results = compare_models({"m": ridge()}, runs, cv=[([0, 2], [1, 3])])
    table = normalised_scores(results, runs)
    assert table["repeats"].unique().tolist() == ["sub-1_run-10+sub-1_run-11"]


def test_missing_volumes_are_left_out_of_all_repeats(ridge):
    runs = films(n_films=2, n_repeats=3)
    values = runs[0].responses["V1"].values.copy()
    values[:100, 1] = np.nan
    streams = dict(runs[0].responses) | {"V1": Stream(values, TIMES)}
    runs[0] = Run(streams, runs[0].stimuli, tr=2.0, entities=runs[0].entities)
    table = noise_ceiling(runs)
    np.testing.assert_allclose(table["explainable_variance"], np.tile(SHARES, 2), atol=0.12)
    results = compare_models({"m": ridge()}, runs, cv=PredefinedSplit(repeat_groups(runs)).split())
    assert normalised_scores(results, runs)["r_normalised"].iloc[[0, 1]].notna().all()


def test_what_repeats_nothing_is_refused():
    runs = films(n_films=2, n_repeats=1)
    with pytest.raises(DataError, match="no stimulus is repeated in 2 runs"):
        noise_ceiling(runs)
    with pytest.raises(DataError, match="no entity 'acquisition'"):
        noise_ceiling(runs, by="acquisition")
    with pytest.raises(UsageError, match="1 labels of stimuli for 2 runs"):
        noise_ceiling(runs, by=["x"])
    short = Run(
        {name: Stream(s.values[:-1], TIMES[:-1]) for name, s in runs[1].responses.items()},
        runs[0].stimuli, tr=2.0, entities={"subject": "1", "run": "short"},
    )  # fmt: skip
    with pytest.raises(DataError, match="399 volumes at other times than the 400"):
        noise_ceiling([runs[0], short])


def test_labels_say_what_equal_numbers_do_not():
    runs = films(n_films=1, n_repeats=2)
    jittered = Run(runs[1].responses, {}, tr=2.0, entities=runs[1].entities)
    by_label = noise_ceiling([runs[0], jittered], by=["film", "film"])
    pd.testing.assert_frame_equal(by_label, noise_ceiling(runs))
