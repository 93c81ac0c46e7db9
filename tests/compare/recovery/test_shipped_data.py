"""The shipped data: made by their script, valid, and what is known of them is recovered."""

import gzip
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from drmbids import DRMRegressor, GLMBaseline, Results, Run, compare_models
from drmbids.compare.recovery.compare import recovery_table
from drmbids.compare.recovery.truth import find_truth

#: Each participant with a seed of its own.
SEEDS = {"01": 0, "02": 3}
one_of_them = pytest.mark.parametrize("participant", ["01"], indirect=True)


def content(path: Path) -> bytes:
    """Return what a file holds; compressors of different versions pack it differently."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_the_script_makes_the_shipped_files(
    dataset: Path, script: SimpleNamespace, tmp_path: Path
) -> None:
    script.main(tmp_path)
    shipped, made = (
        {p.relative_to(root): content(p) for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (dataset, tmp_path)
    )
    # the one line that names the version of drmbids
    name = Path("derivatives/preprocessed/dataset_description.json")
    assert shipped.pop(name)
    assert made.pop(name)
    assert list(shipped) == list(made)
    assert [str(p) for p in shipped if shipped[p] != made[p]] == []


def test_dataset_is_valid_and_small(dataset: Path) -> None:
    assert sum(p.stat().st_size for p in dataset.rglob("*") if p.is_file()) < 3e6
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.is_file():
        pytest.skip("bids-validator-deno is not installed beside this Python")
    for root in (dataset, dataset / "derivatives" / "preprocessed"):
        done = subprocess.run([validator, root], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


def recovered(estimator: DRMRegressor, dataset: Path, runs: list[Run]) -> pd.DataFrame:
    """Return the recovery table by quantity and name."""
    truth = find_truth(dataset, runs[0].entities["subject"])
    assert truth is not None
    return recovery_table(estimator, truth).set_index(["quantity", "name"])


@pytest.mark.slow
@pytest.mark.parametrize(("participant", "seed"), SEEDS.items(), indirect=["participant"])
def test_truth_is_recovered(participant: list[Run], dataset: Path, models: Path, seed: int) -> None:
    estimator = DRMRegressor(models / "two_areas.yaml", random_state=seed)
    start = DRMRegressor(models / "two_areas.yaml", random_state=seed, n_epochs=1, learning_rate=1e-9)  # fmt: skip  # noqa: E501
    table = recovered(estimator.fit(participant), dataset, participant)
    before = recovered(start.fit(participant[:2]), dataset, participant)
    error = (table["estimate"] - table["truth"]).abs()
    assert (error["time constant"] / table["truth"]["time constant"]).max() < 0.2
    assert error["HRF peak"].max() < 0.2
    assert error["connection sign"].max() == 0
    assert error["relative weight"].max() < 0.1
    assert (error["loop gain"] / -table["truth"]["loop gain"]).max() < 0.2
    # none of it was there to begin with
    error = (before["estimate"] - before["truth"]).abs()
    assert (error["time constant"] / table["truth"]["time constant"]).min() > 0.3
    assert error["HRF peak"].min() > 0.25
    assert (error["loop gain"] / -table["truth"]["loop gain"]).min() > 0.9


@pytest.mark.slow
@one_of_them
def test_true_structure_predicts_best(participant: list[Run], models: Path) -> None:
    compared = {
        "glm": GLMBaseline(),
        "no_feedback": DRMRegressor(models / "no_feedback.yaml", n_epochs=60),
        "two_areas": DRMRegressor(models / "two_areas.yaml", n_epochs=60),
    }
    # two folds of five: held out are the first run and the last
    folds = [([1, 2, 3, 4], [0]), ([0, 1, 2, 3], [4])]
    results = compare_models(compared, participant, cv=folds, n_models_at_once=2)
    scores = results.table.groupby(["fold", "region", "model"])["r2"].mean().unstack("model")
    assert (scores["two_areas"] > scores["no_feedback"]).all()
    assert (scores["two_areas"] > scores["glm"] + 0.02).all()
    assert scores["no_feedback"].mean() > scores["glm"].mean()


def shuffled(runs: list[Run]) -> list[Run]:
    """Return runs whose responses belong to the stimuli of the run before."""
    stimuli = [run.stimuli for run in runs]
    return [replace(run, stimuli=stimuli[k - 1]) for k, run in enumerate(runs)]


def mean_r(results: Results) -> float:
    return float(np.nanmean(results.table["r"]))


@pytest.mark.slow
@one_of_them
def test_shuffled_stimuli_score_at_chance(participant: list[Run], models: Path) -> None:
    model = {"two_areas": DRMRegressor(models / "two_areas.yaml", n_epochs=20)}
    folds = [([0, 1, 2], [3, 4])]
    null = mean_r(compare_models(model, shuffled(participant), cv=folds))
    real = mean_r(compare_models(model, participant, cv=folds))
    assert abs(null) < 0.1
    assert real > 0.25


@one_of_them
def test_estimate_of_what_a_model_lacks_is_missing(
    participant: list[Run], dataset: Path, models: Path
) -> None:
    fitted = DRMRegressor(models / "no_feedback.yaml", n_epochs=1).fit(participant[:2])
    table = recovered(fitted, dataset, participant)
    missing = table.index[table["estimate"].isna()].tolist()
    assert missing == [("connection sign", "V2 -> V1"), ("loop gain", "V1 <-> V2")]
