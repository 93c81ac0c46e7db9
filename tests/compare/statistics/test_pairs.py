"""Pairs of models against numbers worked out with scipy, and what is said of them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from drmbids import Events, GLMBaseline, Run, Stream, compare_models
from drmbids.compare.statistics.pairs import compare_pairs, parameters_of, with_verdicts
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataError, UsageError

FOLDS = 8


def results(shifts: dict[str, np.ndarray], regions: tuple[str, ...] = ("V1",)) -> Results:
    """Return scores of models that lie above one another by a shift for each fold."""
    base = np.random.default_rng(0).uniform(0.2, 0.4, (FOLDS, len(regions), 5))
    rows = [
        (model, f"run-{f}", region, k, base[f, j, k] + shift[f], base[f, j, k] + 2 * shift[f])
        for model, shift in shifts.items()
        for f in range(len(shift))
        for j, region in enumerate(regions)
        for k in range(5)
    ]
    return Results(pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"]))


def spread(mean: float, sd: float = 0.01, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=FOLDS)
    return mean + sd * (noise - noise.mean()) / noise.std(ddof=1)


def test_interval_and_tests_are_those_of_the_differences_of_folds() -> None:
    difference = spread(0.05)
    (row,) = compare_pairs(results({"a": 0 * difference, "b": difference})).to_dict("records")
    error = np.sqrt(difference.var(ddof=1) * (1 / FOLDS + 1 / (FOLDS - 1)))
    low, high = stats.t.interval(0.95, FOLDS - 1, 0.05, error)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((low, high))
    assert row["p"] == pytest.approx(2 * stats.t.sf(0.05 / error, FOLDS - 1))
    assert row["p_flip"] == pytest.approx(2 / 2**FOLDS)  # all differences are above 0
    assert (row["model"], row["baseline"], row["better"]) == ("b", "a", "b")
    assert compare_pairs(results({"b": difference, "a": 0 * difference}))["better"].tolist() == [
        "b"
    ]
    twice = compare_pairs(results({"a": 0 * difference, "b": difference}), score="r2")
    assert twice["fold_mean"].tolist() == pytest.approx([0.1])


def test_a_difference_must_be_sure_and_large_enough_to_be_named() -> None:
    for mean, sd, better in ((0.05, 0.01, "b"), (0.05, 0.2, None), (0.002, 0.0001, None)):
        found = compare_pairs(results({"a": np.zeros(FOLDS), "b": spread(mean, sd)}))
        assert found["better"].fillna("neither").tolist() == [better or "neither"]
    assert found["p"].item() < 1e-6  # sure, and less than a hundredth of what is reached
    best = max(0.3, results({"a": np.zeros(FOLDS)}).per_target()["r"].median())
    assert found["smallest"].item() == pytest.approx(0.01 * best, rel=0.1)


def test_a_floor_where_nothing_is_explained() -> None:
    row = {"model": "b", "baseline": "a", "region": "V1", "fold_mean": 0.0009, "p": 1e-9}
    medians = pd.Series({("a", "V1"): -0.4, ("b", "V1"): -0.3})
    found = with_verdicts(pd.DataFrame([row]), medians, {})
    assert found["smallest"].item() == 0.001
    assert found["better"].isna().all()


def test_every_pair_region_and_all_regions_together() -> None:
    shifts = {"a": np.zeros(FOLDS), "b": spread(0.1), "c": spread(0.2, seed=2)}
    found = compare_pairs(results(shifts, ("V1", "V2")), n_parameters={"a": 3, "b": 3, "c": 2})
    pairs = [("b", "a"), ("c", "a"), ("c", "b")]
    assert list(zip(found["model"], found["baseline"], strict=True))[::3] == pairs
    assert found["region"].tolist() == ["V1", "V2", "all"] * 3
    assert found.loc[found["region"] == "all", "n_targets"].tolist() == [10] * 3
    assert found["p_pairs"].tolist() == pytest.approx((3 * found["p"]).clip(upper=1).tolist())
    simpler = found.loc[found["region"] == "all", "simpler"].fillna("neither").tolist()
    assert simpler == ["neither", "c", "c"]
    two = compare_pairs(results(shifts, ("V1", "V2")), ["c", "a"])
    assert two[["model", "baseline"]].drop_duplicates().to_numpy().tolist() == [["a", "c"]]
    assert two["p_pairs"].tolist() == two["p"].tolist()


def test_many_pairs_ask_for_more() -> None:
    weak = spread(0.03, 0.0193)
    alone = compare_pairs(results({"a": np.zeros(FOLDS), "b": weak}))
    assert alone["better"].tolist() == ["b"]
    many = {"a": np.zeros(FOLDS), "b": weak} | {f"c{k}": spread(0, 0.1, k + 5) for k in range(2)}
    found = compare_pairs(results(many)).set_index(["model", "baseline"])
    assert found.loc[("b", "a"), "p"] == pytest.approx(alone["p"].item())
    assert found.loc[("b", "a"), "p_pairs"] == pytest.approx(6 * alone["p"].item())
    assert pd.isna(found.loc[("b", "a"), "better"])


def test_the_same_predictions_are_not_told_apart() -> None:
    found = compare_pairs(results({"a": np.zeros(FOLDS), "b": np.zeros(FOLDS)}))
    assert found[["fold_mean", "ci_low", "ci_high"]].to_numpy().tolist() == [[0, 0, 0]]
    assert found["better"].isna().all() and found["p_flip"].tolist() == [1.0]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_folds(n: int) -> None:
    found = compare_pairs(results({"a": np.zeros(n), "b": 0.1 + spread(0)[:n]}))
    assert found["p_flip"].isna().all()  # 2 / 2^5 is above 0.05
    assert found["ci_low"].isna().all() == (n == 1)
    if n == 1:
        assert found["better"].isna().all()


def test_scores_that_are_missing_cost_only_their_folds() -> None:
    whole = results({"a": np.zeros(FOLDS), "b": spread(0.1)})
    failed = (whole.table["model"] == "b") & (whole.table["fold"] == "run-0")
    table = whole.table.assign(r=whole.table["r"].mask(failed), r2=whole.table["r2"].mask(failed))
    found = compare_pairs(Results(table))
    assert found["n_folds"].tolist() == [FOLDS - 1] and found["better"].tolist() == ["b"]
    none = table.assign(r=table["r"].mask(table["model"] == "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nothing = compare_pairs(Results(none.assign(r2=none["r"])))
    assert nothing["n_folds"].tolist() == [0] and nothing["better"].isna().all()


def test_models_of_other_regions() -> None:
    both = results({"a": np.zeros(FOLDS), "b": spread(0.1), "c": spread(0.1)}, ("V1", "V2"))
    table = both.table
    only = table[(table["model"] != "b") | (table["region"] == "V1")]
    found = compare_pairs(Results(only)).set_index(["model", "baseline", "region"])
    assert ("b", "a", "V2") not in found.index
    assert found.loc[("b", "a", "all"), "n_targets"] == 5  # those that both predict
    apart = table[(table["model"] == "a") & (table["region"] == "V1") | (table["model"] == "b")
                  & (table["region"] == "V2")]  # fmt: skip
    with pytest.raises(UsageError, match="same region"):
        compare_pairs(Results(apart))


def test_what_cannot_be_compared_is_told() -> None:
    one = results({"a": np.zeros(FOLDS)})
    with pytest.raises(UsageError, match="two models or more"):
        compare_pairs(one)
    two = results({"a": np.zeros(FOLDS), "b": np.zeros(FOLDS)}, ("V1", "all"))
    with pytest.raises(UsageError, match="'d'"):
        compare_pairs(two, ["a", "d"])
    with pytest.raises(DataError, match="called 'all'"):
        compare_pairs(two)


@pytest.mark.parametrize(("cv", "n_runs"), [("none", 2), ("blocks", 1)])
def test_results_of_a_comparison(cv: str, n_runs: int) -> None:
    rng = np.random.default_rng(0)
    times = 2.0 * np.arange(80)

    def run(k: int) -> Run:
        bold = np.sin(times / 8)[:, None] + rng.normal(size=(80, 2))
        events = Events([10.0 + k, 60.0, 110.0], [20.0] * 3, ["face"] * 3)
        return Run(
            {"V1": Stream(bold, times)}, {"events": events}, tr=2.0, entities={"run": str(k)}
        )

    models = {"spm": GLMBaseline("spm"), "glover": GLMBaseline("glover")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the audit of times
        found = compare_models(
            models, [run(k) for k in range(n_runs)], cv=cv, return_estimators=True
        )
    assert parameters_of(found) == {}  # linear models do not tell
    pairs = compare_pairs(found)
    assert pairs["simpler"].isna().all()
    if cv == "none":
        assert pairs["ci_low"].isna().all() and pairs["better"].isna().all()
    else:
        ratio = found.folds.groupby("part")["n_measured"].sum()
        values = compare_pairs(found, test_train_ratio=ratio["test"] / ratio["train"])
        pd.testing.assert_frame_equal(pairs, values)
        assert np.isfinite(pairs["ci_low"]).all()
