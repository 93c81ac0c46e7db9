"""The report over participants and its tables."""

import re

import numpy as np
import pandas as pd
import pytest

from drmbids.core.exceptions import DataError
from drmbids.report import write_group_report
from drmbids.report.group_tables import group_differences, participant_scores


def _add_participant(out, label, shift):
    """Copy participant 01 with the score of drm moved."""
    source = out / "sub-01" / "func" / "sub-01_task-objects_desc-scores_timeseries.tsv"
    table = pd.read_csv(source, sep="\t")
    table.loc[table["model"] == "drm", "r"] += shift
    for name in ("func", "models"):
        (out / f"sub-{label}" / name).mkdir(parents=True)
    path = out / f"sub-{label}" / "func" / source.name.replace("sub-01", f"sub-{label}")
    table.to_csv(path, sep="\t", index=False)
    inputs = out / "sub-01" / "models" / "sub-01_task-objects_desc-inputs_runs.json"
    copy = out / f"sub-{label}" / "models" / inputs.name.replace("sub-01", f"sub-{label}")
    copy.write_bytes(inputs.read_bytes())


def test_tables_and_page(derivatives):
    _add_participant(derivatives, "02", 0.1)
    (derivatives / "sub-03").mkdir()
    text = write_group_report(derivatives).read_text("utf-8")
    assert "2 participants" in text
    assert "sub-03: no scores were saved" in text
    table = pd.read_csv(derivatives / "group" / "desc-scores_participants.tsv", sep="\t")
    assert set(table["participant_id"]) == {"sub-01", "sub-02"}
    assert set(table["region"]) == {"V1", "FFA", "all"}
    assert set(table["analysis"]) == {"task-objects"}
    paired = pd.read_csv(derivatives / "group" / "desc-paired_participants.tsv", sep="\t")
    both = table[table["region"] == "all"].pivot(
        index="participant_id", columns="model", values="r_median"
    )
    row = paired[paired["region"] == "all"].iloc[0]
    assert row["mean_difference"] == pytest.approx((both["drm"] - both["glm"]).mean())
    assert row["n_participants"] == 2
    assert all((derivatives / link).is_file() for link in re.findall(r'href="(group/[^"]+)"', text))


def test_one_participant_gives_no_interval_and_says_why(derivatives):
    text = write_group_report(derivatives).read_text("utf-8")
    assert "There is one participant" in text
    paired = pd.read_csv(derivatives / "group" / "desc-paired_participants.tsv", sep="\t")
    assert paired[["ci_low", "ci_high"]].isna().all().all()


def test_no_scores_is_an_error(tmp_path):
    with pytest.raises(DataError, match="participant level first"):
        write_group_report(tmp_path)


def test_same_bytes_twice(derivatives):
    first = write_group_report(derivatives).read_bytes()
    assert write_group_report(derivatives).read_bytes() == first


def test_participant_scores_average_folds_before_targets():
    rows = [("m", fold, "V1", t, r, r) for t, (a, b) in enumerate([(0.0, 0.2), (0.4, 0.8)])
            for fold, r in (("a", a), ("b", b))]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])
    row = participant_scores(table).iloc[0]
    assert row["r_median"] == pytest.approx(np.median([0.1, 0.6]))
    assert row["n_targets"] == 2
    assert len(participant_scores(table)) == 1  # no row over regions where there is but one


def test_interval_is_students():
    differences = np.array([0.1, 0.2, 0.4])
    rows = [
        {
            "participant_id": f"sub-{k}",
            "analysis": "x",
            "region": "all",
            "model": model,
            "r_median": value,
        }
        for k, d in enumerate(differences)
        for model, value in (("glm", 0.3), ("drm", 0.3 + d))
    ]
    row = group_differences(pd.DataFrame(rows), "glm").iloc[0]
    half = 4.302652729911275 * differences.std(ddof=1) / np.sqrt(3)  # t(.975, 2), any t table
    assert row["ci_low"] == pytest.approx(differences.mean() - half)
    assert row["ci_high"] == pytest.approx(differences.mean() + half)
    assert row["n_better"] == 3
