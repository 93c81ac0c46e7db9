"""Folds of whole runs, the same for all models, and no way to see what is held out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, LeaveOneOut, ShuffleSplit

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.units import Units
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import SCORE_COLUMNS
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import (
    DataError,
    DataWarning,
    TrainingError,
    TrainingWarning,
    UsageError,
)
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.estimators.base import RunEstimator
from drmbids.fit.estimators.drm import DRMRegressor
from drmbids.maths.metrics.scores import score_run

TIMES = 2.0 * np.arange(80)
N_TARGETS = 4


def make_run(k: int, events_seed: int | None = None, **entities: str) -> Run:
    """Return a run driven by events; other events than it shows if ``events_seed`` is given."""
    shown = events_of(k)
    driver = shown if events_seed is None else events_of(events_seed)
    bare = Run({"V1": Stream(np.zeros((80, N_TARGETS)), TIMES)}, {"events": driver}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    rng = np.random.default_rng(1000 + k)
    signal = design @ np.linspace([1.0] * 2, [-1.0, 2.0], N_TARGETS).T
    values = signal + 0.3 * rng.normal(size=signal.shape) + k * TIMES[:, None]
    responses = {"V1": Stream(values[:, :3], TIMES), "V2": Stream(values[:, 3:], TIMES)}
    return Run(responses, {"events": shown}, tr=2.0, entities=entities or {"run": str(k)})


def events_of(seed: int) -> Events:
    rng = np.random.default_rng(seed)
    onsets = np.sort(rng.uniform(0, 140, 10))
    return Events(onsets, np.full(10, 4.0), [("a", "b")[i] for i in rng.permutation(10) % 2])


def make_runs(n: int = 4) -> list[Run]:
    return [make_run(k) for k in range(n)]


class Recorder(RunEstimator):
    """Predict the mean stimulus; remember what was seen, and refuse to see held-out values."""

    def _fit_runs(self, runs: Sequence[Run]) -> None:
        self.trained_on_ = [run.label for run in runs]
        assert all(np.isfinite(s.values).all() for run in runs for s in run.responses.values())

    def _predict_run(self, run: Run) -> np.ndarray:
        assert run.label not in self.trained_on_
        assert all(np.isnan(s.values).all() for s in run.responses.values())
        return np.tile(np.sin(run.measured_times())[:, None], (1, N_TARGETS))


class Failing(RunEstimator):
    """Fail in training."""

    def _fit_runs(self, runs: Sequence[Run]) -> None:
        raise TrainingError("the loss is not finite")

    def _predict_run(self, run: Run) -> np.ndarray:
        raise AssertionError("never fitted")


def test_scores_are_those_of_fitting_by_hand():
    runs = make_runs()
    results = compare_models({"glm": GLMBaseline()}, runs)
    assert tuple(results.table.columns) == SCORE_COLUMNS
    assert len(results.table) == len(runs) * N_TARGETS
    for k, run in enumerate(runs):
        model = GLMBaseline().fit(runs[:k] + runs[k + 1 :])
        predicted = model.predict([run])[0]
        expected = score_run(run, predicted, {"V1": 3, "V2": 1}, Nuisance())
        found = results.table[results.table["fold"] == run.label]
        np.testing.assert_allclose(found[["r", "r2"]], expected[["r", "r2"]])
        assert found["region"].tolist() == ["V1"] * 3 + ["V2"]
        np.testing.assert_array_equal(results.predictions["glm"][run.label], predicted)
    assert results.estimators == {}
    assert results.table["r"].median() > 0.7


def test_no_run_is_trained_on_and_held_out_and_none_shows_its_values():
    runs = make_runs()
    results = compare_models({"m": Recorder()}, runs, return_estimators=True)
    for run in runs:
        others = [other.label for other in runs if other is not run]
        assert results.estimators["m"][run.label].trained_on_ == others


def test_responses_of_other_stimuli_are_at_chance():
    runs = [make_run(k, events_seed=500 + k) for k in range(12)]
    scores = compare_models({"glm": GLMBaseline()}, runs).table
    assert abs(scores["r"].mean()) < 0.1
    assert scores["r2"].mean() < 0.02


def test_a_fit_does_not_touch_the_model_given():
    model = GLMBaseline()
    compare_models({"glm": model}, make_runs(2))
    assert not hasattr(model, "coef_")
    assert clone(model).get_params() == model.get_params()


def test_all_models_meet_the_same_folds_also_of_a_random_splitter():
    models = {"one": Recorder(), "two": Recorder()}
    results = compare_models(
        models, make_runs(6), cv=KFold(3, shuffle=True), return_estimators=True
    )
    one, two = (results.estimators[name] for name in models)
    assert list(one) == list(two)
    assert all(one[fold].trained_on_ == two[fold].trained_on_ for fold in one)


def test_scoring_nuisance_is_one_for_all_models():
    runs = make_runs()
    models = {"linear": GLMBaseline(nuisance=Nuisance(order=1)), "plain": GLMBaseline()}
    given = compare_models(models, runs, nuisance=Nuisance(order=0)).table
    default = compare_models(models, runs).table
    assert (given["r"] < default["r"]).mean() > 0.7
    assert default.groupby("model")["r"].median().min() > 0.7


def test_sessions_and_subjects_are_held_out_whole():
    runs = [
        make_run(4 * s + 2 * e + r, subject=str(s), session=str(e), run=str(r))
        for s in range(2) for e in range(2) for r in range(2)
    ]  # fmt: skip
    sessions = compare_models({"m": Recorder()}, runs, cv="session", return_estimators=True)
    assert list(sessions.estimators["m"]) == [
        "sub-0_ses-0", "sub-0_ses-1", "sub-1_ses-0", "sub-1_ses-1",
    ]  # fmt: skip
    assert sorted(sessions.predictions["m"]) == sorted(run.label for run in runs)
    trained = sessions.estimators["m"]["sub-0_ses-1"].trained_on_
    assert len(trained) == 6
    assert not any(label.startswith("sub-0_ses-1") for label in trained)
    folds = make_folds(runs, "subject")
    assert [(fold.label, fold.test) for fold in folds] == [
        ("sub-0", (0, 1, 2, 3)),
        ("sub-1", (4, 5, 6, 7)),
    ]
    assert [fold.test for fold in make_folds(runs, GroupKFold(2))] in (
        [(0, 1, 2, 3), (4, 5, 6, 7)],
        [(4, 5, 6, 7), (0, 1, 2, 3)],
    )


def test_a_fold_of_several_runs_has_the_mean_of_their_scores():
    runs = make_runs()
    table = compare_models({"glm": GLMBaseline()}, runs, cv=[([0, 1], [2, 3])]).table
    model = GLMBaseline().fit(runs[:2])
    each = [
        score_run(run, series, {"V1": 3, "V2": 1}, Nuisance())
        for run, series in zip(runs[2:], model.predict(runs[2:]), strict=True)
    ]
    assert table["fold"].unique().tolist() == ["run-2+run-3"]
    np.testing.assert_allclose(table["r"], (each[0]["r"] + each[1]["r"]) / 2)
    np.testing.assert_allclose(table["r2"], (each[0]["r2"] + each[1]["r2"]) / 2)
    assert table["target"].tolist() == [0, 1, 2, 0]


@pytest.mark.parametrize("cv", [LeaveOneOut(), 4, "run"])
def test_ways_to_leave_one_run_out(cv):
    runs = make_runs()
    assert [fold.test for fold in make_folds(runs, cv)] == [(0,), (1,), (2,), (3,)]
    assert [fold.label for fold in make_folds(runs, cv)] == [run.label for run in runs]


def test_progress_is_told_after_each_fit():
    told = []
    models = {"one": Recorder(), "two": Recorder()}
    compare_models(models, make_runs(2), on_fold=lambda *what: told.append(what))
    assert told == [
        ("one", "run-0", 1, 4),
        ("one", "run-1", 2, 4),
        ("two", "run-0", 3, 4),
        ("two", "run-1", 4, 4),
    ]


def test_fits_that_fail_are_named_and_cost_no_other():
    runs, models = make_runs(2), {"good": GLMBaseline(), "bad": Failing()}
    message = r"fit failed, .*model 'bad', fold 'run-\d': the loss is not finite"
    with pytest.warns(TrainingWarning, match=message) as told:
        found = compare_models(models, runs, log_likelihood=True, return_estimators=True)
    assert len(told) == 2
    good = found.table[found.table["model"] == "good"].reset_index(drop=True)
    alone = compare_models({"good": GLMBaseline()}, runs, log_likelihood=True)
    pd.testing.assert_frame_equal(good, alone.table)
    assert found.table[found.table["model"] == "bad"][found.scores].isna().all(axis=None)
    assert list(found.failures) == [("bad", "run-0"), ("bad", "run-1")]
    summary = comparison_statistics(found, runs, "good", n_permutations=9).summary
    counts = summary.groupby("model")[["n_folds", "n_folds_left_out"]].max()
    assert counts.to_dict("index") == {
        "good": {"n_folds": 2, "n_folds_left_out": 0},
        "bad": {"n_folds": 0, "n_folds_left_out": 2},
    }
    with pytest.raises(TrainingError, match="model 'bad', fold 'run-0': the loss is not finite"):
        compare_models({"bad": Failing()}, runs)


class FailingOnce(GLMBaseline):
    """Fail in the fold that is not trained on the first run."""

    def _fit_runs(self, runs: list[Run]) -> None:
        if runs[0].label != "run-0":
            raise TrainingError("the loss is not finite")
        super()._fit_runs(runs)


def test_a_fold_that_failed_is_in_no_mean_and_is_kept_on_disk(tmp_path):
    runs = make_runs(4)
    models, units = {"good": GLMBaseline(), "once": FailingOnce()}, Units(tmp_path)
    tables = []
    for _ in range(2):  # fitted, then read from disk
        with pytest.warns(TrainingWarning, match="model 'once', fold 'run-0'"):
            found = compare_models(models, runs, units=units)
        tables.append(found.table)
        assert list(found.failures) == [("once", "run-0")]
    pd.testing.assert_frame_equal(*tables)
    good, once = (found.table[found.table["model"] == m].set_index("fold") for m in models)
    others = ["run-1", "run-2", "run-3"]
    np.testing.assert_array_equal(good.loc[others, "r"], once.loc[others, "r"])
    paired = paired_differences(found, "good")
    assert (paired["n_folds"] == 3).all() and (paired["fold_mean"] == 0).all()
    permuted = permutation_test(found, runs, 9).set_index("model")["r"]
    expected = once.groupby(["region", "target"])["r"].mean()
    np.testing.assert_allclose(np.sort(permuted["once"]), np.sort(expected))


def recorder(calls: list) -> Callable[..., None]:
    return lambda *call: calls.append(call)


def test_fits_at_once_give_the_same_scores_in_the_same_order():
    runs = make_runs(3)
    models = {
        "glm": GLMBaseline(),
        "one": DRMRegressor(n_epochs=2),
        "two": DRMRegressor(n_epochs=2, random_state=1, learning_rate=0.1),
        "three": DRMRegressor(n_epochs=1),
    }
    alone = compare_models(models, runs)
    for at_once in (3, 100):
        calls = []
        options = {"n_models_at_once": at_once, "on_fold": recorder(calls)}
        together = compare_models(models, runs, **options)
        keys = ["model", "fold", "region", "target"]
        assert together.table[keys].equals(alone.table[keys])
        np.testing.assert_allclose(together.table["r"], alone.table["r"], atol=2e-3)
        assert [call[2:] for call in calls] == [(i, 12) for i in range(1, 13)]


def test_no_fits_at_once_are_refused():
    with pytest.raises(UsageError, match="n_models_at_once must be an integer, 1 or more, got 0"):
        compare_models({"glm": GLMBaseline()}, make_runs(), n_models_at_once=0)


def test_runs_need_a_label_of_their_own_and_company():
    with pytest.raises(DataError, match="needs two or more, found only"):
        compare_models({"glm": GLMBaseline()}, make_runs(1), cv="run")
    with pytest.raises(DataError, match="several runs are called 'run-0'"):
        compare_models({"glm": GLMBaseline()}, [make_run(0), make_run(0)])
    with pytest.raises(UsageError, match="no model"):
        compare_models({}, make_runs(2))


@pytest.mark.parametrize(
    ("cv", "error", "message"),
    [
        (7, DataError, "cv=7 is a number of folds, which must be from 2 to the number of runs, 4"),
        ("session", DataError, "run-0: cv='session' .* this run has no subject in its name"),
        (
            "trial",
            UsageError,
            "cv must be auto, run, .*, blocks, stimulus, none, .*, got 'trial'",
        ),
        ([([0, 1], [1, 2])], UsageError, "a run is in training and test"),
        ([([0, 1], [2]), ([0, 3], [2])], UsageError, "'run-2': a run is held out twice"),
        (ShuffleSplit(9, random_state=0), UsageError, "held out twice"),
        ([([], [2])], UsageError, "fold 0 of cv has no training runs"),
        ([([0], [])], UsageError, "fold 0 of cv has no test runs"),
    ],
)
def test_folds_that_leak_or_cannot_be_are_refused(cv, error, message):
    with pytest.raises(error, match=message):
        make_folds(make_runs(), cv)


def test_one_subject_cannot_be_left_out():
    runs = [make_run(k, subject="1", run=str(k)) for k in range(3)]
    with pytest.raises(DataError, match=r"needs two or more.*add runs"):
        make_folds(runs, "subject")


def test_constant_targets_have_no_score_and_change_no_other():
    runs = make_runs(3)
    flat = []
    for run in runs:
        values = run.responses["V1"].values.copy()
        values[:, 1] = 4.0
        flat.append(replace(run, responses={**run.responses, "V1": Stream(values, TIMES)}))
    found = compare_models({"glm": GLMBaseline()}, flat).table
    plain = compare_models({"glm": GLMBaseline()}, runs).table
    gone = (found["region"] == "V1") & (found["target"] == 1)
    assert found.loc[gone, ["r", "r2"]].isna().all(axis=None)
    np.testing.assert_allclose(found.loc[~gone, "r2"], plain.loc[~gone, "r2"])


def test_a_run_of_which_nuisance_leaves_nothing_is_in_no_fold():
    runs = make_runs()
    hidden = {name: Stream(s.values.copy(), s.times) for name, s in runs[1].responses.items()}
    for name, stream in hidden.items():
        hidden[name] = Stream(np.where(np.arange(80)[:, None] < 4, stream.values, np.nan), TIMES)
    scrubbed = [runs[0], replace(runs[1], responses=hidden), *runs[2:]]
    models = {"glm": GLMBaseline(), "mean": MeanBaseline()}
    with pytest.warns(DataWarning, match="run left out: run-1: 3 drift and confound columns leave"):
        found = compare_models(models, scrubbed)
    expected = compare_models(models, [runs[0], *runs[2:]])
    pd.testing.assert_frame_equal(found.table, expected.table)
    pd.testing.assert_frame_equal(found.folds, expected.folds)
    alone = pytest.raises(DataError, match="run-1: drift and confounds leave nothing of it, and")
    with alone, pytest.warns(DataWarning):
        compare_models(models, scrubbed[:2])
