"""Tables of recovery that the report shows."""

from pathlib import Path

import pandas as pd

from drmbids import DRMRegressor, load_runs
from drmbids.app.analysis.recover import write_recovery
from drmbids.bids.derivatives import DerivativeDataset
from drmbids.compare.recovery.truth import find_truth
from drmbids.data.tools.resources import demo_dataset


def test_estimate_and_truth_are_written(tmp_path: Path) -> None:
    dataset = demo_dataset()
    func = dataset / "derivatives" / "preprocessed" / "sub-01" / "func"
    masks = {n: func / f"sub-01_task-contrast_desc-{n}_mask.nii.gz" for n in ("V1", "V2")}
    runs = load_runs(dataset, subject="01", run="01", atlas_or_mask=masks)
    fitted = DRMRegressor(dataset.parent / "models" / "two_areas.yaml", n_epochs=1).fit(runs)
    truth = find_truth(dataset, "01")
    assert truth is not None
    write_recovery(DerivativeDataset(tmp_path, dataset), runs, fitted, truth)
    tables = {p.name.split("desc-")[1]: p for p in tmp_path.glob("sub-01/models/*.tsv")}
    assert set(tables) == {"recovery_scores.tsv", "truth_hrf.tsv"}
    recovery = pd.read_csv(tables["recovery_scores.tsv"], sep="\t")
    assert list(recovery.columns) == ["quantity", "name", "unit", "truth", "estimate"]
    hrf = pd.read_csv(tables["truth_hrf.tsv"], sep="\t")
    assert list(hrf.columns) == list(fitted.hrf_table().columns)
    assert all(p.with_suffix(".json").is_file() for p in tables.values())
