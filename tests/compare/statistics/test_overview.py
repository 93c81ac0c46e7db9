"""All statistics of a comparison in one table, each the number that its own function gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import PredefinedSplit

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.crossvalidation.likelihood import with_log_likelihood
from drmbids.compare.figures.comparison import comparison_figures
from drmbids.compare.statistics.ceiling import noise_ceiling, normalised_scores
from drmbids.compare.statistics.overview import comparison_statistics
from drmbids.compare.statistics.paired import paired_differences
from drmbids.compare.statistics.permutation import permutation_test
from drmbids.compare.statistics.summary import summarise_results
from drmbids.data.runs.results import Results
from drmbids.data.runs.run import Run
from drmbids.data.runs.stream import Stream
from drmbids.data.tools.exceptions import UsageError

WEIGHTS = np.array([[0.8, 0.0, 0.6, 0.0], [0.0, 0.0, 0.6, 0.0]])


@pytest.fixture
def runs(make_runs):
    return make_runs(4, 0, WEIGHTS)


@pytest.fixture
def models(ridge):
    return {"first": ridge(columns=(0,)), "both": ridge()}


def test_each_column_is_what_its_function_gives(runs, models):
    results = compare_models(models, runs, log_likelihood=True)
    found = comparison_statistics(results, runs, "first", n_permutations=200)
    table = found.summary.set_index(["model", "region"])
    assert list(table.index) == [(m, r) for m in ("first", "both") for r in ("V1", "V2")]
    means = results.table.groupby(["model", "region", "target"])[["r", "log_likelihood"]].mean()
    folds = results.table.groupby(["model", "region", "fold"])["r"].median()
    paired = paired_differences(results, "first").set_index(["model", "region", "score"])
    chance = permutation_test(results, runs, 200).set_index(["model", "region"])
    for key, row in table.iterrows():
        assert row["r_median"] == pytest.approx(means.loc[key, "r"].median())
        assert row["log_likelihood_mean"] == pytest.approx(means.loc[key, "log_likelihood"].mean())
        assert row["r_fold_sd"] == pytest.approx(folds.loc[key].std())
        assert row["n_above_chance_fwe"] == (chance.loc[key, "p_fwe"] < 0.05).sum()
        assert row["n_above_chance_fdr"] == (chance.loc[key, "p_fdr"] < 0.05).sum()
        assert row["p_fwe_min"] == chance.loc[key, "p_fwe"].min()
        assert (row["n_targets"], row["n_folds"]) == (2, 4)
        if key[0] == "both":
            expected = paired.loc[(*key, "r")]
            assert row["r_difference"] == expected["fold_mean"]
            assert row["r_difference_p"] == expected["p"]
        else:
            assert np.isnan(row["r_difference"])
    # one target of each region holds signal, the other none
    assert table["n_above_chance_fwe"].tolist() == [1, 1, 1, 1]
    assert found.ceiling is None and found.normalised is None
    assert "r_ceiling_median" not in table


def test_log_likelihoods_are_those_of_models_that_were_kept(runs, models):
    kept = with_log_likelihood(compare_models(models, runs, cv=2, return_estimators=True), runs)
    at_once = compare_models(models, runs, cv=2, log_likelihood=True)
    pd.testing.assert_frame_equal(kept.table, at_once.table)
    assert at_once.estimators == {}
    found = comparison_statistics(
        compare_models(models, runs, cv=2, return_estimators=True), runs, n_permutations=0
    )
    pd.testing.assert_frame_equal(found.results.table, at_once.table)


def test_what_is_not_asked_for_is_left_out(runs, models):
    found = comparison_statistics(compare_models(models, runs), runs, n_permutations=0)
    assert found.permutation is None and found.paired is None
    assert not {"r_difference", "p_fwe_min", "log_likelihood_mean"} & set(found.summary)


def test_further_baselines_are_compared_with_once(runs, models, ridge):
    results = compare_models({**models, "second": ridge(columns=(1,))}, runs)
    found = comparison_statistics(
        results, runs, "first", further_baselines=["second"], n_permutations=0
    )
    pairs = found.paired[["model", "baseline"]].drop_duplicates().to_numpy().tolist()
    assert sorted(pairs) == [["both", "first"], ["both", "second"], ["second", "first"]]
    with pytest.raises(UsageError, match="needs to be one of"):
        comparison_statistics(results, runs, "third")


def repeated(runs: list[Run], n: int, seed: int) -> list[Run]:
    """Return each run so many times, the stimulus and its response the same, noise its own."""
    rng, found = np.random.default_rng(seed), []
    for k, run in enumerate(runs):
        for repeat in range(n):
            responses = {
                name: Stream(s.values + rng.normal(size=s.values.shape), s.times)
                for name, s in run.responses.items()
            }
            entities = {"run": f"{k}{repeat}", "acquisition": str(k)}
            found.append(Run(responses, run.stimuli, tr=run.tr, entities=entities))
    return found


def test_ceilings_where_repeats_are_held_out_together(runs, models):
    again = repeated(runs, 3, seed=1)
    together = PredefinedSplit(np.repeat(np.arange(4), 3)).split()
    results = compare_models(models, again, cv=together)
    found = comparison_statistics(results, again, "first", repeats="acquisition", n_permutations=0)
    ceiling = (
        noise_ceiling(again, "acquisition").groupby(["region", "target"]).mean(numeric_only=True)
    )
    normalised = normalised_scores(results, again, "acquisition")
    for _, row in found.summary.iterrows():
        of_region = ceiling.loc[row["region"]]
        assert row["explainable_variance_median"] == of_region["explainable_variance"].median()
        assert row["r_ceiling_median"] == of_region["r_ceiling"].median()
        rows = normalised[
            (normalised["model"] == row["model"]) & (normalised["region"] == row["region"])
        ]
        means = rows.groupby("target")["r_normalised"].mean()
        assert row["r_normalised_median"] == pytest.approx(means.median())


def test_repeats_in_different_folds_give_a_ceiling_but_no_normalised_score(runs, models):
    again = repeated(runs[:2], 2, seed=1)
    found = comparison_statistics(compare_models(models, again), again, n_permutations=0)
    assert found.ceiling is not None and found.normalised is None
    assert "r_normalised_median" not in found.summary


def test_repeats_at_different_times_are_named_and_leave_the_rest(runs, models):
    again = repeated(runs[:2], 2, seed=1)
    late = {name: Stream(s.values, s.times + 0.5) for name, s in again[0].responses.items()}
    again[0] = Run(late, again[0].stimuli, tr=again[0].tr, entities=again[0].entities)
    with pytest.warns(UserWarning, match="no noise ceiling: .*cut both to what they share"):
        found = comparison_statistics(compare_models(models, again), again, n_permutations=0)
    assert found.ceiling is None
    assert len(found.summary) == 4


def test_a_table_from_a_file_is_summarised_too(runs, models):
    results = compare_models(models, runs)
    pd.testing.assert_frame_equal(
        summarise_results(Results(results.table)), summarise_results(results)
    )


def test_figures_are_of_these_scores(runs, models, ridge):
    results = compare_models({**models, "second": ridge(columns=(1,))}, runs)
    found = comparison_statistics(results, runs, "first", n_permutations=0)
    spaces = {"first": ["a"], "second": ["b"], "both": ["a", "b"]}
    figures = comparison_figures(found, "first", "r2", spaces)
    assert list(figures) == ["folds", "histogram", "bothscatter", "secondscatter", "parts"]
    # the parts of a region add up to the mean R2 of the model with both spaces
    both = results.per_target().query("model == 'both' and region == 'V1'")["r2"].mean()
    widths = [bar.get_width() for bar in figures["parts"].axes[0].patches]
    assert sum(widths) == pytest.approx(both)
    assert "R²" in figures["folds"].axes[0].get_xlabel()
