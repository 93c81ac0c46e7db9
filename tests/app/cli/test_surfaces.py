"""Surfaces, grayordinates and parcels from the command line, in and out."""

import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.cli.main import main

KINDS = {
    "gifti": ("_hemi-L_space-fsaverage5_", ".func.gii", ".func.gii"),
    "dtseries": ("_space-fsLR_den-91k_", ".dtseries.nii", ".dscalar.nii"),
    "ptseries": ("_space-fsLR_seg-Two_den-91k_", ".ptseries.nii", ".pscalar.nii"),
}

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.mark.parametrize("kind", KINDS)
def test_results_come_in_the_form_of_the_data(surfaces: Path, tmp_path: Path, kind: str) -> None:
    out, bids = tmp_path / "out", surfaces.parents[1]
    options = ["-d", f"fmriprep={surfaces}", "--file-format", kind, "--n-epochs", "1"]
    options += ["--n-permutations", "0", "-q"]
    assert main([str(bids), str(out), "participant", *options]) == 0
    place, series, scores = KINDS[kind]
    func = out / "sub-01" / "func"
    stem = f"sub-01_task-look_run-1{place}"
    predicted = nib.load(func / f"{stem}desc-drmpredicted_bold{series}")
    n_volumes = len(predicted.darrays) if kind == "gifti" else predicted.shape[0]
    assert n_volumes == 40
    sidecar = json.loads((func / f"{stem}desc-drmpredicted_bold.json").read_text())
    assert sidecar["RepetitionTime"] == 2.0 and sidecar["Sources"]
    stem = f"sub-01_task-look{place}"
    image = nib.load(func / f"{stem}stat-r_desc-drm_statmap{scores}")
    found = image.darrays[0].data if kind == "gifti" else image.get_fdata()[0]
    table = next(func.glob("*_desc-scores_timeseries.tsv"))
    rows = pd.read_csv(table, sep="\t")
    mean = rows[rows["model"] == "drm"].groupby(["region", "target"], sort=False)["r"].mean()
    finite = found[np.isfinite(found)]
    np.testing.assert_allclose(finite, mean.to_numpy()[: len(finite)], rtol=1e-5)
    assert np.median(finite) > 0.5
    page = (out / "sub-01.html").read_text()
    assert "Best target" in page and "are not drawn in space" in page
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if validator.is_file():
        command = [validator, "--format", "json", out]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        issues = json.loads(text)["issues"]["issues"]
        assert [i for i in issues if i["severity"] == "error"] == []


def test_the_check_names_what_to_choose(surfaces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(surfaces), "--json"]) == 65
    (problem,) = json.loads(capsys.readouterr().out)
    assert problem["code"] == "DS05" and "--file-format" in problem["remedy"]
    assert main(["check", str(surfaces), "--file_format", "gifti"]) == 0
    assert main(["check", str(surfaces), "--space", "space-fsaverage5", "--hemi", "L"]) == 0
