"""A participant from the command line: which files there are, and what is in them."""

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import joblib
import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from drmbids.app.cli.main import main
from drmbids.data.storage.files import sha256

FILES = Path(__file__).with_name("participant_files.txt")

pytestmark = [pytest.mark.usefixtures("no_figures"), pytest.mark.whole_fit]


def level(bids: Path, *options: str, out: Path | None = None) -> int:
    """Run the participant level with little training."""
    out = bids / "derivatives" / "drmbids" if out is None else out
    return main([str(bids), str(out), "participant", "--n-epochs", "1", *options])


@pytest.fixture(scope="module")
def done(write_bids: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the derivatives of one participant, made once for this module."""
    bids = write_bids(tmp_path_factory.mktemp("participant") / "ds")
    assert level(bids, "--random-seed", "3", "-q") == 0
    return bids / "derivatives" / "drmbids"


def files_in(root: Path) -> list[str]:
    """Return the files of a dataset, the folder of a call by a name of its own."""
    names = (p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    call = next((root / "logs").glob("*_*")).name
    return sorted(name.replace(call, "CALL") for name in names)


def test_files_are_those_of_the_list(done: Path) -> None:
    assert files_in(done) == FILES.read_text().split()
    assert "could not be made" not in (done / "sub-01.html").read_text()


def assert_valid(dataset: Path) -> None:
    """Fail on an error that the BIDS validator finds; skip where it is not installed."""
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.is_file():
        pytest.skip("bids-validator-deno is not installed beside this Python")
    command = [validator, "--format", "json", dataset]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    issues = json.loads(found.stdout)["issues"]["issues"]
    assert [i for i in issues if i["severity"] == "error"] == []
    assert found.returncode == 0


def test_bids_validator_finds_no_error(done: Path) -> None:
    assert_valid(done)


def test_prediction_and_residual_add_up_to_the_measured_series(done: Path) -> None:
    func, stem = done / "sub-01" / "func", "sub-01_task-look_run-1"
    image = nib.load(done.parents[1] / "sub-01" / "func" / f"{stem}_bold.nii.gz")
    measured = np.asarray(image.dataobj)[1:3, 1:3].reshape(8, -1).T
    design = np.vander(np.linspace(-1, 1, len(measured)), 3)  # constant, linear, quadratic drift
    clean = measured - design @ np.linalg.lstsq(design, measured, rcond=None)[0]
    for model in ("glm", "drm"):
        parts = [
            nib.load(func / f"{stem}_desc-{model}{kind}_bold.nii.gz")
            for kind in ("predicted", "residual")
        ]
        total = sum(np.asarray(part.dataobj, dtype=float) for part in parts)
        np.testing.assert_allclose(total[1:3, 1:3].reshape(8, -1).T, clean, atol=1e-4)
        assert not total[0].any()
        assert parts[0].header.get_zooms()[3] == 2.0
        assert parts[0].get_data_dtype() == np.float32


def test_score_maps_hold_the_mean_of_the_table(done: Path) -> None:
    func = done / "sub-01" / "func"
    table = pd.read_csv(func / "sub-01_task-look_desc-scores_timeseries.tsv", sep="\t")
    assert sorted(table["fold"].unique()) == [f"sub-01_task-look_run-{k}" for k in (1, 2, 3)]
    for model in ("glm", "drm"):
        image = nib.load(func / f"sub-01_task-look_stat-r_desc-{model}_statmap.nii.gz")
        values = np.asarray(image.dataobj)
        expected = table[table["model"] == model].groupby("target")["r"].mean()
        np.testing.assert_allclose(values[1:3, 1:3].ravel(), expected, rtol=1e-5)
        assert np.isnan(values[0]).all()
    # the data hold a clear response, so both models have to find it
    assert table.groupby("model")["r"].median().min() > 0.5


def test_every_table_has_a_sidecar_for_each_column(done: Path) -> None:
    tables = list((done / "sub-01").rglob("*.tsv"))
    assert len(tables) == 12
    for path in tables:
        described = json.loads(path.with_suffix(".json").read_text())
        assert list(described) == list(pd.read_csv(path, sep="\t").columns)


def test_record_tells_what_went_in(done: Path) -> None:
    path = done / "sub-01" / "models" / "sub-01_task-look_desc-inputs_runs.json"
    record = json.loads(path.read_text())
    assert (record["models"], record["baseline"]) == (["glm", "freehrf", "mean", "drm"], "glm")
    (fitted,) = record["fitted"]
    assert (fitted["name"], fitted["seed"]) == ("drm", 3)
    assert record["regions"] == {"brain": 8}
    assert [run["n_volumes"] for run in record["runs"]] == [40, 40, 40]
    assert record["runs"][0]["conditions"] == [
        {"name": "face", "n_events": 2, "seconds": 16.0},
        {"name": "house", "n_events": 2, "seconds": 16.0},
    ]
    assert record["warnings"] == record["errors"] == []
    assert record["versions"]["drmbids"] and fitted["populations"][0]["name"] == "brain"


def test_sources_lead_to_the_input_files(done: Path) -> None:
    root = done / json.loads((done / "dataset_description.json").read_text())["DatasetLinks"]["raw"]
    sidecar = done / "sub-01" / "func" / "sub-01_task-look_run-2_desc-drmpredicted_bold.json"
    sources = json.loads(sidecar.read_text())["Sources"]
    assert len(sources) == 2
    assert all((root / uri.removeprefix("bids:raw:")).is_file() for uri in sources)


def test_configuration_repeats_the_call(done: Path, tmp_path: Path) -> None:
    config = next(done.glob("logs/*/config.toml"))
    assert tomllib.loads(config.read_text())["random_seed"] == 3
    bids = done.parents[1]
    assert main([str(bids), str(tmp_path), "participant", "--config-file", str(config)]) == 0
    for name in files_in(done):
        if name.endswith((".nii.gz", ".safetensors", "scores_timeseries.tsv")):
            assert sha256(tmp_path / name) == sha256(done / name), name


def test_manifest_has_the_checksum_of_the_weights(done: Path) -> None:
    models = done / "sub-01" / "models"
    manifest = json.loads((models / "sub-01_task-look_desc-drm_manifest.json").read_text())
    weights = (models / "sub-01_task-look_desc-drm_weights.safetensors").read_bytes()
    assert hashlib.sha256(weights).hexdigest() in json.dumps(manifest)


def test_report_is_written_again_alone(done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    (out / "sub-01.html").unlink()
    before = sha256(out / "sub-01/models/sub-01_task-look_desc-drm_weights.safetensors")
    assert level(done.parents[1], "--reports-only", out=out) == 0
    assert "Participant 01" in (out / "sub-01.html").read_text()
    assert sha256(out / "sub-01/models/sub-01_task-look_desc-drm_weights.safetensors") == before


def test_methods_text_is_written_again_alone(done: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(done, out)
    text = (out / "logs" / "CITATION.md").read_text()
    (out / "logs" / "CITATION.md").unlink()
    before = {p: p.stat().st_mtime_ns for p in (out / "sub-01").rglob("*")}
    assert level(done.parents[1], "--boilerplate-only", out=out) == 0
    assert (out / "logs" / "CITATION.md").read_text() == text
    assert {p: p.stat().st_mtime_ns for p in (out / "sub-01").rglob("*")} == before
    assert level(done.parents[1], "--boilerplate-only", out=tmp_path / "other") == 65
    assert level(done.parents[1], "--boilerplate-only", "--reports-only", out=out) == 2


def test_configurations_and_threads_side_by_side(
    two_participants: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two participants in threads of one process, in a folder named after their settings."""
    out = tmp_path / "out"
    few = ("--n-permutations", "0", "--output-layout", "multiverse")
    with joblib.parallel_config("threading", n_jobs=2):
        assert level(two_participants, *few, out=out) == 0
    (own,) = out.iterdir()
    described = json.loads((own / "dataset_description.json").read_text())
    assert own.name == f"hash-{described['ConfigurationHash']}"
    table = next(own.glob("logs/*/participants.tsv")).read_text()
    assert table.count("\tdone\t") == 2
    group = [str(two_participants), str(out), "group"]
    assert main(group) == 65
    assert f"with the options of one of {own.name}" in capsys.readouterr().err
    assert main([*group, "--n-epochs", "1", *few]) == 0
    assert (own / "group.html").is_file()


def test_group_level_gathers_and_names_the_missing(
    done: Path,
    tmp_path: Path,
    write_bids: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bids = write_bids(tmp_path / "ds", subjects=("01", "02"))
    out = tmp_path / "out"
    shutil.copytree(done, out)
    assert main([str(bids), str(out), "group"]) == 0
    assert "drmbids: warning: no results of sub-02" in capsys.readouterr().err
    scores = pd.read_csv(out / "group" / "desc-scores_participants.tsv", sep="\t")
    assert set(scores["model"]) == {"glm", "freehrf", "mean", "drm"}
    described = json.loads((out / "group" / "desc-scores_participants.json").read_text())
    assert list(described) == list(scores.columns)
    assert (out / "group.html").is_file()


def move_to_sessions(bids: Path, session_of_run: dict[str, str]) -> None:
    """Put the runs of a participant into sessions."""
    for run, session in session_of_run.items():
        target = bids / "sub-01" / f"ses-{session}" / "func"
        target.mkdir(parents=True, exist_ok=True)
        for path in (bids / "sub-01" / "func").glob(f"*_run-{run}_*"):
            path.rename(target / path.name.replace("sub-01_", f"sub-01_ses-{session}_"))


def test_results_of_another_task_stay(
    tmp_path: Path, write_bids: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    bids, out = write_bids(tmp_path / "ds", n_runs=4), tmp_path / "out"
    for folder in (bids, bids / "derivatives" / "masks"):
        for path in list((folder / "sub-01" / "func").iterdir()):
            other = path.with_name(path.name.replace("task-look", "task-rest"))
            if "_run-3_" in path.name or "_run-4_" in path.name:
                path.rename(other)
            elif "_mask" in path.name:
                shutil.copy(path, other)
    shutil.copy(bids / "task-look_bold.json", bids / "task-rest_bold.json")
    assert level(bids, "--task", "look", out=out) == 0
    look = {p: sha256(p) for p in out.rglob("*task-look*") if p.is_file() and p.suffix != ".svg"}
    assert level(bids, "--task", "rest", out=out) == 0
    assert {p: sha256(p) for p in look} == look
    assert capsys.readouterr().err == ""
    described = (out / "dataset_description.json").read_bytes()
    options = ("--task", "look", "--random-seed", "9", "--n-permutations", "7")
    assert level(bids, *options, out=out) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "sub-01 with other settings: " in line and "--overwrite" in line
    for difference in ("random_seed not given, now 9", "n_permutations 1000, now 7"):
        assert difference in line
    assert (out / "dataset_description.json").read_bytes() == described
    assert {p: sha256(p) for p in look} == look
    notes = [out / "sub-01" / name for name in ("notes.txt", "models/my_model.yaml")]
    for path in notes:
        path.write_text("mine")
    assert level(bids, *options, "--overwrite", out=out) == 0
    assert [path.read_text() for path in notes] == ["mine", "mine"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "sub-01: replaces the results of an earlier call: " in line
    record = (out / "sub-01/models/sub-01_task-look_desc-inputs_runs.json").read_text()
    assert "replaces the results" in record
    changed = [p.name for p in look if sha256(p) != look[p]]
    assert "sub-01_task-look_desc-drm_weights.safetensors" in changed
    assert (out / "sub-01/models/sub-01_task-rest_desc-drm_weights.safetensors").is_file()


def test_masks_are_regions_of_the_default_model(tiny_bids: Path, tmp_path: Path) -> None:
    masks = []
    for k, name in enumerate(("V1", "FFA")):
        data = np.zeros((4, 4, 2), np.uint8)
        data[1 + k, 1:3] = 1
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(data, np.diag([3.0, 3.0, 3.0, 1.0])), path)
        masks.append(f"{name}={path}")
    assert level(tiny_bids, "--mask", *masks, out=tmp_path / "out") == 0
    models = tmp_path / "out" / "sub-01" / "models"
    record = json.loads((models / "sub-01_task-look_desc-inputs_runs.json").read_text())
    assert record["regions"] == {"V1": 4, "FFA": 4}
    table = pd.read_csv(models / "sub-01_task-look_desc-drm_connections.tsv", sep="\t")
    pairs = set(zip(table["source"], table["target"], strict=True))
    assert pairs == {("events", "V1"), ("events", "FFA"), ("V1", "FFA"), ("FFA", "V1")}


def test_command_line_goes_over_the_configuration_file(tiny_bids: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('n_epochs = 3\nrandom_seed = 4\nbaseline_hrf = "spm"\n')
    out = tmp_path / "out"
    assert level(tiny_bids, "--config-file", str(tmp_path / "c.toml"), out=out) == 0
    config = tomllib.loads(next(out.glob("logs/*/config.toml")).read_text())
    assert (config["n_epochs"], config["random_seed"], config["baseline_hrf"]) == (1, 4, "spm")
    log = out / "sub-01" / "models" / "sub-01_task-look_desc-drm_traininglog.tsv"
    assert pd.read_csv(log, sep="\t")["epoch"].max() == 1


def test_one_session_is_named_and_reaches_the_group_level(
    tmp_path: Path, write_bids: Callable[..., Path]
) -> None:
    bids, out = write_bids(tmp_path / "ds", n_runs=2), tmp_path / "out"
    move_to_sessions(bids, {"1": "a", "2": "a"})
    assert level(bids, out=out) == 0
    assert (out / "sub-01/func/sub-01_ses-a_task-look_desc-scores_timeseries.tsv").is_file()
    assert main([str(bids), str(out), "group"]) == 0
    assert_valid(out)


def test_sessions_have_their_folders(tmp_path: Path, write_bids: Callable[..., Path]) -> None:
    bids = write_bids(tmp_path / "ds", n_runs=2)
    move_to_sessions(bids, {"1": "1", "2": "2"})
    assert level(bids, "--cv", "session") == 0
    out = bids / "derivatives" / "drmbids"
    name = "sub-01_ses-2_task-look_run-2_desc-drmpredicted_bold.nii.gz"
    assert (out / "sub-01" / "ses-2" / "func" / name).is_file()
    table = out / "sub-01" / "func" / "sub-01_task-look_desc-scores_timeseries.tsv"
    folds = pd.read_csv(table, sep="\t")["fold"].unique()
    assert sorted(folds) == ["sub-01_ses-1", "sub-01_ses-2"]
