"""What stands on top of a report."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from drmbids.app.report.folder import Analysis
from drmbids.app.report.headline import Difference, group_headlines, headline, participant_headlines
from drmbids.compare.timing.audit import COLUMNS

BETTER, OPEN = Difference(0.1, 0.08, 0.12), Difference(0.01, -0.02, 0.04)
WORSE = Difference(-0.1, -0.2, -0.05)


def test_a_model_that_beats_fixed_hemodynamics_alone_is_said_to_do_only_that() -> None:
    text = headline("drm", {"glm": BETTER, "freehrf": OPEN}, "freehrf")
    assert text.index("not shown to be better than freehrf") < text.index("better than glm")
    assert "What glm lacks may be hemodynamics alone." in text


def test_a_model_that_beats_both() -> None:
    text = headline("drm", {"glm": BETTER, "freehrf": BETTER}, "freehrf")
    assert "better than freehrf (free HRF), 0.1 (95 % interval 0.08 to 0.12)" in text
    assert "alone" not in text
    assert "not shown" not in text


def test_worse_and_unknown() -> None:
    text = headline("drm", {"glm": WORSE, "freehrf": Difference(0.1, np.nan, np.nan)}, "freehrf")
    assert "worse than glm" in text
    assert "not shown to be better than freehrf (free HRF), 0.1 (no interval)" in text


def test_without_a_linear_model_of_free_hemodynamics_the_doubt_stays() -> None:
    assert "hemodynamics alone" in headline("drm", {"glm": BETTER}, None)


def analysis(tmp_path: Path, timing: pd.DataFrame | None = None) -> Analysis:
    """Return a saved analysis of three folds and two regions."""
    rng, rows = np.random.default_rng(0), []
    for model, r in {"glm": 0.2, "freehrf": 0.3, "drm": 0.3}.items():
        rows += [
            (model, fold, region, k, r + rng.normal(0, 0.01), 0.1)
            for fold in "abc"
            for region in ("V1", "V2")
            for k in range(5)
        ]
    scores = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    folder = tmp_path / "sub-01"
    for name in ("models", "func"):
        (folder / name).mkdir(parents=True)
    scores.to_csv(folder / "func" / "sub-01_desc-scores_timeseries.tsv", sep="\t", index=False)
    if timing is not None:
        path = folder / "models" / "sub-01_desc-timing_scores.tsv"
        timing.to_csv(path, sep="\t", index=False, na_rep="n/a")
    inputs = {"baseline": "glm", "free_hrf": "freehrf", "fitted": [{"name": "drm"}]}
    (folder / "models" / "sub-01_desc-inputs_runs.json").write_text(json.dumps(inputs))
    return Analysis(folder, "sub-01", ("sub-01",))


def test_the_interval_of_a_participant_is_that_of_nadeau_and_bengio(tmp_path: Path) -> None:
    saved = analysis(tmp_path)
    (text,) = participant_headlines(saved)
    table = pd.read_csv(saved.folder / "func" / "sub-01_desc-scores_timeseries.tsv", sep="\t")
    wide = table.pivot(index=["region", "target"], columns=["model", "fold"], values="r")
    folds = (wide["drm"] - wide["glm"]).median()
    # three folds, each as long as half of its training data
    error = np.sqrt(folds.var(ddof=1) * (1 / 3 + 1 / 2))
    low, high = stats.t.interval(0.95, 2, folds.mean(), error)
    found = re.search(r"better than glm .*?interval (\S+) to (\S+)\)", text)
    assert found is not None
    assert [float(x) for x in found.groups()] == pytest.approx([low, high], rel=0.01)
    assert "not shown to be better than freehrf" in text


def test_an_unfair_comparison_is_said_so_on_top(tmp_path: Path) -> None:
    rows = [("onsets", 0.0, 0.5, 0.0, 0.0, np.nan, None, None)]
    rows += [("onsets", -1.5, 0.9, 0.4, 0.01, 1e-9, "onsets", "warning")]
    audited = analysis(tmp_path, pd.DataFrame(rows, columns=list(COLUMNS)))
    text = participant_headlines(audited)[-1]
    assert text.startswith("Timing: events seem to come 1.5 s earlier than stated")
    assert "not fair" in text


def test_the_population() -> None:
    row = {"analysis": "task-look", "region": "V1", "model": "drm", "score": "r"}
    paired = pd.DataFrame(
        [
            row | {"baseline": name, "mixed_mean": mean, "mixed_ci_low": low, "mixed_ci_high": high}
            for name, mean, low, high in [("glm", 0.1, 0.05, 0.2), ("freehrf", 0.0, -0.1, 0.1)]
        ]
    )
    # a bootstrap of few participants is too sure: it decides nothing
    paired[["mean_difference", "ci_low", "ci_high"]] = [0.0, -0.01, 0.01], [0.1, 0.09, 0.11]
    (text,) = group_headlines(paired, ["drm"], "freehrf", several=True)
    assert text.startswith("task-look: Held-out r of drm: not shown to be better than freehrf")
    assert "better than glm (assumed HRF), 0.1 (95 % interval 0.05 to 0.2)" in text
    assert group_headlines(pd.DataFrame(), ["drm"], "freehrf", several=False) == []
