"""Models compared on one run: nothing of a held-out block is learned, and chance is chance."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.likelihood import with_log_likelihood
from drmbids.compare.splits.folds import make_folds
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.parts import partition_conditions
from drmbids.data.runs.fold import whole_predictions
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.ridge import RidgeBaseline

N, TR = 160, 2.0
scans = TR * np.arange(N)
GUARDED = BlockFolds(guard=16.0)
WEIGHTS = np.random.default_rng(9).normal(size=(2, 6))


def make_run(seed: int = 0, noise: float = 1.0, gain: float = 6.0, label: str = "1") -> Run:
    """Return a run of events every 12 s, with motion and drift, whose responses are the GLM's."""
    rng = np.random.default_rng(seed)
    onsets = 4.0 + 12.0 * np.arange(26) + rng.uniform(-2, 2, 26)
    names = [str(n) for n in rng.permutation(["face", "house"] * 13)]
    motion = Stream(np.cumsum(rng.normal(size=(N, 2)), axis=0), scans)
    events = Events(onsets, np.full(26, 4.0), names, columns=("face", "house"))
    bare = Run({"V1": Stream(np.zeros((N, 1)), scans)}, {"events": events}, motion, tr=TR)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    values = gain * design @ WEIGHTS + noise * rng.normal(size=(N, 6))
    values += motion.values @ rng.normal(size=(2, 6)) + 4.0 * np.cos(scans / 60)[:, None] + 100.0
    return replace(bare, responses={"V1": Stream(values, scans)}, entities={"run": label})


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run()


def test_one_run_is_held_out_block_by_block_and_predicted_well(run):
    results = compare_models({"glm": GLMBaseline()}, [run], cv="auto")
    assert results.table["fold"].unique().tolist() == [f"block-{k}" for k in (1, 2, 3, 4)]
    assert results.per_target()["r"].median() > 0.6
    assert [*results.predictions["glm"]] == [f"run-1_block-{k}" for k in (1, 2, 3, 4)]
    # without noise little is left to get wrong: what shrinkage leaves of motion
    still = make_run(noise=0.0)
    perfect = compare_models({"glm": GLMBaseline()}, [still]).table
    assert perfect["r"].median() > 0.98


@pytest.mark.parametrize("cv", ["auto", "run"])
def test_two_runs_or_more_are_held_out_whole(run, cv):
    results = compare_models({"glm": GLMBaseline()}, [run, make_run(1, label="2")], cv=cv)
    assert results.table["fold"].unique().tolist() == ["run-1", "run-2"]


def test_what_is_held_out_or_guarded_decides_no_prediction(run):
    """Garbage where a fold holds out or guards: its prediction and nuisance stay as they were."""
    fold = GUARDED.folds([run])[1]
    hidden = ~fold.trained[0].within(scans)
    values = np.where(hidden[:, None], 1e7, run.responses["V1"].values)
    planted = replace(run, responses={"V1": Stream(values, scans)})
    models = {"glm": GLMBaseline(), "ridge": RidgeBaseline(delays=(4.0, 6.0, 8.0))}
    first, second = (compare_models(models, [one], cv=GUARDED) for one in (run, planted))
    for model in models:
        label = "run-1_block-2"
        np.testing.assert_array_equal(
            first.predictions[model][label], second.predictions[model][label]
        )


def test_several_runs_lose_the_same_block_and_train_on_all_others(run):
    runs = [run, make_run(1, label="2")]
    results = compare_models({"glm": GLMBaseline()}, runs, cv=GUARDED)
    rows = results.folds[results.folds["fold"] == "block-1"]
    assert rows["run"].tolist() == ["run-1", "run-2", "run-1_block-1", "run-2_block-1"]
    assert rows["n_measured"].tolist() == [113, 113, 40, 40]
    assert results.per_target()["r"].median() > 0.6
    folds = make_folds(runs, GUARDED)
    for whole, one in zip(
        whole_predictions(results.predictions["glm"], folds, runs), runs, strict=True
    ):
        assert np.isfinite(whole).all()
        block = results.predictions["glm"][f"{one.label}_block-3"]
        np.testing.assert_array_equal(whole[80:120], block[80:120])


def test_shuffled_stimuli_predict_at_chance(make_runs, ridge):
    """Autocorrelated series and stimuli that have nothing to do with them: r is 0 on average."""
    rng, r = np.random.default_rng(0), []
    (first,) = make_runs(1, 0, np.full((3, 40), 0.4), n_times=160, phi=0.8)
    for _ in range(20):
        shown = first.stimuli["features"]
        shuffled = replace(shown, values=rng.permutation(shown.values))
        found = compare_models(
            {"m": ridge()}, [replace(first, stimuli={"features": shuffled})], cv="blocks"
        )
        r.append(found.table["r"].mean())
    assert abs(np.mean(r)) < 2 * np.std(r, ddof=1) / np.sqrt(20)
    assert compare_models({"m": ridge()}, [first]).table["r"].mean() > 0.3


def test_statistics_of_blocks(run):
    models = {"glm": GLMBaseline(), "face": RidgeBaseline(delays=(30.0,))}
    results = compare_models(models, [run], log_likelihood=True)
    kept = compare_models(models, [run], return_estimators=True)
    again = with_log_likelihood(kept, [run]).table["log_likelihood"]
    np.testing.assert_allclose(results.table["log_likelihood"], again)
    paired = paired_differences(results, "face").set_index("score")
    sizes = results.folds.groupby("part")["n_measured"].sum()
    expected = paired_differences(results, "face", sizes["test"] / sizes["train"])
    pd.testing.assert_frame_equal(paired.reset_index(), expected[paired.reset_index().columns])
    assert paired.loc["r", "n_folds"] == 4 and paired.loc["r", "p"] < 0.05
    found = comparison_statistics(results, [run], "face", n_permutations=0)
    assert found.ceiling is None and found.summary["n_folds"].tolist() == [4, 4]


def test_parts_of_the_variance_add_up_to_that_of_the_blocks(run):
    parts = partition_conditions(GLMBaseline(), [run], cv=GUARDED)
    whole = compare_models({"glm": GLMBaseline()}, [run], cv=GUARDED).per_target()["r2"]
    for measure in ("unique", "product"):
        total = parts[parts["measure"] == measure].groupby("target")["r2"].sum()
        np.testing.assert_allclose(total, whole, atol=1e-9)


def test_repeats_of_a_stimulus_have_ceilings_under_blocks(run):
    again = replace(make_run(3, label="2"), stimuli=run.stimuli)
    results = compare_models({"glm": GLMBaseline()}, [run, again], cv=GUARDED)
    found = comparison_statistics(results, [run, again], n_permutations=0)
    assert found.normalised["repeats"].unique().tolist() == [
        f"run-1_block-{k}+run-2_block-{k}" for k in (1, 2, 3, 4)
    ]


def test_no_cross_validation_scores_in_sample(run):
    results = compare_models({"glm": GLMBaseline()}, [run], cv="none")
    assert results.table["fold"].unique().tolist() == ["in-sample"]
    own = GLMBaseline().fit([run]).score([run])
    assert results.table["r2"].mean() == pytest.approx(own)
    assert results.predictions["glm"].keys() == {"run-1"}


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ("run", r"needs two or more, found only run-1; add runs, or .*cv='blocks'"),
        (2, "needs 2 or more, found 1; add runs, or .*cv='blocks'"),
        (BlockFolds(9, 32.0), "160 measured volumes are too few for 9 blocks|leave nothing"),
    ],
)
def test_what_one_run_cannot_give_is_said(run, cv, match):
    confounds = Stream(np.random.default_rng(0).normal(size=(N, 110)), scans)
    with pytest.raises(DataError, match=match):
        compare_models({"glm": GLMBaseline()}, [replace(run, confounds=confounds)], cv=cv)


def test_nuisance_that_leaves_nothing_of_the_training_scans_is_refused_before_training(run):
    confounds = Stream(np.random.default_rng(0).normal(size=(N, 120)), scans)
    with pytest.raises(DataError, match=r"without block-1: 12\d drift and confound columns leave"):
        compare_models({"glm": GLMBaseline()}, [replace(run, confounds=confounds)])
