"""The script of a cluster: every job is the participant that its number says."""

import os
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from drmbids.app.cli.main import main
from drmbids.app.commands.cluster import MOST_RESTARTS


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
    stand_in.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\nsleep 0.1\n')
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
    asked = "--n-epochs 7 --mem-mb 4000 --time 2:00:00 --n-cpus 2 --n-jobs-at-once 5"
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


SBATCH = """\
#!/bin/bash
# a stand-in for Slurm: runs the jobs of an array one after another, and those queued again too
export SLURM_ARRAY_JOB_ID=7
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$1")
signal=$(sed -n 's/^#SBATCH --signal=B:\\([A-Z0-9]*\\)@.*/\\1/p' "$1")
for task in $(seq 0 $last); do
    export SLURM_ARRAY_TASK_ID=$task SLURM_RESTART_COUNT=0
    while true; do
        rm -f "$QUEUE/7_$task"
        bash "$1" & job=$!
        if [ $SLURM_RESTART_COUNT -lt $STOPS ]; then
            while [ ! -e "$QUEUE/started" ]; do sleep 0.02; done
            rm "$QUEUE/started"; kill -$signal $job
        fi
        wait $job; echo "$task $?" >> "$QUEUE/codes"
        [ -e "$QUEUE/7_$task" ] || break
        SLURM_RESTART_COUNT=$((SLURM_RESTART_COUNT + 1))
    done
done
"""
SCONTROL = '#!/bin/bash\n[ "$1" = requeue ] && touch "$QUEUE/$2"\n'
# takes up its work: counts its lives in a file, ends with 75 when it is told to stop
ANALYSIS = """\
#!/bin/bash
trap 'exit 75' USR1
echo "${@: -1}" >> "$QUEUE/lives"
if [ $SLURM_RESTART_COUNT -lt $STOPS ]; then
    touch "$QUEUE/started"; while true; do sleep 0.02; done
fi
"""


def test_a_job_that_is_told_to_stop_is_queued_again(dataset: Path, tmp_path: Path) -> None:
    script, folder = tmp_path / "jobs.sh", tmp_path / "bin"
    assert main(["cluster", str(dataset), str(tmp_path / "out"), str(script)]) == 0
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL), ("drmbids", ANALYSIS)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "QUEUE": str(tmp_path), "STOPS": "2"}
    subprocess.run(["sbatch", str(script)], env=environment, check=True, timeout=60)
    codes = (tmp_path / "codes").read_text().splitlines()
    assert codes == [f"{task} {code}" for task in range(3) for code in (75, 75, 0)]
    lives = (tmp_path / "lives").read_text().split()
    assert lives == ["01"] * 3 + ["02"] * 3 + ["10"] * 3
    assert "#SBATCH --requeue\n" in script.read_text()


@pytest.mark.parametrize(
    ("how", "lives", "queued"),
    [("USR1", 0, True), ("USR1", MOST_RESTARTS, False), ("TERM", 0, False)],
)
def test_only_a_job_near_its_limit_queues_itself_and_not_for_ever(
    dataset: Path, tmp_path: Path, how: str, lives: int, queued: bool
) -> None:
    """SIGTERM may be a user's scancel."""
    script, folder = tmp_path / "jobs.sh", tmp_path / "bin"
    assert main(["cluster", str(dataset), str(tmp_path / "out"), str(script)]) == 0
    folder.mkdir()
    for name, text in (("scontrol", SCONTROL), ("drmbids", ANALYSIS.replace("USR1", how))):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    job = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "0", "QUEUE": str(tmp_path)}
    told = {"SLURM_RESTART_COUNT": str(lives), "STOPS": "1000"}
    process = subprocess.Popen(
        ["bash", str(script)], env={**os.environ, **job, **told, "PATH": path}
    )
    until = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.Signals[f"SIG{how}"])
    assert process.wait(30) == 75
    assert (tmp_path / "7_0").exists() == queued
