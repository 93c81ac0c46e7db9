"""`drmbids simulate`: a valid BIDS dataset that loads again as it was drawn."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drmbids import default_model, load_runs
from drmbids.app.commands.simulate import run_simulation
from drmbids.compare.recovery.truth import find_truth, read_truth
from drmbids.data.tools.exceptions import ModelError, UsageError

MODEL = """\
schema_version: 1
name: pair
resolution_s: 0.5
stimuli:
  events: {conditions: [face, house]}
populations:
  FFA: {kind: leaky, units: 1, tau_s: 1.0}
  PPA: {kind: leaky, units: 2, tau_s: [1.0, 4.0]}
projections:
  - {from: events, to: FFA}
  - {from: FFA, to: PPA, delay_s: 0.5}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model file of two areas."""
    path = tmp_path / "pair.yaml"
    path.write_text(MODEL)
    return path


def small(model: Path, out_dir: Path, **options: float) -> int:
    """Draw two short runs of one participant, unless asked for something else."""
    sizes = {"n_runs": 2, "n_volumes": 40, "n_voxels": 8, **options}
    return run_simulation(model, out_dir, **sizes)


def test_dataset_is_valid(model: Path, tmp_path: Path) -> None:
    out_dir = tmp_path / "ds"
    assert small(model, out_dir, n_participants=2) == 0
    validator = Path(sys.executable).with_name("bids-validator-deno")
    if not validator.is_file():
        pytest.skip("bids-validator-deno is not installed beside this Python")
    for root in (out_dir, out_dir / "derivatives" / "preprocessed"):
        done = subprocess.run([validator, root], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


def test_dataset_loads_as_runs(model: Path, tmp_path: Path) -> None:
    out_dir = tmp_path / "ds"
    small(model, out_dir, tr=1.5)
    derived = out_dir / "derivatives" / "preprocessed"
    func = derived / "sub-01" / "func"
    masks = {n: func / f"sub-01_task-simulated_desc-{n}_mask.nii.gz" for n in ("FFA", "PPA")}
    runs = load_runs(
        out_dir, derivatives=derived, atlas_or_mask=masks, confounds=["trans_*", "rot_*"]
    )
    assert [run.entities["run"] for run in runs] == ["01", "02"]
    for run in runs:
        assert run.tr == 1.5
        assert {name: s.values.shape for name, s in run.responses.items()} == {
            "FFA": (40, 8),
            "PPA": (40, 8),
        }
        assert run.stimuli["events"].columns == ("face", "house")
        assert run.confounds is not None
        assert len(run.confounds.columns) == 6
        assert np.mean(run.responses["FFA"].values) == pytest.approx(1000, rel=0.05)
    raw = load_runs(out_dir, atlas_or_mask=masks)
    np.testing.assert_array_equal(raw[0].responses["PPA"].values, runs[0].responses["PPA"].values)


def test_truth_lies_beside_the_data(model: Path, tmp_path: Path) -> None:
    out_dir = tmp_path / "ds"
    small(model, out_dir)
    path = find_truth(out_dir, "01")
    assert path is not None
    table = read_truth(path).set_index(["quantity", "name"])["value"]
    assert table["time constant", "FFA"] == 1.0
    assert table["time constant", "PPA 2"] == 4.0
    assert (out_dir / "code" / "model.yaml").is_file()


@pytest.mark.parametrize("kind", ["lead_field", "choice", "balloon"])
def test_a_readout_of_no_image_is_refused(model: Path, tmp_path: Path, kind: str) -> None:
    model.write_text(MODEL + f"readout: {{kind: {kind}}}\n")
    with pytest.raises(ModelError, match=f"needs the one readout bold, got {kind}; simulate_runs"):
        small(model, tmp_path / "ds")
    assert not (tmp_path / "ds").exists()


def test_the_same_seed_gives_the_same_files(model: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        small(model, tmp_path / name, random_seed=seed, n_runs=1)

    def files(name: str) -> dict[str, bytes]:
        root = tmp_path / name
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    assert files("a") == files("b")
    assert files("a") != files("c")


def test_default_model_can_be_drawn_from(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(default_model().to_yaml())
    assert small(path, tmp_path / "ds", n_runs=1) == 0
    assert len(list((tmp_path / "ds").rglob("*_desc-V*_mask.nii.gz"))) == 2


def test_a_folder_with_files_is_not_touched(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an empty folder"):
        small(model, tmp_path)


def test_another_stimulus_than_events_is_refused(model: Path, tmp_path: Path) -> None:
    model.write_text(MODEL.replace("events", "video"))
    with pytest.raises(ModelError, match="stimulus 'events'"):
        small(model, tmp_path / "ds")
