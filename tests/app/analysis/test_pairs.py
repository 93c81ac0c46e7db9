"""Which models of a participant are compared with each other, and what stops none of the rest."""

import pandas as pd
import pytest

from drmbids.app.analysis.pairs import hypothesis_pairs
from drmbids.data.runs.results import Results
from drmbids.data.tools.exceptions import DataWarning


def results(region: str = "V2") -> Results:
    rows = [
        (model, f"run-{fold}", name, 0, shift + 0.1 * fold, 0.1)
        for model, shift in {"glm": 0.0, "loop": 0.2, "forward": 0.1}.items()
        for fold in range(3)
        for name in ("V1", region)
    ]
    return Results(pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"]))


def test_only_given_models_and_those_that_could_not_be_fitted_again() -> None:
    found = hypothesis_pairs(results(), ["loop", "forward"], {"loop": 12})
    assert found is not None
    assert set(found["model"]) | set(found["baseline"]) == {"loop", "forward"}
    assert found["simpler"].isna().all()  # the size of one is not known
    assert hypothesis_pairs(results(), ["loop"], {"loop": 12}) is None


def test_a_region_called_all_costs_the_pairs_alone() -> None:
    with pytest.warns(DataWarning, match="not compared with each other: a region is called 'all'"):
        assert hypothesis_pairs(results("all"), ["loop", "forward"], {}) is None
