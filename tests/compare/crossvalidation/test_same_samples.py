"""All scores of a row are over the same folds, runs and targets, and none is a number without one.

The truth is worked out by plain numpy, or follows from how the data were made.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from drmbids.app.report.group_tables import model_selection, participant_scores
from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.held_out import held_out_series
from drmbids.compare.crossvalidation.likelihood import with_log_likelihood
from drmbids.compare.crossvalidation.unscored import warn_of_unscored
from drmbids.compare.splits.time_blocks import BlockFolds
from drmbids.compare.statistics.ceiling import noise_ceiling, repeat_groups
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import corrected_t, paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Events, Stream
from drmbids.data.tools.exceptions import DataError, DataWarning
from drmbids.fit.baselines.glm import GLMBaseline
from drmbids.fit.baselines.mean import MeanBaseline

TIMES = 2.0 * np.arange(60)


def make_run(k: int, empty: bool = False, seed: int = 0) -> Run:
    """Return a run driven by events, or one of rest with an empty list of events."""
    rng = np.random.default_rng([seed, k])
    onsets = np.sort(rng.uniform(0, 100, 8))
    events = Events(onsets, np.full(8, 4.0), [("a", "b")[i % 2] for i in range(8)])
    bare = Run({"V1": Stream(np.zeros((60, 4)), TIMES)}, {"events": events}, tr=2.0)
    design = GLMBaseline().fit([bare]).design_matrix(bare).to_numpy()
    values = rng.normal(size=(60, 4)) + 3 * (not empty) * design @ [[1.0, 2, 0, 1], [2.0, 1, 1, 0]]
    shown = Events([], [], (), columns=("a", "b")) if empty else events
    return Run({"V1": Stream(values, TIMES)}, {"events": shown}, tr=2.0, entities={"run": str(k)})


def resting_runs() -> list[Run]:
    return [make_run(k, empty=k > 2) for k in range(5)]


MODELS = {"glm": GLMBaseline(), "mean": MeanBaseline()}


@pytest.fixture(scope="module")
def with_rest() -> tuple[list[Run], Results]:
    """Return runs of which two show nothing, and the scores of a model that then predicts zero."""
    runs = resting_runs()
    told = r"glm, V1: 2 of 5 folds have no score.*no mean over folds, of this.*: run-3, run-4"
    with pytest.warns(DataWarning, match=told):
        return runs, compare_models(MODELS, runs, log_likelihood=True)


def test_a_fold_without_one_score_is_in_no_mean(with_rest):
    runs, results = with_rest
    with pytest.warns(DataWarning):
        alone = compare_models(MODELS, runs, log_likelihood=True)
    pd.testing.assert_frame_equal(results.table, alone.table)
    scores = results.table[results.table["model"] == "glm"].set_index("fold")[results.scores]
    assert scores.loc[["run-3", "run-4"]].isna().all(axis=None)
    assert scores.loc[["run-0", "run-1", "run-2"]].notna().all(axis=None)
    missing = results.unscored().to_dict("records")
    head = {"model": "glm", "region": "V1", "n_targets": 4, "n_unscored": 4}
    assert missing == [head | {"fold": fold} for fold in ("run-3", "run-4")]


def test_the_summary_counts_the_folds_of_all_its_columns(with_rest):
    runs, results = with_rest
    found = comparison_statistics(results, runs, "mean", n_permutations=19)
    summary = found.summary.set_index("model")
    assert summary["n_folds"].to_dict() == {"glm": 3, "mean": 3}
    assert summary["n_folds_left_out"].to_dict() == {"glm": 2, "mean": 2}
    assert summary.loc["glm", "r_difference_n_folds"] == 3
    rows = results.table[results.table["fold"].isin(["run-0", "run-1", "run-2"])]
    in_group = participant_scores(results.table).set_index("model")
    for model, score in product(MODELS, results.scores):
        kept = rows[rows["model"] == model].groupby("target")[score].mean()
        assert summary.loc[model, f"{score}_median"] == pytest.approx(kept.median())
        if score != "log_likelihood":
            assert in_group.loc[model, f"{score}_median"] == pytest.approx(kept.median())
    assert found.ceiling is None and "r_ceiling_median" not in summary
    assert in_group["n_folds"].to_dict() == {"glm": 3, "mean": 3}


def test_each_fold_keeps_the_scores_that_it_has(with_rest):
    _, results = with_rest
    of_mean = results.table[results.table["model"] == "mean"]
    assert of_mean[results.scores].notna().all(axis=None)
    shown = results.comparable.set_index(["model", "fold"])[results.scores].notna().all(axis=1)
    assert shown.groupby("fold").agg("unique").map(list).to_dict() == {
        "run-0": [True], "run-1": [True], "run-2": [True], "run-3": [False], "run-4": [False]
    }  # fmt: skip


@pytest.mark.parametrize("cv", [BlockFolds(2, guard=8.0), [([0, 1], [2, 3])]])
def test_runs_of_a_fold_are_the_same_for_all_models(cv):
    runs = resting_runs()[1:4] if isinstance(cv, BlockFolds) else resting_runs()[:4]
    without = cv if isinstance(cv, BlockFolds) else [([0, 1], [2])]
    bare = compare_models({"glm": GLMBaseline()}, runs[:-1], cv=without)
    with pytest.warns(DataWarning, match=r"glm, V1: no score in .*run-3.*scores of no model"):
        found = compare_models(MODELS, runs, cv=cv)
    one, other = (r.table[r.table["model"] == "glm"][["r", "r2"]] for r in (found, bare))
    np.testing.assert_allclose(one, other)
    assert set(found.left_out["model"]) == {"glm"}
    assert found.left_out["run"].str.contains("run-3").all()
    if isinstance(cv, BlockFolds):
        return  # the mean of training runs is flat there, and has no r
    first, last = held_out_series(found, runs, "mean")  # raises unless the scores follow from them
    assert np.isnan(last.measured).all() and last.run == "run-3"
    r2 = 1 - ((first.measured - first.predicted) ** 2).sum(0) / (first.measured**2).sum(0)
    scores = found.table[found.table["model"] == "mean"]["r2"]
    np.testing.assert_allclose(scores, r2, atol=1e-12)


def test_a_model_that_fails_in_a_fold_takes_it_from_all_means(with_rest):
    _, results = with_rest
    rows = results.table[results.table["fold"].isin(["run-0", "run-1", "run-2"])]
    failed = rows[rows["model"] == "mean"].assign(model="drm")
    failed.loc[failed["fold"] == "run-1", results.scores] = np.nan
    never = failed.assign(model="never", r=np.nan, r2=np.nan, log_likelihood=np.nan)
    found = Results(pd.concat([rows, failed, never], ignore_index=True))
    kept = rows[rows["fold"] != "run-1"].groupby(["model", "target"])["r"].mean()
    means = found.per_target().set_index(["model", "target"])["r"]
    np.testing.assert_allclose(means.reindex(kept.index), kept)
    assert means["never"].isna().all()


def test_models_without_a_fold_in_common_are_said():
    rows = [(m, f, "V1", 0, r, r) for m, f, r in
            (("a", "1", 0.1), ("a", "2", None), ("b", "1", None), ("b", "2", 0.3))]  # fmt: skip
    found = Results(pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"]))
    assert found.comparable["r"].isna().all()
    with pytest.warns(DataWarning) as told:
        warn_of_unscored(found)
    assert "V1: no fold has a score of every model" in str(told[-1].message)
    assert "(a in 1; b in 2): leave one of the models out" in str(told[-1].message)


def test_the_test_against_chance_is_over_the_same_folds(with_rest):
    runs, results = with_rest
    table = permutation_test(results, runs, 19)
    r = results.per_target()[["model", "target", "r"]]
    pd.testing.assert_frame_equal(table[["model", "target", "r"]], r)


def test_runs_without_stimuli_repeat_nothing(with_rest):
    runs, _ = with_rest
    assert repeat_groups(runs).tolist() == [0, 1, 2, 3, 4]
    silent = [replace(r, stimuli={"s": Stream(np.zeros((60, 1)), TIMES)}) for r in runs]
    assert repeat_groups(silent).tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="no stimulus is repeated"):
        noise_ceiling(runs)
    assert repeat_groups([runs[0], *runs[3:], runs[0]]).tolist() == [0, 1, 2, 0]


def test_a_null_model_keeps_the_score_that_it_has():
    runs = [make_run(k) for k in range(3)]
    late = [
        replace(run, responses={"V1": Stream(run.responses["V1"].values, TIMES + 0.3 * k)})
        for k, run in enumerate(runs)
    ]
    # no time is measured twice, so the mean predicts nothing in any fold
    table = compare_models({"mean": MeanBaseline()}, late).table
    assert table["r"].isna().all() and (table["r2"].abs() < 1e-12).all()


def test_a_run_without_a_score_is_in_no_mean_of_its_fold():
    runs = resting_runs()
    with pytest.warns(DataWarning):
        whole = compare_models(MODELS, runs, log_likelihood=True, return_estimators=True)
    pairs = [([0, 1], [2, 3]), ([2, 3], [0, 1, 4])]
    with pytest.warns(DataWarning, match="run-3, run-4"):
        results = compare_models(
            MODELS, runs, cv=pairs, log_likelihood=True, return_estimators=True
        )
    plain = compare_models(MODELS, runs, cv=[([0, 1], [2]), ([2, 3], [0, 1])], log_likelihood=True)
    for score in results.scores:
        one, other = (
            t.loc[t["model"] == "glm", score].to_numpy() for t in (results.table, plain.table)
        )
        np.testing.assert_allclose(one, other)
    for made, given in ((results, runs), (whole, runs)):
        bare = replace(made, table=made.table.drop(columns="log_likelihood"))
        pd.testing.assert_frame_equal(with_log_likelihood(bare, given).table, made.table)


def test_a_run_that_is_reproduced_gives_no_likelihood():
    runs = [make_run(k) for k in range(2)]
    results = compare_models(MODELS, runs, log_likelihood=True)
    likely = results.table.groupby("model")["log_likelihood"]
    assert likely.count().to_dict() == {"glm": 8, "mean": 0}
    assert results.per_target()["r"].notna().all()
    summary = comparison_statistics(results, runs, "glm", n_permutations=0).summary
    assert np.isnan(summary.set_index("model").loc["mean", "log_likelihood_median"])
    assert (summary["n_folds"] == 2).all()
    in_group = participant_scores(results.table).set_index("model")["log_likelihood"]
    assert np.isnan(in_group["mean"])
    assert in_group["glm"] == pytest.approx(results.table["log_likelihood"].sum())


def test_a_model_without_likelihoods_costs_no_other_its_frequency():
    rows = [
        (f"sub-{k}", "task-x", "V1", model, value)
        for k in range(4)
        for model, value in (("glm", 0.0), ("drm", 3.0 + k), ("mean", np.nan))
    ]
    columns = ["participant_id", "analysis", "region", "model", "log_likelihood"]
    found = model_selection(pd.DataFrame(rows, columns=columns))
    assert found["n_participants"].unique().tolist() == [4]
    assert found["model"].unique().tolist() == ["glm", "drm"]
    assert np.isfinite(found.select_dtypes("number")).all(axis=None)


def test_too_few_volumes_of_a_target_give_no_score():
    runs = [make_run(k) for k in range(3)]
    values = runs[0].responses["V1"].values.copy()
    values[4:, 1] = np.nan  # one degree of freedom is left: r would be 1 or -1
    values[:, 2] = 5.0
    runs[0] = replace(runs[0], responses={"V1": Stream(values, TIMES)})
    table = compare_models({"glm": GLMBaseline()}, runs, log_likelihood=True).table
    first = table[table["fold"] == "run-0"].set_index("target")[["r", "r2", "log_likelihood"]]
    assert first.isna().all(axis=1).tolist() == [False, True, True, False]


@pytest.mark.parametrize("same", [0.0, 0.1, -3e5])
def test_differences_that_are_equal_but_for_rounding_have_no_p(same: float):
    values = same * (1 + np.array([0.0, 1e-16, -2e-16, 1e-16]))
    assert np.isnan(corrected_t(values, 1 / 3)[1:]).all()


def test_a_model_beside_itself_is_no_better():
    runs = [make_run(k) for k in range(3)]
    results = compare_models({"one": GLMBaseline(), "other": GLMBaseline()}, runs)
    found = paired_differences(results, "one")
    assert (found["fold_mean"] == 0).all() and found["p"].isna().all()
