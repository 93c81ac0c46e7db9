"""Results come back from a folder as they were, and show themselves within a screen."""

import json

import numpy as np
import pandas as pd
import pytest

from drmbids.data.runs.fold import Fold
from drmbids.data.runs.nuisance import Nuisance
from drmbids.data.runs.results import Results
from drmbids.data.runs.spans import Spans
from drmbids.data.tools.exceptions import DataError, OutputError


def make_results(models: int = 2, regions: int = 2) -> Results:
    rng = np.random.default_rng(0)
    rows = [
        (f"model {m}", f"block-{f}", f"region_{r}", t, *rng.normal(size=2))
        for m in range(models)
        for f in range(2)
        for r in range(regions)
        for t in range(2)
    ]
    table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    table.loc[0, ["r", "r2"]] = np.nan
    series = rng.normal(size=(5, 2 * regions))
    series[0, 0] = np.nan
    return Results(
        table,
        {"model 0": {"run-1": series}, "model 1": {"run-1": {"bold": series, "eeg": series[:3]}}},
        folds=pd.DataFrame({"fold": ["block-0"], "run": ["run-1"], "n_measured": [5]}),
        nuisance=Nuisance("cosine", high_pass=0.008),
        targets={"region_0": ("1_2_3", "1_2_4")},
        splits=[Fold("block-0", (0,), (0,), {0: Spans([(-np.inf, 1 / 3)])}, {}, "block")],
        ranks={"model 0": {"region_0": 2.0}},
        timing=pd.DataFrame({"kind": ["shift", None], "gain": [0.1, np.nan]}),
        failures={("model 1", "block-1"): "diverged"},
    )


def test_results_come_back_bit_for_bit(tmp_path) -> None:
    results = make_results()
    (tmp_path / "mine.txt").write_text("a file of the user")
    for _ in range(2):  # the second time over the first
        results.save(tmp_path)
    found = Results.load(tmp_path)
    for name in ("table", "folds", "timing"):
        pd.testing.assert_frame_equal(
            getattr(found, name), getattr(results, name), check_exact=True
        )
    np.testing.assert_array_equal(
        found.predictions["model 0"]["run-1"], results.predictions["model 0"]["run-1"]
    )
    for readout in ("bold", "eeg"):
        np.testing.assert_array_equal(
            *(r.predictions["model 1"]["run-1"][readout] for r in (found, results))
        )
    for name in ("nuisance", "targets", "ranks", "failures"):
        assert getattr(found, name) == getattr(results, name)
    (fold,), times = found.splits, np.linspace(0, 1, 7)
    assert (fold.label, fold.train, fold.test, fold.kind) == ("block-0", (0,), (0,), "block")
    assert fold.trained[0].within(times).tolist() == (times < 1 / 3).tolist()
    assert found.estimators == {} and (tmp_path / "mine.txt").exists()


def test_other_folders_are_neither_read_nor_overwritten(tmp_path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        Results.load(tmp_path)
    make_results().save(tmp_path / "scores")
    with (tmp_path / "scores" / "results.json").open("a") as file:
        file.write(" ")
    with pytest.raises(DataError, match=r"results\.json: its checksum is not that"):
        Results.load(tmp_path / "scores")
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": 1}))
    with pytest.raises(OutputError, match="holds something else; take a new folder"):
        make_results().save(tmp_path)


@pytest.mark.parametrize(("models", "regions"), [(1, 1), (2, 3), (20, 30)])
def test_results_fit_a_screen_and_name_models_regions_and_scores(models, regions) -> None:
    results = make_results(models, regions)
    lines = repr(results).splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 100
    assert "region_0" in repr(results) and "model 0" in repr(results)
    assert "2 folds of blocks of time" in lines[0]
    value = results.per_target().groupby(["model", "region"])["r"].median()["model 0", "region_0"]
    assert f"{value:.3f}" in repr(results)
    assert f"{value:.3f}" in results._repr_html_() and "region_0" in results._repr_html_()
    assert ("and 8 more models" in repr(results)) == (models == 20)
