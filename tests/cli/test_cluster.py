"""The script of a cluster: every job is the participant that its number says."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from drmbids.cli.main import main


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    root = tmp_path / "my data"  # a space, as on shared folders
    for label in ("01", "02", "10"):
        (root / f"sub-{label}" / "func").mkdir(parents=True)
        (root / f"sub-{label}" / "func" / f"sub-{label}_task-a_bold.nii.gz").touch()
    (root / "dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.10.1"}')
    return root


def run_job(script: Path, number: int, folder: Path) -> list[str]:
    """Run a job with a stand-in for the command that prints its arguments."""
    stand_in = folder / "bin" / "drmbids"
    stand_in.parent.mkdir(exist_ok=True)
    stand_in.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": str(number),
    }
    done = subprocess.run(
        ["bash", str(script)], env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_each_job_is_one_participant(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = "--n-epochs 7 --mem-mb 4000 --time 2:00:00 --n-threads 2 --n-jobs-at-once 5"
    assert main(["cluster", "my data", "out", "jobs.sbatch", *asked.split()]) == 0
    script = tmp_path / "jobs.sbatch"
    text = script.read_text()
    for line in ("--array=0-2%5", "--cpus-per-task=2", "--mem=4000M", "--time=2:00:00"):
        assert f"#SBATCH {line}\n" in text
    assert (tmp_path / "out" / "logs").is_dir()
    settings = script.with_suffix(".toml")
    for number, label in enumerate(("01", "02", "10")):
        assert run_job(script, number, tmp_path) == [
            str(dataset), str(tmp_path / "out"), "participant",
            "--config-file", str(settings), "--participant-label", label,
        ]  # fmt: skip
    kept = tomllib.loads(settings.read_text())
    assert (kept["n_epochs"], kept["bids_dir"]) == (7, str(dataset))


def test_only_those_asked_for(dataset: Path, tmp_path: Path) -> None:
    script = tmp_path / "jobs.sh"
    call = ["cluster", str(dataset), str(tmp_path / "out"), str(script)]
    assert main([*call, "--participant-label", "sub-10"]) == 0
    assert "--array=0-0\n" in script.read_text()
    assert run_job(script, 0, tmp_path)[-1] == "10"


def test_a_participant_that_is_not_there(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "jobs.sh"
    call = ["cluster", str(dataset), str(tmp_path / "out"), str(script)]
    assert main([*call, "--participant-label", "77"]) == 65
    assert "no participant 77" in capsys.readouterr().err
    assert not script.exists()
