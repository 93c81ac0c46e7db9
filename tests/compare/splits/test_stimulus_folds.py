"""Folds over stimuli: no response to a held-out stimulus is trained on, and features generalise."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.splits.stimulus_folds import StimulusFolds
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.fold import Fold, whole_predictions
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, UsageError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.mean import MeanBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline
from drmbids.fit.estimators.transformers import SelectStimuli

N, NAMES = 150, ("cat", "dog", "owl", "bee", "elk")
scans = 2.0 * np.arange(N)
#: What is seen of each stimulus.
FEATURES = np.random.default_rng(1).normal(size=(len(NAMES), 2))


def make_run(k: int) -> Run:
    """Return a run of five stimuli, 50 s apart, whose responses follow their features."""
    rng = np.random.default_rng(k)
    order = rng.permutation(len(NAMES))
    onsets = 10.0 + 55.0 * np.arange(len(NAMES))
    events = Events(onsets, np.full(5, 6.0), [NAMES[i] for i in order], columns=NAMES)
    fine = np.arange(0.25, 300.0, 0.5)
    shown = np.zeros((len(fine), 2))
    for onset, i in zip(onsets, order, strict=True):
        shown[(fine >= onset) & (fine < onset + 6)] = FEATURES[i]
    stimuli = {"events": events, "features": Stream(shown, fine, columns=["x", "y"])}
    bare = Run({"V1": Stream(np.zeros((N, 1)), scans)}, stimuli, tr=2.0)
    names = ["features:x", "features:y"]
    design = GLMBaseline().fit([bare]).design_matrix(bare)[names].to_numpy()
    values = design @ [[1.0, -1.0, 0.5], [0.5, 1.0, 1.0]] + 0.1 * rng.normal(size=(N, 3))
    return replace(bare, responses={"V1": Stream(values, scans)}, entities={"run": str(k)})


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return [make_run(k) for k in range(3)]


def test_what_is_held_out_is_missing_in_training_and_all_that_is_tested(runs):
    folds = make_folds(runs, "stimulus")
    assert sorted(fold.label for fold in folds) == sorted(NAMES)
    for fold in folds:
        for before, train, test in zip(
            runs, fold.training_runs(runs), fold.test_runs(runs), strict=True
        ):
            events = before.stimuli["events"]
            onset = events.onsets[events.conditions.index(fold.label)]
            reached = (scans >= onset) & (scans < onset + 6 + 32)
            seen, asked = (np.isfinite(r.responses["V1"].values).all(1) for r in (train, test))
            np.testing.assert_array_equal(seen, ~reached)
            np.testing.assert_array_equal(asked, reached)


class Recorder(RidgeBaseline):
    """Fails on the first response that it must not see."""

    def _fit_runs(self, runs):
        assert not any((np.abs(r.responses["V1"].values) > 1e6).any() for r in runs)
        super()._fit_runs(runs)


def test_no_response_to_a_held_out_stimulus_reaches_a_fit(runs):
    """Responses to one stimulus become garbage: the fold that holds it out learns the same."""

    def planted(run: Run) -> Run:
        events = run.stimuli["events"]
        onset = events.onsets[events.conditions.index("owl")]
        reached = (scans >= onset) & (scans < onset + 6 + 32)
        values = np.where(reached[:, None], 1e9, run.responses["V1"].values)
        return replace(run, responses={"V1": Stream(values, scans)})

    fitted = []
    for some in (runs, [planted(run) for run in runs]):
        (fold,) = [f for f in make_folds(some, "stimulus") if f.label == "owl"]
        model = Recorder(delays=(2.0, 4.0, 6.0, 8.0)).fit(fold.training_runs(some))
        fitted.append(model.coef_)
    np.testing.assert_array_equal(*fitted)


def test_features_predict_new_stimuli_and_trial_types_do_not(runs):
    models = {
        "features": make_pipeline(SelectStimuli(["features"]), GLMBaseline()),
        "types": make_pipeline(SelectStimuli(["events"]), GLMBaseline()),
        "mean": MeanBaseline(),
    }
    results = compare_models(models, runs, cv="stimulus", log_likelihood=True)
    r2 = results.table.groupby("model")["r2"].mean()
    assert r2["features"] > 0.8
    assert r2["types"] < 0.1
    assert np.isfinite(results.table["log_likelihood"]).all()
    paired = paired_differences(results, "types").set_index(["model", "score"])
    assert paired.loc[("features", "r2"), "fold_mean"] > 0.5
    # folds have the samples that they were trained and tested on
    sizes = results.folds.groupby(["fold", "part"])["n_measured"].sum().unstack()
    assert (sizes["train"] + sizes["test"] == 3 * N).all()
    with pytest.raises(UsageError, match="folds over stimuli have no permutation test"):
        permutation_test(results, runs, 9)


def test_statistics_go_without_what_needs_whole_runs(runs):
    again = replace(runs[1], stimuli=runs[0].stimuli)
    results = compare_models({"mean": MeanBaseline()}, [runs[0], again], cv="stimulus")
    found = comparison_statistics(results, [runs[0], again], n_permutations=0)
    assert found.ceiling is not None and found.normalised is None


def test_predictions_of_a_sample_come_from_the_folds_that_tested_it(runs):
    folds = make_folds(runs, StimulusFolds(reach=10.0))
    parts = {r.label: np.full((N, 1), k) for k, f in enumerate(folds) for r in f.test_runs(runs)}
    for k, whole in enumerate(whole_predictions(parts, folds, runs)):
        wanted = np.full(N, np.nan)
        for number, fold in enumerate(folds):  # 55 s apart: no sample is tested twice
            wanted[fold.tested[k].within(scans)] = number
        np.testing.assert_array_equal(whole[:, 0], wanted)
    double = [Fold("a", (1,), (0,)), Fold("b", (2,), (0,))]
    (first, second, _) = whole_predictions({"run-0": np.ones((N, 1))}, double, runs)
    assert (first == 1).all() and np.isnan(second).all()


def test_groups_are_about_equal_and_no_stimulus_is_in_two(runs):
    folds = StimulusFolds(n_folds=2).folds(runs)
    members = [set(fold.label.split("+")) for fold in folds]
    assert members[0] | members[1] == set(NAMES) and not members[0] & members[1]
    assert sorted(map(len, members)) == [2, 3]


def test_a_shorter_reach_leaves_more_to_train_on(runs):
    long, short = (StimulusFolds(reach=reach).folds(runs)[0] for reach in (32.0, 10.0))
    short, long = (fold.trained[0].within(scans).sum() for fold in (short, long))
    assert short == long + 11


def test_a_run_without_the_stimulus_is_trained_on_whole(runs):
    events = Events([10.0], [6.0], ["cat"], columns=NAMES)
    other = replace(runs[0], stimuli={"events": events}, entities={"run": "x"})
    (fold,) = [f for f in make_folds([*runs, other], "stimulus") if f.label == "dog"]
    assert fold.train == (0, 1, 2, 3) and fold.test == (0, 1, 2) and 3 not in fold.trained


@pytest.mark.parametrize(
    ("folds", "error", "match"),
    [
        (StimulusFolds(stimulus="none"), DataError, "needs two or more, found none"),
        (StimulusFolds(stimulus="features"), DataError, "run-0: stimulus 'features' is sampled"),
        (
            StimulusFolds(reach=300.0),
            DataError,
            "nothing is left to train on; hold out whole runs",
        ),
        (StimulusFolds(n_folds=6), UsageError, "n_folds must be from 2 to 5"),
        (StimulusFolds(reach=-1.0), UsageError, "reach must be a finite number of 0 or more"),
    ],
)
def test_what_cannot_be_done_is_refused(runs, folds, error, match):
    first = [replace(run, entities=run.entities) for run in runs]
    if folds.reach == 300.0:  # the first stimulus of every run is the same
        first = [
            replace(r, stimuli={**r.stimuli, "events": runs[0].stimuli["events"]}) for r in runs
        ]
    with pytest.raises(error, match=match):
        compare_models({"glm": GLMBaseline(nuisance=Nuisance())}, first, cv=folds)
