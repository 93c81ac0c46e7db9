"""Participants as jobs of submitit: with a stand-in for it, and, where it is there, with itself."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from drmbids.app.analysis.config import Config
from drmbids.app.commands import submit
from drmbids.app.commands.submit import ParticipantJob, run_jobs
from drmbids.data.tools.exceptions import UsageError


@pytest.fixture
def config(tmp_path: Path) -> Config:
    for label in ("01", "02"):
        (tmp_path / "ds" / f"sub-{label}" / "func").mkdir(parents=True)
        (tmp_path / "ds" / f"sub-{label}" / "func" / f"sub-{label}_task-a_bold.nii.gz").touch()
    description = '{"Name": "a", "BIDSVersion": "1.10.1"}'
    (tmp_path / "ds" / "dataset_description.json").write_text(description)
    return Config(tmp_path / "ds", tmp_path / "out", "participant", n_cpus=3, verbosity=-1)


class Executor:
    """Runs jobs where they are submitted."""

    def __init__(self) -> None:
        self.jobs: list[ParticipantJob] = []

    @contextmanager
    def batch(self):
        yield

    def submit(self, job: ParticipantJob) -> SimpleNamespace:
        self.jobs.append(job)
        return SimpleNamespace(result=job)


def test_each_participant_is_a_job(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    seen = []

    def analyse(own: Config) -> int:
        seen.append(own.participant_label)
        return 65 if own.participant_label == ("02",) else 0

    monkeypatch.setattr(submit, "run_participants", analyse)
    executor = Executor()
    assert run_jobs(config, executor) == [0, 65]
    assert seen == [("01",), ("02",)]
    assert all(job.config.bids_dir.is_absolute() for job in executor.jobs)
    again = executor.jobs[0].checkpoint()
    assert again.function == executor.jobs[0] and not again.args


def test_without_submitit(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(submit, "import_module", absent)
    with pytest.raises(UsageError, match=r"pip install 'drmbids\[hpc\]'"):
        run_jobs(config)


@pytest.mark.slow
def test_processes_of_this_machine(config: Config) -> None:
    """The images are empty, so that the job ends in the code for data that cannot be used."""
    pytest.importorskip("submitit")
    one = replace(config, participant_label=("02",))
    assert run_jobs(one, "local", timeout_min=5) == [65]
    assert [p.name for p in config.out_dir.glob("sub-*.html")] == ["sub-02.html"]
    assert list((config.out_dir / "logs" / "submitit").iterdir())


def test_a_parameter_that_submitit_does_not_know(config: Config) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(UsageError, match="submitit: "):
        run_jobs(config, "local", minutes=5)
