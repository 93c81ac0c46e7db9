"""The report over participants and its tables."""

import re

import numpy as np
import pandas as pd
import pytest

from drmbids.app.report import write_group_report
from drmbids.app.report.group_tables import model_selection, participant_scores
from drmbids.data.tools.exceptions import DataError


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
    each = pd.read_csv(derivatives / "group" / "desc-differences_participants.tsv", sep="\t")
    keys = ["region", "score"]
    own = each.set_index([*keys, "participant_id"])["fold_mean"].sort_index()
    # the score of drm is 0.1 higher in every voxel and fold of the second
    assert own["all", "r", "sub-02"] - own["all", "r", "sub-01"] == pytest.approx(0.1)
    row = paired.set_index(keys).loc[("all", "r")]
    assert row["mean_difference"] == pytest.approx(own["all", "r"].mean())
    assert row["n_participants"] == 2
    assert row["mixed_ci_low"] < row["mixed_mean"] < row["mixed_ci_high"]
    assert all((derivatives / link).is_file() for link in re.findall(r'href="(group/[^"]+)"', text))


def test_only_those_who_are_asked_for_are_in(derivatives):
    for k, label in enumerate(("02", "03")):
        _add_participant(derivatives, label, 0.1 * k)
    text = write_group_report(derivatives, ["01", "03"]).read_text("utf-8")
    assert "2 participants" in text and "sub-02" not in text
    paired = pd.read_csv(derivatives / "group" / "desc-paired_participants.tsv", sep="\t")
    assert set(paired["n_participants"]) == {2}
    with pytest.raises(DataError, match="of sub-09; run the participant level first"):
        write_group_report(derivatives, ["09"])


def test_one_participant_gives_no_interval_and_says_why(derivatives):
    text = write_group_report(derivatives).read_text("utf-8")
    assert "There is one participant" in text
    paired = pd.read_csv(derivatives / "group" / "desc-paired_participants.tsv", sep="\t")
    assert paired[["ci_low", "ci_high", "mixed_mean"]].isna().all().all()
    assert not (derivatives / "group" / "desc-selection_participants.tsv").exists()
    assert "Needs two participants or more" in text


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


def _with_likelihood(rows):
    """Return scores of voxels with a log-likelihood for each model."""
    columns = ["model", "fold", "region", "target", "log_likelihood"]
    return pd.DataFrame(rows, columns=columns).assign(r=0.1, r2=0.01)


def test_log_likelihoods_are_summed_over_targets_that_all_models_have():
    rows = [(m, f, "V1", t, k + 10.0 * t) for k, m in enumerate("ab") for f in "12" for t in (0, 1)]
    rows += [("a", f, "V2", 0, np.nan) for f in "12"] + [("b", f, "V2", 0, 5.0) for f in "12"]
    found = participant_scores(_with_likelihood(rows)).set_index(["model", "region"])
    assert found["log_likelihood"].dropna().to_dict() == {
        ("a", "V1"): 20.0, ("b", "V1"): 24.0, ("a", "all"): 20.0, ("b", "all"): 24.0
    }  # fmt: skip


def test_selection_has_both_priors_and_leaves_out_who_lacks_a_model():
    # the reference case of the literature, models in rows there (Rigoux et al. 2014, equations)
    evidence = np.array([[0, -1, 0.5, -2, 0], [-1, 0, 0, 0, -3], [-5, -4, -3, -6, -2]]).T
    rows = [
        (f"sub-{i}", "task-x", "V1", model, value)
        for i, row in enumerate(evidence)
        for model, value in zip("abc", row, strict=True)
    ]
    rows += [("sub-9", "task-x", "V1", "a", 3.0)]
    columns = ["participant_id", "analysis", "region", "model", "log_likelihood"]
    found = model_selection(pd.DataFrame(rows, columns=columns))
    assert found["n_participants"].unique().tolist() == [5]
    flat, sparse = (found[found["prior_count"] == p] for p in found["prior_count"].unique())
    assert flat["protected_exceedance"].tolist() == pytest.approx([0.464, 0.348, 0.187], abs=2e-3)
    assert sparse["protected_exceedance"].tolist() == pytest.approx([0.487, 0.318, 0.195], abs=2e-3)
    assert model_selection(pd.DataFrame(rows[:3], columns=columns)).empty


def test_selection_is_shown_and_goes_when_there_is_none_any_more(derivatives):
    _add_participant(derivatives, "02", 0.1)
    tables = sorted(derivatives.glob("sub-*/func/*_desc-scores_timeseries.tsv"))
    without = [path.read_bytes() for path in tables]
    for path in tables:
        table = pd.read_csv(path, sep="\t")
        likely = np.where(table["model"] == "drm", -10.0, -12.0)
        table.assign(log_likelihood=likely).to_csv(path, sep="\t", index=False)
    text = write_group_report(derivatives).read_text("utf-8")
    path = derivatives / "group" / "desc-selection_participants.tsv"
    found = pd.read_csv(path, sep="\t").query("region == 'all' and prior_count == 1")
    assert found.set_index("model")["frequency"].to_dict() == pytest.approx(
        {"glm": 0.25, "drm": 0.75}
    )
    for said in ("protected exceedance", "Rigoux, L.", "Efron, B.", "desc-selection_bold.svg"):
        assert said in text
    for table, content in zip(tables, without, strict=True):
        table.write_bytes(content)
    assert "Rigoux, L." not in write_group_report(derivatives).read_text("utf-8")
    assert not path.exists()
