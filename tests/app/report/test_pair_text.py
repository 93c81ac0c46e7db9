"""What is said of given models, from one participant and over several."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from drmbids.app.report import write_group_report, write_participant_report
from drmbids.app.report.folder import Analysis, find_analyses
from drmbids.app.report.group_pairs import group_pairs, pair_headlines
from drmbids.app.report.headline import participant_headlines
from drmbids.app.report.pair_text import pair_sentence
from drmbids.compare.statistics.pairs import compare_pairs
from drmbids.data.runs.results import Results

SIZES = {"forward": 10, "loop": 12, "gate": 11}


def scores(shifts: dict[str, float], n_folds: int = 5, seed: int = 0) -> pd.DataFrame:
    """Return scores of models in two regions, each with noise of its own."""
    rng = np.random.default_rng(seed)
    rows = [
        (model, f"run-{f}", region, k, 0.4 + shift + rng.normal(0, 0.004), 0.2)
        for model, shift in shifts.items()
        for f in range(n_folds)
        for region in ("V1", "V2")
        for k in range(9)
    ]
    return pd.DataFrame(rows, columns=["model", "fold", "region", "target", "r", "r2"])


def said(table: pd.DataFrame, **options: object) -> str:
    pairs = compare_pairs(Results(table), n_parameters=SIZES)
    text = pair_sentence(pairs, SIZES, **options)
    assert text is not None
    return text


def test_the_better_one_is_named_with_interval_and_p() -> None:
    table = scores({"forward": 0, "loop": 0.1})
    pairs = compare_pairs(Results(table)).set_index("region").loc["all"]
    text = said(table)
    low, high = (f"{float(f'{pairs[name]:.2g}'):.3g}" for name in ("ci_low", "ci_high"))
    mean = f"{float(format(pairs['fold_mean'], '.2g')):.3g}"
    beginning = f"Held-out r: loop predicts better than forward, by {mean} (95 % interval "
    assert text.startswith(beginning)
    assert f"{low} to {high}, p = " in text
    turned = table[::-1]  # the order in which models are given does not matter
    assert said(turned) == text


def test_the_simpler_one_is_named_where_data_do_not_tell() -> None:
    text = said(scores({"loop": 0, "forward": 0}))
    assert "these data do not tell" in text and "better" not in text
    assert text.endswith("forward is the simpler (10 parameters against 12).")
    sure = scores({"forward": 0, "loop": 0})
    sure.loc[sure["model"] == "loop", "r"] = sure.loc[sure["model"] == "forward", "r"].to_numpy()
    assert "difference 0, the same scores" in said(sure)
    sure.loc[sure["model"] == "loop", "r"] += np.linspace(0.0005, 0.0006, 90)
    assert "less than the 0.004 that is worth naming; forward is the simpler" in said(sure)


def test_of_several_models_the_best_is_compared_with_each() -> None:
    text = said(scores({"forward": 0, "loop": 0.1, "gate": 0.1}))
    first, *rest = text.split("; ")
    assert first.count("better than forward") == 1 and "corrected for 3 pairs" in first
    assert rest[0].startswith("these data do not tell ")
    assert rest[-1] == "gate is the simpler (11 parameters against 12)."
    none = said(scores(dict.fromkeys(SIZES, 0.0)))
    assert none.endswith("forward is the simplest (10 parameters against 11, 12).")


def test_a_single_region_is_not_passed_over() -> None:
    table = scores({"forward": 0, "loop": 0})
    here = (table["model"] == "loop") & (table["region"] == "V1")
    # better in half of all voxels and worse in the others, so that the median does not tell
    table.loc[here, "r"] += 0.1
    table.loc[(table["model"] == "loop") & (table["region"] == "V2"), "r"] -= 0.1
    expected = r"in single regions loop is better in V1, by 0\.\S+, forward is better in V2, by 0\."
    assert re.search(expected, said(table))


def test_in_sample_nothing_is_claimed() -> None:
    text = said(scores({"forward": 0, "loop": 0.1}, n_folds=1), in_sample=True)
    assert text.startswith("In-sample r of loop: 0.1 more than forward. Nothing was held out")
    assert "predicts better than" not in text


def test_folds_without_scores_and_one_fold() -> None:
    table = scores({"forward": 0, "loop": 0.1})
    failed = (table["model"] == "loop") & (table["fold"] == "run-0")
    text = said(table.assign(r=table["r"].mask(failed), r2=table["r2"].mask(failed)), n_folds=5)
    assert "over 4 of 5 folds, the others lack scores" in text
    assert "no interval" in said(scores({"forward": 0, "loop": 0.1}, n_folds=1))
    lacking = table.assign(r=table["r"].mask(table["model"] == "loop"))
    assert "no score in common" in said(lacking.assign(r2=lacking["r"]))


def test_one_model_gives_no_sentence(tmp_path: Path) -> None:
    assert pair_sentence(pd.DataFrame(columns=["region", "model"]), {}) is None
    assert "; " not in str(pair_sentence(compare_pairs(Results(scores({"a": 0, "b": 0}))), {}))
    assert participant_headlines(Analysis(tmp_path, "sub-01", ("sub-01",))) == []


def write(out: Path, subject: str, table: pd.DataFrame, held_out: str = "run") -> None:
    """Write a participant with linear models beside the given ones."""
    stem = f"sub-{subject}_task-look"
    for name in ("func", "models"):
        (out / f"sub-{subject}" / name).mkdir(parents=True)
    folder = out / f"sub-{subject}"
    table.to_csv(folder / "func" / f"{stem}_desc-scores_timeseries.tsv", sep="\t", index=False)
    given = [name for name in table["model"].unique() if name in SIZES]
    pairs = compare_pairs(Results(table), given, SIZES)
    path = folder / "models" / f"{stem}_desc-pairs_scores.tsv"
    pairs.to_csv(path, sep="\t", index=False, na_rep="n/a")
    inputs = {
        "baseline": "glm",
        "free_hrf": "freehrf",
        "models": ["glm", "freehrf", *given],
        "fitted": [{"name": name, "n_parameters": SIZES[name]} for name in given],
        "cross_validation": {"held_out": held_out},
    }
    (folder / "models" / f"{stem}_desc-inputs_runs.json").write_text(json.dumps(inputs))


LINEAR = {"glm": -0.1, "freehrf": -0.05}


def test_reports_begin_with_it(tmp_path: Path) -> None:
    for k in range(3):
        # the second participant has the files in another order
        given = {"forward": 0.0, "loop": 0.1 + 0.01 * k}
        given = dict(reversed(given.items())) if k == 1 else given
        write(tmp_path, f"0{k + 1}", scores(LINEAR | given, seed=k))
    page = write_participant_report(tmp_path, "01").read_text("utf-8")
    first, *rest = [line for line in page.splitlines() if 'class="lead"' in line]
    assert "Held-out r: loop predicts better than forward, by" in first
    assert len(rest) == 2 and all("freehrf (free HRF)" in line for line in rest)
    assert 'id="pairs"' in page
    page = write_group_report(tmp_path).read_text("utf-8")
    first, *rest = [line for line in page.splitlines() if 'class="lead"' in line]
    assert "Held-out r: loop predicts better than forward, by 0.1" in first
    assert "3 participants" in first
    assert len(rest) == 2 and not any("than forward" in line for line in rest)
    paired = pd.read_csv(tmp_path / "group" / "desc-paired_participants.tsv", sep="\t")
    own = paired[(paired["baseline"] == "forward") & (paired["score"] == "r")]
    assert own.groupby("region")["n_participants"].max().to_dict() == {"V1": 3, "V2": 3, "all": 3}
    assert own["model"].unique().tolist() == ["loop"]


def test_two_participants_in_sample(tmp_path: Path) -> None:
    table = scores(LINEAR | {"forward": 0.0, "loop": 0.1}, n_folds=1)
    analyses = {}
    for k in (1, 2):
        write(tmp_path, f"0{k}", table, held_out="none")
        (own,) = find_analyses(tmp_path / f"sub-0{k}")
        analyses[own] = "task-look"
        assert "In-sample r of loop" in participant_headlines(own)[0]
    means = {"mixed_mean": 0.1, "mixed_ci_low": 0.05, "mixed_ci_high": 0.15, "mixed_p": 0.01}
    row = {"analysis": "task-look", "region": "all", "model": "loop", "baseline": "forward"}
    bootstrap = {"mean_difference": 0.1, "ci_low": 0.1, "ci_high": 0.1, "p": 0.5}
    paired = pd.DataFrame([row | means | bootstrap | {"score": "r", "n_participants": 2}])
    people = pd.DataFrame({"analysis": "task-look", "region": "all", "model": ["forward", "loop"],
                           "r_median": [0.4, 0.5]})  # fmt: skip
    found = group_pairs(paired, people, analyses)
    assert found[["fold_mean", "ci_low", "ci_high", "p"]].to_numpy().tolist() == [
        [0.1, 0.05, 0.15, 0.01]
    ]
    (text,) = pair_headlines(found, analyses)
    assert text.startswith("In-sample r of loop") and "predicts better than" not in text
    held_out = {own: "task-look" for own in analyses}
    for own in held_out:
        own.inputs["cross_validation"]["held_out"] = "run"
    (text,) = pair_headlines(found, held_out)
    assert text.startswith("Held-out r: loop predicts better than forward, by 0.1 (95 % interval")
    alone = found.assign(
        fold_mean=0.1, ci_low=np.nan, ci_high=np.nan, p_pairs=np.nan, better=np.nan
    )
    (text,) = pair_headlines(alone, held_out)
    assert "do not tell loop and forward apart: difference 0.1 (no interval" in text
    assert group_pairs(pd.DataFrame(), people, analyses).empty
    assert pair_headlines(pd.DataFrame(), analyses) == []
