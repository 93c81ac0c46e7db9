"""Unique and shared parts against a design in which they are known."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from drmbids.compare.crossvalidation.compare import compare_models
from drmbids.compare.statistics.partition import partition_variance
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import UsageError


def results_of(r2: dict[str, list[float]]) -> Results:
    rows = [
        (model, fold, "V1", k, 0.0, value + shift)
        for model, values in r2.items()
        for fold, shift in (("run-1", 0.1), ("run-2", -0.1))
        for k, value in enumerate(values)
    ]
    return Results(pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"]))


def test_two_spaces():
    results = results_of({"a": [0.3, 0.1], "b": [0.2, 0.1], "ab": [0.4, 0.3], "other": [0.9, 0.9]})
    parts = partition_variance(results, {"ab": ["A", "B"], "a": ["A"], "b": ["B"]})
    found = parts.pivot(index="part", columns="target", values="r2")
    np.testing.assert_allclose(found.loc["A"], [0.2, 0.2])
    np.testing.assert_allclose(found.loc["B"], [0.1, 0.2])
    np.testing.assert_allclose(found.loc["A & B"], [0.1, -0.1])
    assert list(parts) == ["part", "n_spaces", "region", "target", "r2"]
    assert parts["n_spaces"].tolist() == [1, 1, 1, 1, 2, 2]


def test_three_spaces_are_the_seven_fields_of_a_diagram():
    # the area of each field, and so the area that any set of spaces covers
    fields = {"A": 0.1, "B": 0.02, "C": 0.05, "AB": 0.03, "AC": 0.04, "BC": 0.01, "ABC": 0.2}
    spaces, r2 = {}, {}
    for size in (1, 2, 3):
        for names in combinations("ABC", size):
            model = "".join(names)
            spaces[model] = names
            r2[model] = [sum(v for field, v in fields.items() if set(field) & set(names))]
    parts = partition_variance(results_of(r2), spaces).set_index("part")["r2"]
    expected = {" & ".join(field): value for field, value in fields.items()}
    assert parts.to_dict() == pytest.approx(expected)
    assert parts.sum() == pytest.approx(r2["ABC"][0])


def test_unique_parts_need_no_more_than_nested_models():
    results = results_of({"small": [0.2], "large": [0.5]})
    parts = partition_variance(results, {"small": ["A"], "large": ["A", "B"]})
    assert parts[["part", "r2"]].values.tolist() == [["B", pytest.approx(0.3)]]
    full = results_of({"ABC": [0.5], "AB": [0.4], "AC": [0.45], "BC": [0.2]})
    parts = partition_variance(full, {name: list(name) for name in ("ABC", "AB", "AC", "BC")})
    assert parts.set_index("part")["r2"].to_dict() == pytest.approx({"A": 0.3, "B": 0.05, "C": 0.1})


def test_spaces_of_independent_features_explain_what_they_drive(make_runs, ridge):
    weights = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    runs = make_runs(6, 0, weights, n_times=300)
    models = {"a": ridge(columns=(0,)), "b": ridge(columns=(1,)), "ab": ridge()}
    spaces = {"a": ["A"], "b": ["B"], "ab": ["A", "B"]}
    parts = partition_variance(compare_models(models, runs), spaces)
    found = parts.pivot(index=["region", "target"], columns="part", values="r2")
    # equal variance of features and noise: a half, or a third of three
    np.testing.assert_allclose(found["A"], [0.5, 0, 1 / 3, 0], atol=0.06)
    np.testing.assert_allclose(found["B"], [0, 0.5, 1 / 3, 0], atol=0.06)
    np.testing.assert_allclose(found["A & B"], 0, atol=0.03)


def test_a_target_without_a_score_has_no_part():
    parts = partition_variance(
        results_of({"small": [np.nan, 0.1], "large": [np.nan, 0.5]}),
        {"small": ["A"], "large": ["A", "B"]},
    )
    assert parts["r2"].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({"a": ["A"], "c": ["C"]}, "no model 'c'"),
        ({"a": ["A"], "b": ["A"]}, "two models have the same spaces"),
        ({"a": ["A"], "b": ["B"]}, "no part of"),
    ],
)
def test_models_that_do_not_tell_are_refused(spaces, message):
    with pytest.raises(UsageError, match=message):
        partition_variance(results_of({"a": [0.1], "b": [0.2]}), spaces)
